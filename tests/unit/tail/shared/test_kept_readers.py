"""Where there is much to read, readers are kept: each event comes once, and what was trimmed meanwhile is noticed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message
from eventstore.tail.shared import ordered_reader
from eventstore.tail.shared.ordered_reader import OrderedReader, SomethingMissing
from tests.unit.tail.entries import numbered
from tests.unit.tail.trimming import Trimming

pytestmark = pytest.mark.usefixtures("desk_databases")
MANY = 300


class Opening(Trimming):
    """Notes its open readers. While ``away``, it does not answer to a read by place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Any] = []
        self.away = False

    def open_reader(self, *arguments: Any, **options: Any) -> Any:
        opened: Any = super().open_reader(*arguments, **options)
        close, noted = opened.close, self.open
        noted.append(opened)

        def closing() -> None:
            noted.remove(opened)
            close()

        opened.close = closing
        return opened

    def read_forward(self, *arguments: Any, **options: Any) -> Sequence[Message]:
        if self.away:
            raise StoreUnreachable("The store does not answer now.")
        return super().read_forward(*arguments, **options)


@pytest.fixture
def log(desk_databases: object, monkeypatch: pytest.MonkeyPatch) -> Opening:
    monkeypatch.setattr(ordered_reader, "MOST_AT_ONCE", 30)
    monkeypatch.setattr(ordered_reader, "WAIT", 0.01)
    return Opening()


def reader_of(log: Opening, partitions: int = 1) -> OrderedReader:
    log.create_topic("documents", partitions=partitions)
    log.append("documents", numbered(range(MANY)))

    def read_to() -> Mapping[int, str]:
        return {end.partition: end.last.token if end.last else "" for end in Trimming().ends("documents")}

    return OrderedReader(log, "documents", dict.fromkeys(range(partitions), ""), read_to)


def numbers(messages: Sequence[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


def all_of(reader: OrderedReader) -> list[int]:
    found: list[int] = []
    while more := reader.read():
        found += numbers(more)
    return found


@pytest.mark.parametrize(("partitions", "kept"), [(1, 4), (1, 0), (3, 4), (3, 1)])
def test_every_event_comes_once_however_many_readers_are_kept(
    log: Opening, monkeypatch: pytest.MonkeyPatch, partitions: int, kept: int
) -> None:
    monkeypatch.setattr(ordered_reader, "MOST_READERS", kept)
    reader = reader_of(log, partitions)
    found = all_of(reader)
    assert sorted(found) == list(range(MANY))
    assert found == sorted(found) or partitions > 1
    assert len(log.open) == min(partitions, kept)
    log.append("documents", numbered(range(MANY, MANY + 10)))
    assert sorted(all_of(reader)) == list(range(MANY, MANY + 10))
    reader.close()
    assert log.open == []


def test_what_was_trimmed_behind_a_reader_that_is_kept_is_noticed(log: Opening) -> None:
    reader = reader_of(log)
    had = len(reader.read()) + len(reader.read())
    assert log.open and had < 100
    log.trim("documents", 200)
    with pytest.raises(SomethingMissing):
        reader.read()
    assert log.open == []


def test_what_was_read_before_the_store_went_away_is_read_again(log: Opening) -> None:
    reader = reader_of(log)
    had = numbers(reader.read())
    assert log.open
    log.away = True
    for _ in range(2):
        with pytest.raises(StoreUnreachable):
            reader.read()
        assert log.open == []
    log.away = False
    assert had + all_of(reader) == list(range(MANY))
