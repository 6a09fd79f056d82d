"""Small rings and readings, so that whoever does not take at once falls behind, and a store that counts its reads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, Topic
from eventstore.model.log import Reader
from eventstore.tail import Hub, Start, holding, ring
from eventstore.tail.reading import read_buffer
from eventstore.tail.shared import ordered_reader, reading
from tests.contract.helpers import soon
from tests.unit.tail.subscribers.watching import Watching
from tests.unit.tail.trimming import Trimming


class CountedReader:
    """A reader of which the log counts what it gives."""

    def __init__(self, reader: Reader, log: "Counting") -> None:
        self._reader, self._log = reader, log

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        return self._log.counted(lambda: self._reader.read(limit=limit, timeout=timeout))

    def close(self) -> None:
        self._reader.close()


class Counting(Trimming):
    """Counts the messages that a shared reading was given (``given``). After ``most`` of them it does not answer."""

    given = 0
    most = 1_000_000

    def read_forward(self, *arguments: Any, **options: Any) -> Sequence[Message]:
        return self.counted(lambda: super(Counting, self).read_forward(*arguments, **options))

    def open_reader(self, *arguments: Any, **options: Any) -> Any:
        opened = super().open_reader(*arguments, **options)
        return CountedReader(opened, self) if threading.current_thread() in reading_threads() else opened

    def counted(self, read: Callable[[], Sequence[Message]]) -> Sequence[Message]:
        if self.given >= self.most:
            raise StoreUnreachable("The store does not answer now.")
        found = read()
        self.given += len(found)
        return found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "MOST_EVENTS", 40)
    monkeypatch.setattr(read_buffer, "FULL_EVENTS", 10)
    monkeypatch.setattr(read_buffer, "BEAT", 0.005)
    monkeypatch.setattr(reading, "PAUSE", 0.02)
    monkeypatch.setattr(ordered_reader, "MOST_AT_ONCE", 10)
    monkeypatch.setattr(ordered_reader, "WAIT", 0.02)
    monkeypatch.setattr(holding, "STUCK_SECONDS", 0.0)


@pytest.fixture
def log(desk_databases: object) -> Counting:
    return Counting()


def reading_threads() -> Sequence[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.endswith(" missed")]


@pytest.fixture
def watch(hub: Hub) -> Iterator[Callable[..., Watching]]:
    """Opens scripts. They leave at the end of the test, and then no reading goes on, however long it would wait for them."""
    scripts: list[Watching] = []

    def opened(topic: Topic, start: Start | None = None, **options: Any) -> Watching:
        watching = Watching(hub.open([topic], start or Start(), lambda: None, **{"complete": True, **options}))
        scripts.append(watching)
        watching.take()
        return watching

    yield opened
    for script in scripts:
        script.subscriber.close()
    assert soon(lambda: not reading_threads())
