"""The queue of batches between the reader threads and the writing thread: in order, limited, without payloads.

Those of several partitions are written in one transaction. Where a topic has hundreds of partitions, a batch has some fifty
events, and to commit it was half of its time: each commit writes every page that was changed, mostly the same ones.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import connections

from eventstore.index.indexer.assigned_partition import AssignedPartition, OpenPartition
from eventstore.index.tables import sql
from eventstore.index.tables.database import atomic, connection
from eventstore.index.writing.partition import CheckpointMoved
from eventstore.index.writing.prepared_batch import PreparedBatch
from eventstore.index.writing.writer import write_prepared
from eventstore.model.errors import EventStoreError

MOST_EVENTS = 20_000
"""Limit of the queue. A single batch that is larger waits until the queue is empty."""
MOST_SECONDS = 1.0
"""After so long a transaction takes no further batch: others wait for SQLite's lock, and leases are renewed between two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A prepared batch of one open partition."""

    opened: OpenPartition
    prepared: PreparedBatch


Failed = dict[AssignedPartition, tuple[Batch, Exception]]
"""By partition: the first batch that failed in a transaction that goes on, and its error."""


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

    def is_empty(self) -> bool:
        return not self._batches

    def put_back(self, batches: Sequence[Batch]) -> None:
        """Put batches that were taken before all others again. Has no effect once the queue is closed."""
        with self._not_empty:
            if not self._closed:
                self._batches.extendleft(reversed(batches))
                self._events += sum(len(batch.prepared) for batch in batches)

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


def write_together(batches: Sequence[Batch]) -> tuple[list[Batch], Sequence[Batch]]:
    """Write these batches in one transaction; return those that were written, and those that are left for the next one.

    In neither are those of partitions that were lost, or have failed since they were read. What one partition's events do is
    its own failure; what the transaction does is everybody's and no message's: what comes next of these is written alone.
    Failures are noted once the transaction is over: nobody shall read on from a checkpoint that is about to move.
    """
    together, left = _together(batches)
    memory = together[0].opened.writing.memory
    failed: Failed = {}
    try:
        with atomic() if len(together) > 1 else nullcontext():
            memory.duplicates.begin()
            written, rest = _write_each(together, failed)
    except Exception as error:  # noqa: BLE001 -- noted of each partition, which goes on at its checkpoint
        memory.forget()
        for batch in together:
            if not batch.opened.failed:
                _, own = failed.get(batch.opened.assigned, (batch, error))
                _note_failure(batch.opened, own, None)
        connections.close_all()
        return [], left
    for batch in written:
        batch.opened.written += 1
        batch.opened.assigned.mark_ok(len(batch.prepared), batch.prepared.published)
    for batch, own in failed.values():  # each is behind what was written of its partition
        _note_failure(batch.opened, own, len(batch.prepared))
    return written, [*rest, *left]


def _together(batches: Sequence[Batch]) -> tuple[Sequence[Batch], Sequence[Batch]]:
    """Return the first batches, as many as may be written in one transaction, and the others."""
    alone = (place for place, batch in enumerate(batches) if batch.opened.assigned.alone)
    count = max(1, next(alone, len(batches)))
    return batches[:count], batches[count:]


def _write_each(batches: Sequence[Batch], failed: Failed) -> tuple[list[Batch], Sequence[Batch]]:
    """Return which batches were written, and which are left; add those that failed to ``failed``.

    A store or database that is away is asked once only, since every question takes until it is given up.
    """
    until = time.monotonic() + MOST_SECONDS
    written: list[Batch] = []
    for count, batch in enumerate(batches, 1):
        assigned = batch.opened.assigned
        if batch.opened.failed or assigned.gone or assigned in failed:
            continue
        error = _error_of(batch)
        if error is None:
            written.append(batch)
        else:
            failed[assigned] = batch, error
        away = isinstance(error, EventStoreError) and not isinstance(error, CheckpointMoved)
        if away or time.monotonic() > until:
            return written, batches[count:]
    return written, []


def _error_of(batch: Batch) -> Exception | None:
    """Write the batch. Return its error, unless that is one of the whole transaction."""
    try:
        write_prepared(batch.opened.writing, batch.prepared)
    except Exception as error:
        index = connection()
        if not index.in_atomic_block:
            connections.close_all()
        elif index.needs_rollback or index.closed_in_transaction:
            raise
        return error
    return None


def _note_failure(opened: OpenPartition, error: Exception, messages: int | None) -> None:
    """Have the partition opened again at its checkpoint. Its batches that come later are left out until then."""
    opened.failed = True
    opened.assigned.note_failure(error, messages)
    opened.assigned.log_failure(error)
