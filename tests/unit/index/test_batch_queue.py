"""What is on its way from the readers to the writer: in order, and never more than so many events and bytes."""

import threading
import time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eventstore.index.indexer import batch_queue as queue_module
from eventstore.index.indexer.assigned_partition import AssignedPartition, OpenPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue
from eventstore.index.indexer.schedule import Schedule
from eventstore.index.tables.keys import key_of
from eventstore.index.writing.prepared_batch import prepare_batch
from eventstore.model.events import Topic
from tests.indexing import event

PATIENCE = 30.0


def batch(first: int, count: int) -> Batch:
    opened = cast(OpenPartition, SimpleNamespace(failed=False))
    events = [event(first + number) for number in range(count)]
    return Batch(opened=opened, prepared=prepare_batch(Topic(name="patients"), key_of(bytes(16)), events))


def assigned(number: int) -> AssignedPartition:
    return AssignedPartition(topic=Topic(name="patients"), number=number, row=number, epoch=1)


def in_thread(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_batches_come_in_the_order_in_which_they_were_put() -> None:
    queue = BatchQueue()
    for first in range(5):
        queue.put(batch(first, 1))
    taken = [queue.take(0) for _ in range(6)]
    assert [found.prepared.columns.ids[0] if found else None for found in taken] == [*(event(n).id for n in range(5)), None]


def test_whoever_puts_more_than_there_is_room_for_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MOST_EVENTS", 10)
    queue, done = BatchQueue(), threading.Semaphore(0)

    def putting() -> None:
        for first in range(6):
            queue.put(batch(first, 4))
            done.release()

    in_thread(putting)
    for _ in range(2):
        assert done.acquire(timeout=PATIENCE)
    assert not done.acquire(timeout=0.2)
    for _ in range(4):
        assert queue.take(PATIENCE)
        assert done.acquire(timeout=PATIENCE)
        assert queue._events <= 10


def test_a_batch_that_is_larger_than_all_room_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MOST_EVENTS", 2)
    queue = BatchQueue()
    queue.put(batch(0, 5))
    thread = in_thread(lambda: queue.put(batch(5, 5)))
    assert queue.take(0)
    thread.join(PATIENCE)
    assert queue.take(0)


def test_closing_lets_everybody_go_and_forgets_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MOST_EVENTS", 1)
    queue = BatchQueue()
    queue.put(batch(0, 1))
    waiting = [in_thread(lambda: queue.put(batch(1, 1))) for _ in range(3)]
    queue.close()
    for thread in waiting:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert queue.take(PATIENCE) is None


def test_the_partition_that_is_due_longest_comes_first_and_one_that_is_not_due_does_not_come() -> None:
    schedule = Schedule()
    partitions = [assigned(number) for number in range(4)]
    for due, one in zip((3.0, 1.0, float("inf"), 2.0), partitions, strict=True):
        schedule.put(one, due)
    found = [schedule.next() for _ in range(3)]
    assert [one.number for one in found if one] == [1, 3, 0]
    assert schedule.close() == [partitions[2]]
    assert schedule.next() is None
    assert not schedule.put(partitions[0], 0.0)


def test_a_busy_partition_does_not_come_twice_while_another_is_due() -> None:
    schedule, order = Schedule(), []
    for number in range(3):
        schedule.put(assigned(number), 0.0)
    for turn in range(1, 31):
        one = schedule.next()
        assert one
        order.append(one.number)
        schedule.put(one, float(turn) / 1_000)
    assert all(one != other for one, other in pairwise(order))
    assert {order.count(number) for number in range(3)} == {10}


def test_a_partition_to_which_something_came_is_due_at_once_and_comes_once() -> None:
    schedule, one, other = Schedule(), assigned(1), assigned(2)
    later = time.monotonic() + 3_600
    schedule.put(one, later)
    schedule.put(other, later + 1)
    schedule.hurry(other)
    schedule.hurry(other)
    assert schedule.next() is other
    schedule.hurry(other)  # while a thread has it
    schedule.put(other, later)
    assert schedule.next() is other
    schedule.put(other, 0.0)
    assert schedule.next() is other
    assert schedule.close() == [one], "none of it is left over"


def test_a_waiting_thread_gets_a_partition_that_becomes_due_earlier() -> None:
    schedule, one, found = Schedule(), assigned(1), []
    schedule.put(one, time.monotonic() + 3_600)
    waiting = in_thread(lambda: found.append(schedule.next()))
    schedule.hurry(one)
    waiting.join(PATIENCE)
    assert found == [one]


def test_a_partition_is_with_one_thread_at_a_time() -> None:
    schedule, lock = Schedule(), threading.Lock()
    inside: set[int] = set()
    turns, clashes = [0] * 20, []

    def serving() -> None:
        while one := schedule.next():
            with lock:
                if one.number in inside:
                    clashes.append(one.number)
                inside.add(one.number)
                turns[one.number] += 1
            with lock:
                inside.discard(one.number)
            schedule.put(one, 0.0)

    threads = [in_thread(serving) for _ in range(4)]
    for number in range(20):
        schedule.put(assigned(number), 0.0)
    while min(turns) < 20:
        threads[0].join(0.01)
    schedule.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert clashes == []
