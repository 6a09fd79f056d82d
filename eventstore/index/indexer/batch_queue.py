"""The queue of batches between the reader threads and the writing thread: in order, limited, without payloads.

Those of several partitions are written in one transaction. Where a topic has hundreds of partitions, a batch has some fifty
events, and to commit it was half of its time: each commit writes every page that was changed, mostly the same ones.
"""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import connections

from eventstore.index.indexer.assigned_partition import OpenPartition
from eventstore.index.tables import sql
from eventstore.index.tables.database import atomic, connection
from eventstore.index.writing.prepared_batch import PreparedBatch
from eventstore.index.writing.writer import write_prepared

MOST_EVENTS = 20_000
"""Limit of the queue. A single batch that is larger waits until the queue is empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A prepared batch of one open partition."""

    opened: OpenPartition
    prepared: PreparedBatch


class BatchQueue:
    """``put`` waits while the queue is full, ``take`` while it is empty. Thread-safe."""

    def __init__(self) -> None:
        lock = threading.Lock()
        self._not_empty, self._space = threading.Condition(lock), threading.Condition(lock)
        self._batches: deque[Batch] = deque()
        self._events = 0
        self._closed = False

    def put(self, batch: Batch) -> None:
        """Add a batch. Has no effect once the queue is closed."""
        with self._space:
            while not self._closed and not self._fits(batch):
                self._space.wait()
            if not self._closed:
                self._batches.append(batch)
                self._events += len(batch.prepared)
                self._not_empty.notify()

    def take(self, timeout: float) -> Batch | None:
        """Return the next batch; ``None`` if none comes within ``timeout`` seconds."""
        with self._not_empty:
            if not self._batches and not self._closed:
                self._not_empty.wait(timeout)
            if not self._batches:
                return None
            batch = self._batches.popleft()
            self._events -= len(batch.prepared)
            self._space.notify()
            return batch

    def ready(self, room: int) -> list[Batch]:
        """Return the next batches that are there already, up to so many events in all."""
        found: list[Batch] = []
        with self._space:
            while self._batches and len(self._batches[0].prepared) <= room:
                found.append(batch := self._batches.popleft())
                room -= len(batch.prepared)
                self._events -= len(batch.prepared)
            self._space.notify_all()
        return found

    def close(self) -> None:
        """Drop all batches, and wake all waiting threads."""
        with self._space:
            self._closed = True
            self._batches.clear()
            self._space.notify_all()
            self._not_empty.notify_all()

    def _fits(self, batch: Batch) -> bool:
        return not self._batches or self._events + len(batch.prepared) <= MOST_EVENTS


def room_beside(batch: Batch) -> int:
    """Return how many events of other batches may be written with this one.

    None on PostgreSQL: two indexers that hold several partitions at once could wait for each other.
    """
    return 0 if sql.postgres() else MOST_EVENTS - len(batch.prepared)


def write_together(batches: Sequence[Batch]) -> list[Batch]:
    """Write these batches, and return those that were: not those of partitions that were lost, or have failed since they were
    read. What one partition's events do is its own failure; what the transaction does is everybody's.
    """
    memory = batches[0].opened.writing.memory
    try:
        with atomic() if len(batches) > 1 else nullcontext():
            memory.duplicates.begin()
            return [batch for batch in batches if _is_written(batch)]
    except Exception as error:  # noqa: BLE001 -- noted of each partition, which goes on at its checkpoint
        memory.forget()
        for batch in batches:
            if not batch.opened.failed:
                _note_failure(batch, error)
        connections.close_all()
        return []


def _is_written(batch: Batch) -> bool:
    if batch.opened.failed or batch.opened.assigned.gone:
        return False
    try:
        write_prepared(batch.opened.writing, batch.prepared)
    except Exception as error:
        _note_failure(batch, error)
        index = connection()
        if not index.in_atomic_block:
            connections.close_all()
        elif index.needs_rollback or index.closed_in_transaction:
            raise
        return False
    return True


def _note_failure(batch: Batch, error: Exception) -> None:
    """Have the partition opened again at its checkpoint. Its batches that come later are left out until then."""
    batch.opened.failed = True
    batch.opened.assigned.note_failure(error, len(batch.prepared))
    batch.opened.assigned.log_failure(error)
