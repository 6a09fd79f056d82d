"""Batches that wait are written in one transaction, and what one of them or the transaction does loses and doubles nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError

from eventstore.index.indexer import batch_queue
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue, write_together
from eventstore.index.lookup import anomaly_lookup
from eventstore.index.tables.database import atomic, connection
from eventstore.index.writing import writer
from eventstore.index.writing.partition import Memory, Partition, move_checkpoint, open_partition
from eventstore.index.writing.prepared_batch import prepare_batch
from eventstore.model.events import Topic
from tests.indexing import event, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")

TOPIC = Topic(name="patients", partitions=3)


def opened_by(memory: Memory) -> list[Any]:
    """Return the topic's partitions as an indexer has them open."""
    return [
        SimpleNamespace(
            assigned=AssignedPartition(topic=TOPIC, number=number, row=number, epoch=0),
            writing=open_partition(TOPIC, number, memory),
            failed=False,
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
        assert write_together(found) == found
    assert len(said) == 1
    assert queue.ready(299) == []
    assert write_together(queue.ready(300)) == waiting[3:]
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
    assert write_together([*sound[:1], batch(opened[1], 0, 1), batch(opened[1], 2), *sound[1:]]) == sound
    assert indexed() == [[0, 1] if number in together_with else [] for number in range(3)]
    assert [(one.failed, one.assigned.failures) for one in opened] == [(False, 0), (True, 1), (False, 0)]


def test_after_a_transaction_that_failed_everything_is_written_once_and_nothing_is_a_duplicate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory()
    for opened, more in ((opened_by(memory), False), (opened_by(memory), True)):

        @contextmanager
        def failing() -> Iterator[None]:
            with atomic():
                yield
                raise DatabaseError("disk full")

        batches = [batch(opened[0], *range(100)), batch(opened[1], *range(10)), batch(opened[0], *range(100, 200))]
        if not more:
            monkeypatch.setattr(batch_queue, "atomic", failing)
        assert write_together(batches) == (batches if more else [])
        assert [one.failed for one in opened] == [not more, not more, False]
        monkeypatch.setattr(batch_queue, "atomic", atomic)
    assert indexed() == [list(range(200)), list(range(10)), []]
    assert anomaly_lookup.anomaly_lines("duplicate_id", limit=5).items == []
