"""Batches that wait are written in one transaction, and what one of them or the transaction does loses and doubles nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer import batch_queue
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue, write_together
from eventstore.index.indexer.failures import MOST_TRIES
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.lookup import anomaly_lookup
from eventstore.index.tables.database import atomic, connection
from eventstore.index.writing import writer
from eventstore.index.writing.partition import Memory, Partition, move_checkpoint, open_partition
from eventstore.index.writing.prepared_batch import PreparedBatch, prepare_batch
from eventstore.model.anomalies import Anomaly
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Topic
from tests.index import running_indexers
from tests.indexing import event, index, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")

TOPIC = Topic(name="patients", partitions=3)


def opened_by(memory: Memory) -> list[Any]:
    """Return the topic's partitions as an indexer has them open."""
    return [
        SimpleNamespace(
            assigned=AssignedPartition(topic=TOPIC, number=number, row=number, epoch=0),
            writing=open_partition(TOPIC, number, memory),
            failed=False,
            written=0,
        )
        for number in range(TOPIC.partitions)
    ]


def batch(opened: Any, *numbers: int) -> Batch:
    writing: Partition = opened.writing
    events = [event(number, partition=writing.number, aggregate=("patient", f"p{number % 5}")) for number in numbers]
    return Batch(opened=opened, prepared=prepare_batch(TOPIC, writing.key, events))


def indexed() -> list[list[int]]:
    return [[pointer.ordinal for pointer in pointers("patients", number)] for number in range(TOPIC.partitions)]


@contextmanager
def failing() -> Iterator[None]:
    """A transaction that fails in the end."""
    with atomic():
        yield
        raise DatabaseError("disk full")


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Exception]]:
    """Event ids of which the index does not take the batch, and what makes the error of each."""
    errors: dict[str, Callable[[], Exception]] = {}

    def fragile(partition: Partition, row: Any, prepared: PreparedBatch, segment: int) -> None:
        for id in errors.keys() & set(prepared.columns.ids):
            raise errors[id]()
        move_checkpoint(partition, row, prepared, segment)

    monkeypatch.setattr(writer, "move_checkpoint", fragile)
    return errors


@contextmanager
def transactions() -> Iterator[list[str]]:
    """Collect how each transaction begins and ends."""
    said: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("BEGIN"):
            said.append(sql)
        return execute(sql, *rest)

    with connection().execute_wrapper(note):
        yield said


def test_batches_that_wait_are_written_in_one_transaction_in_their_order() -> None:
    opened, queue = opened_by(Memory()), BatchQueue()
    waiting = [batch(opened[0], 0, 1), batch(opened[1], 0), batch(opened[0], 2, 3, 4), batch(opened[2], *range(300))]
    for one in waiting:
        queue.put(one)
    first = queue.take(0.0)
    assert first is not None
    found = [first, *queue.ready(4)]
    assert found == waiting[:3]
    with transactions() as said:
        assert write_together(found) == (found, [])
    assert len(said) == 1
    assert queue.ready(299) == []
    assert write_together(queue.ready(300)) == (waiting[3:], [])
    assert indexed() == [[0, 1, 2, 3, 4], [0], list(range(300))]


