"""One message that nobody foresaw: it is indexed as unreadable, the others as ever, and what cannot go on is named."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, Error, InterfaceError, OperationalError
from msgspec.structs import replace

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.indexer import assigned_partition, batch_queue, failures
from eventstore.index.lookup import anomaly_lookup, hour_counts, progress, queries
from eventstore.index.writing.prepared_batch import PreparedBatch
from eventstore.index.writing.writer import write_prepared
from eventstore.model.events import NO_TIME, Event, Message, NewMessage, Position, Topic
from eventstore.model.log import Edge, Reader
from eventstore.model.progress import TroubledPartition
from tests.contract.helpers import soon
from tests.index.running_indexers import ENVELOPE, indexed, running
from tests.indexing import event, index, pointers
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry", "without_pauses")

SECRET = "secret payload"
PATIENTS = Topic(name="patients")


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigned_partition, "FIRST_TROUBLE", 0.01)
    monkeypatch.setattr(assigned_partition, "LONGEST_TROUBLE", 0.02)


class Strange(DatabaseLog):
    """A log that changes what its readers deliver."""

    def __init__(self, change: Callable[[Message], Message]) -> None:
        super().__init__()
        self.change = change

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        reader = super().open_reader(topic, partition, after=after)
        read = reader.read
        reader.read = lambda **how: [self.change(one) for one in read(**how)]  # type: ignore[method-assign]
        return reader


def published(storage: DatabaseStorage, count: int) -> None:
    storage.log.create_topic("documents")
    messages = [NewMessage(payload=b"{}", key=f"k{n % 7}", properties={**ENVELOPE, "ce_id": f"e-{n}"}) for n in range(count)]
    storage.log.append("documents", messages)


def fails_on(wanted: str, prepared: PreparedBatch) -> None:
    if wanted in prepared.columns.ids:
        raise DataError(SECRET)


def troubled() -> list[TroubledPartition]:
    return list(progress.troubled())


def test_an_event_of_which_no_time_is_known_is_in_its_stream_and_is_no_anomaly() -> None:
    known = [event(0), event(2), event(4)]
    timeless = [event(number, published=NO_TIME) for number in (1, 3)]
    index(sorted([*known, *timeless], key=lambda one: one.position.token), topic=PATIENTS)
    assert [(pointer.version, pointer.time == NO_TIME) for pointer in pointers()] == [
        (1, False), (2, True), (3, False), (4, True), (5, False),
    ]  # fmt: skip
    assert anomaly_lookup.anomaly_counts() == {}
    aggregate = queries.aggregate("patient", "4711")
    assert aggregate is not None
    assert (aggregate.events, aggregate.first_time, aggregate.last_time) == (5, known[0].time, known[-1].time)


def test_a_stream_that_begins_without_a_time_begins_with_the_first_one_that_is_known() -> None:
    index([event(0, published=NO_TIME), event(1), event(2)], topic=PATIENTS)
    aggregate = queries.aggregate("patient", "4711")
    assert aggregate is not None
    assert aggregate.first_time == event(1).time


def test_what_has_no_time_is_in_no_hour() -> None:
    index([event(0, published=NO_TIME)], topic=PATIENTS)
    assert hour_counts.hours_of("patients", 24) == []
    index([event(1)], topic=PATIENTS)
    assert [sum(types.values()) for _, types in hour_counts.hours_of("patients", 24)] == [1]


def test_the_check_finds_no_difference_between_unknown_times() -> None:
    storage = StorageOver(Strange(lambda message: replace(message, published=NO_TIME)))
    published(storage, 5)
    with running(storage):
        assert soon(lambda: indexed() == 5)
    (report,) = check_topic(storage, Config(), Topic(name="documents"), lambda count: None, threading.Event())
    assert report.difference == ""


def test_an_event_that_cannot_be_prepared_is_indexed_as_unreadable(caplog: pytest.LogCaptureFixture) -> None:
    storage = DatabaseStorage()
    published(storage, 20)

    def values_of(topic: Topic, events: Sequence[Event]) -> Sequence[Sequence[tuple[str, str]]]:
        if any(event.id == "e-7" for event in events):
            raise ValueError(SECRET)
        return [()] * len(events)

    with running(storage, values_of=values_of):
        assert soon(lambda: indexed() == 20)
    assert [pointer.ordinal for pointer in pointers("documents") if pointer.unreadable] == [7]
    (report,) = check_topic(storage, Config(), Topic(name="documents"), lambda count: None, threading.Event(), values_of)
    assert report.difference == "", "the check prepares it as the indexer did"
    assert SECRET not in caplog.text


@pytest.mark.parametrize("bad", [0, 77, 199])
def test_a_message_that_the_index_cannot_take_is_found_and_the_indexer_goes_on_behind_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bad: int
) -> None:
    write = write_prepared

    def fragile(partition: Any, prepared: PreparedBatch) -> int:
        fails_on(f"e-{bad}", prepared)
        return write(partition, prepared)

    monkeypatch.setattr(batch_queue, "write_prepared", fragile)
    storage = DatabaseStorage()
    published(storage, 200)
    with running(storage):
        assert soon(lambda: indexed() == 200)
        assert soon(lambda: troubled() == [])
    there = pointers("documents")
    assert [pointer.ordinal for pointer in there if pointer.unreadable] == [bad]
    sound = [pointer.event_id for pointer in there if not pointer.unreadable]
    assert sound == [f"e-{n}" for n in range(200) if n != bad]
    (line,) = anomaly_lookup.anomaly_lines("unreadable", limit=5).items
    assert "cannot be read" in line.detail
    assert "DataError" in line.detail
    assert SECRET not in caplog.text + line.detail


def test_a_partition_that_fails_again_and_again_is_named_with_its_position_and_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken: list[str] = []

    def change(message: Message) -> Message:
        if broken:
            raise ValueError(SECRET)
        return message

    storage = StorageOver(Strange(change))
    published(storage, 10)
    before = datetime.now(UTC)
    with running(storage):
        assert soon(lambda: indexed() == 10)
        broken.append("now")
        published(storage, 10)
        assert soon(lambda: troubled() != [])
        (one,) = troubled()
        assert (one.topic, one.partition) == ("documents", 0)
        assert one.after is not None
        assert storage.log.position("documents", 0, one.after.token).label == "9"
        assert "ValueError" in one.reason
        assert before <= one.since <= datetime.now(UTC)
        assert indexed() == 10
        broken.clear()
        assert soon(lambda: (indexed(), troubled()) == (20, []))
    assert SECRET not in caplog.text + one.reason


def test_a_partition_that_failed_without_a_new_message_works_again_once_it_is_read_to_its_end() -> None:
    class Broken(DatabaseLog):
        def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
            if broken:
                raise ValueError(SECRET)
            return super().open_reader(topic, partition, after=after)

    broken = ["now"]
    storage = StorageOver(Broken())
    storage.log.create_topic("documents")
    with running(storage):
        assert soon(lambda: troubled() != [])
        broken.clear()
        assert soon(lambda: troubled() == [])


def test_an_indexer_that_takes_a_partition_over_keeps_since_when_it_has_failed() -> None:
    tried = threading.Semaphore(0)

    def change(message: Message) -> Message:
        tried.release()
        raise ValueError(SECRET)

    storage = StorageOver(Strange(change))
    published(storage, 10)
    with running(storage):
        assert soon(lambda: troubled() != [])
    (before,) = troubled()
    while tried.acquire(blocking=False):
        pass
    with running(storage, "two"):
        for _ in range(assigned_partition.OFTEN + 2):
            assert tried.acquire(timeout=20)
    assert troubled() == [before]


def test_halving_finds_the_one_message_and_passes_over_it() -> None:
    narrowing, bad, place, steps = failures.Narrowing(), 12_345, 0, 0
    while place < 20_000:
        steps += 1
        count = min(narrowing.limit(20_000), 20_000 - place)
        if place <= bad < place + count and not (place == bad and narrowing.is_found):
            narrowing.note_failure(count, "DataError")
        else:
            narrowing.note_success(count)
            place += count
    assert steps < 40
    assert narrowing.suspects == 0


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_in_trouble_is_no_messages_fault(kind: type[Error]) -> None:
    assert not failures.may_be_the_message(kind("away"))
    assert failures.may_be_the_message(DataError("22021"))
