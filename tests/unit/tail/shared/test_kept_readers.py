"""Where there is much to read, readers are kept: each event comes once, and what was trimmed meanwhile is noticed."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message, NewMessage
from eventstore.tail.shared import ordered_reader
from eventstore.tail.shared.ordered_reader import OrderedReader, SomethingMissing
from tests.unit.tail.entries import numbered
from tests.unit.tail.trimming import Trimming

pytestmark = pytest.mark.usefixtures("desk_databases")
MANY = 300


class Opening(Trimming):
    """Notes its open readers, and what they were asked for. While ``away``, it does not answer to a read by place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Any] = []
        self.away = self.closes_badly = False
        self.asked: list[int] = []

    def open_reader(self, *arguments: Any, **options: Any) -> Any:
        opened: Any = super().open_reader(*arguments, **options)
        close, read, noted = opened.close, opened.read, self.open
        noted.append(opened)

        def closing() -> None:
            noted.remove(opened)
            close()
            if self.closes_badly:
                raise StoreUnreachable("The store does not answer now.")

        def reading(*, limit: int, timeout: float) -> Sequence[Message]:
            self.asked.append(limit)
            found: Sequence[Message] = read(limit=limit, timeout=timeout)
            return found

        opened.close, opened.read = closing, reading
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


def test_what_ends_a_reading_is_not_lost_in_the_closing_of_its_readers(log: Opening) -> None:
    log.closes_badly = True
    reader = reader_of(log, 3)
    reader.read()
    assert len(log.open) > 1
    log.away = True
    with pytest.raises(StoreUnreachable):
        reader.read()
    reader.close()
    assert log.open == []
    log.away = False
    reader = reader_of(log)
    assert reader.read() and reader.read()
    log.trim("documents", 200)
    with pytest.raises(SomethingMissing):
        reader.read()


@pytest.mark.parametrize("partitions", [1, 2])
def test_of_large_events_a_reader_is_asked_for_as_many_as_have_room_together(
    log: Opening, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    reader = reader_of(log, partitions)
    assert all_of(reader) and max(log.asked) == 30
    log.asked.clear()
    monkeypatch.setattr(ordered_reader, "BYTES_AT_ONCE", 8_000)
    large = [NewMessage(payload=b"x" * 1_000, key=f"k{number % 7}") for number in range(200)]
    log.append("documents", large)
    sizes = []
    while found := reader.read():
        sizes.append(sum(len(message.payload) for message in found))
    assert sum(sizes) == 200_000
    assert log.asked[0] == 30, "nobody knows yet"
    assert max(log.asked[2 * partitions :]) <= 8


def test_what_a_reader_has_not_asked_for_yet_comes_before_what_is_later(log: Opening) -> None:
    log.create_topic("documents", partitions=2)
    by_partition: dict[int, str] = {}
    for number in range(20):
        (position,) = log.append("documents", [NewMessage(payload=b"", key=f"k{number}")])
        by_partition[position.partition] = f"k{number}"
    keys = [key for _, key in sorted(by_partition.items())]
    places = {end.partition: end.last.token for end in log.ends("documents") if end.last}
    for key, numbers_here in zip(keys, (range(200), range(200, 250)), strict=True):
        log.append("documents", [NewMessage(payload=str(number).encode(), key=key) for number in numbers_here])

    def read_to() -> Mapping[int, str]:
        """The tail has read one event more than was given: the store has more."""
        return {partition: f"{token}!" for partition, token in reader.places.items()}

    reader = OrderedReader(log, "documents", places, read_to)
    assert all_of(reader) == list(range(250))