@pytest.mark.parametrize("together_with", [[], [0, 2]])
def test_what_fails_in_one_partition_is_left_out_with_what_follows_there(
    together_with: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = opened_by(Memory())

    def fragile(partition: Partition, *rest: Any) -> None:
        if partition.number == 1:
            raise DatabaseError("a value that it cannot take")
        move_checkpoint(partition, *rest)

    monkeypatch.setattr(writer, "move_checkpoint", fragile)
    sound = [batch(opened[number], 0, 1) for number in together_with]
    assert write_together([*sound[:1], batch(opened[1], 0, 1), batch(opened[1], 2), *sound[1:]]) == (sound, [])
    assert indexed() == [[0, 1] if number in together_with else [] for number in range(3)]
    assert [(one.failed, one.assigned.failures) for one in opened] == [(False, 0), (True, 1), (False, 0)]


def test_after_a_transaction_that_failed_everything_is_written_once_and_nothing_is_a_duplicate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory()
    for opened, more in ((opened_by(memory), False), (opened_by(memory), True)):
        batches = [batch(opened[0], *range(100)), batch(opened[1], *range(10)), batch(opened[0], *range(100, 200))]
        if not more:
            monkeypatch.setattr(batch_queue, "atomic", failing)
        assert write_together(batches) == (batches if more else [], [])
        assert [one.failed for one in opened] == [not more, not more, False]
        monkeypatch.setattr(batch_queue, "atomic", atomic)
    assert indexed() == [list(range(200)), list(range(10)), []]
    assert anomaly_lookup.anomaly_lines(Anomaly.DUPLICATE_ID, limit=5).items == []


def test_what_fails_behind_what_was_written_is_noted_after_it_and_once_the_transaction_is_over(
    bad: dict[str, Callable[[], Exception]],
) -> None:
    opened = opened_by(Memory())
    failed_meanwhile: list[bool] = []

    def error_later() -> Exception:
        failed_meanwhile.extend(one.failed for one in opened)
        return DatabaseError("another that it cannot take")

    bad |= {"e-patients-0-2": lambda: DatabaseError("a value that it cannot take"), "e-patients-1-0": error_later}
    sound = [batch(opened[0], 0, 1), batch(opened[2], 0)]
    given = [sound[0], batch(opened[0], 2, 3, 4), batch(opened[1], 0, 1), batch(opened[0], 5), sound[1]]
    assert write_together(given) == (sound, [])
    assert failed_meanwhile == [False] * 3
    assigned = [one.assigned for one in opened]
    assert [(one.failures, one.narrowing.suspects, one.works) for one in assigned] == [
        (1, 3, False),
        (1, 2, False),
        (0, 0, True),
    ]
    assert [(one.failed, one.written) for one in opened] == [(True, 1), (True, 0), (False, 1)]


def test_an_error_that_ends_the_transaction_blames_the_message_only_where_it_is_written_alone(
    bad: dict[str, Callable[[], Exception]],
) -> None:
    def rolled_back() -> Exception:
        """As SQLite does by itself after some errors: no savepoint is left to go back to."""
        with connection().cursor() as cursor:
            cursor.execute("ROLLBACK")
        return DatabaseError("the database disk image is malformed")

    bad["e-patients-1-0"] = rolled_back
    memory = Memory()
    opened = opened_by(memory)
    written: list[list[int]] = []
    for place in range(MOST_TRIES + 1):
        left: Any = [batch(one, 0 if number == 1 else max(0, place - 1)) for number, one in enumerate(opened)]
        written.append([])
        while left:
            found, left = write_together(left)
            written[-1] += [one.opened.writing.number for one in found]
        assert [one.assigned.narrowing.suspects for one in opened] == [0, int(place > 0), 0]
        for one in opened:
            one.writing, one.failed = open_partition(TOPIC, one.writing.number, memory), False
    assert written == [[], *[[0, 2]] * MOST_TRIES]
    assert indexed() == [list(range(MOST_TRIES)), [], list(range(MOST_TRIES))]
    assert [one.assigned.narrowing.is_found for one in opened] == [False, True, False]


def test_a_partition_is_written_with_others_again_once_nothing_is_suspected_of_it() -> None:
    assigned = opened_by(Memory())[0].assigned
    for messages in (None, 5):
        assigned.note_failure(DatabaseError("malformed"), messages)
    alone = []
    for _ in range(3):
        assigned.mark_ok(2)
        alone.append(assigned.alone)
    assert alone == [True, True, False]


def test_what_is_away_is_asked_once_in_a_transaction_and_what_waits_is_left(bad: dict[str, Callable[[], Exception]]) -> None:
    opened = opened_by(Memory())
    bad["e-patients-1-0"] = lambda: StoreUnreachable("The database default does not answer.")
    sound, away, behind = batch(opened[0], 0), batch(opened[1], 0), [batch(opened[2], 0), batch(opened[1], 1)]
    assert write_together([sound, away, *behind]) == ([sound], behind)
    assert write_together(behind) == (behind[:1], [])
    assert indexed() == [[0], [], [0]]


def test_a_transaction_that_takes_long_leaves_the_rest_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "MOST_SECONDS", -1.0)
    opened, queue = opened_by(Memory()), BatchQueue()
    waiting = [batch(opened[0], 0), batch(opened[0], 1, 2), batch(opened[1], 0), batch(opened[2], 0)]
    for one in waiting[:3]:
        queue.put(one)
    given = queue.ready(100)
    queue.put(waiting[3])
    written, left = write_together(given)
    assert (written, left) == (waiting[:1], waiting[1:3])
    queue.put_back(left)
    assert queue.ready(100) == waiting[1:]
    storage = DatabaseStorage()
    running_indexers.published(storage, 200, partitions=4)
    assert index_until_caught_up(running_indexers.following(storage, threading.Event(), batch=5)) == 200
    assert running_indexers.indexed() == 200


def test_an_id_is_a_duplicate_of_what_another_writer_wrote_where_a_transaction_had_failed(
    bad: dict[str, Callable[[], Exception]], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    opened = opened_by(memory)
    bad["e-patients-1-0"] = lambda: DatabaseError("a value that it cannot take")
    with monkeypatch.context() as patched:
        patched.setattr(batch_queue, "atomic", failing)
        given = [batch(opened[0], *range(100)), batch(opened[1], 0), batch(opened[2], *range(100))]
        assert write_together(given) == ([], [])
    index([event(number, id=f"other-{number}") for number in range(100)], topic=TOPIC)
    again = [event(number, partition=2, id=f"other-{number}" if number == 7 else "") for number in range(100)]
    index(again, topic=TOPIC, partition=2, memory=memory)
    (line,) = anomaly_lookup.anomaly_lines(Anomaly.DUPLICATE_ID, limit=5).items
    assert (line.pointer.position.partition, line.pointer.ordinal) == (2, 7)
