"""The indexer while things go wrong: it never ends for an error that passes, and never takes silence for the end."""

import threading
from collections.abc import Sequence

import pytest

from eventstore.config import Config
from eventstore.drivers.database.reading import TableReader
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.errors import StoreRefused
from eventstore.events import Message, NewMessage, Position, Topic
from eventstore.index import following as following_module
from eventstore.index.following import Following, follow_everything, index_until_caught_up
from eventstore.index.models import IndexedPartition, PointerRow
from eventstore.storage import Edge, Ends, Reader
from tests.contract.helpers import eventually

pytestmark = pytest.mark.usefixtures("desk_databases")


class RefusingAtFirst(DatabaseStorage):
    """A store whose administration answers 500 a few times, as a broker does while it starts."""

    refusals = 2

    def topics(self) -> Sequence[Topic]:
        if self.refusals:
            self.refusals -= 1
            raise StoreRefused("The broker answered 500.")
        return super().topics()


class Silent(DatabaseStorage):
    """A store whose readers deliver nothing, as on a connection that is half dead."""

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        reader = super().open_reader(topic, partition, after=after)
        assert isinstance(reader, TableReader)
        reader.read = lambda *, limit, timeout: self.nothing(timeout)  # type: ignore[method-assign]
        return reader

    def nothing(self, timeout: float) -> Sequence[Message]:
        threading.Event().wait(timeout)
        return []


def following(storage: DatabaseStorage, stop: threading.Event) -> Following:
    return Following(storage=storage, config=Config(), stop=stop, on_batch=lambda topic, partition, events: None)


def published(storage: DatabaseStorage, count: int) -> None:
    storage.create_topic("documents")
    storage.append("documents", [NewMessage(payload=b"{}", key="k") for _ in range(count)])


def run_until(storage: DatabaseStorage, done: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=follow_everything, args=(following(storage, done),))
    thread.start()
    return thread


def test_a_refusal_while_looking_for_topics_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_module, "LOOK_FOR_TOPICS", 0.05)
    storage, stop = RefusingAtFirst(), threading.Event()
    published(storage, 3)
    thread = run_until(storage, stop)
    try:
        assert eventually(lambda: PointerRow.objects.count() == 3)
    finally:
        stop.set()
        thread.join()


def test_silence_before_the_end_is_not_being_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_module, "CAUGHT_UP_EVERY", 0.0)
    monkeypatch.setattr(following_module, "WAIT", 0.02)
    storage, stop = Silent(), threading.Event()
    published(storage, 3)
    asked = threading.Semaphore(0)

    def ends(topic: str) -> Sequence[Ends]:
        asked.release()
        return DatabaseStorage.ends(storage, topic)

    monkeypatch.setattr(storage, "ends", ends)
    thread = run_until(storage, stop)
    try:
        for _ in range(3):
            assert asked.acquire(timeout=20)
    finally:
        stop.set()
        thread.join()
    assert IndexedPartition.objects.get().caught_up_at is None


def test_an_empty_partition_is_caught_up() -> None:
    storage = DatabaseStorage()
    storage.create_topic("documents")
    assert index_until_caught_up(following(storage, threading.Event())) == 0
    assert IndexedPartition.objects.get().caught_up_at is not None


def test_what_is_there_is_indexed_once_however_often_it_is_run() -> None:
    storage = DatabaseStorage()
    published(storage, 5)
    assert index_until_caught_up(following(storage, threading.Event())) == 5
    assert index_until_caught_up(following(storage, threading.Event())) == 0
    assert list(PointerRow.objects.order_by("ordinal").values_list("ordinal", flat=True)) == [0, 1, 2, 3, 4]
