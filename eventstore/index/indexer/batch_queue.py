"""The queue of batches between the reader threads and the writing thread: in order, limited, without payloads."""

import threading
from collections import deque
from dataclasses import dataclass

from eventstore.index.indexer.assigned_partition import OpenPartition
from eventstore.index.writing.prepared_batch import PreparedBatch

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

    def close(self) -> None:
        """Drop all batches, and wake all waiting threads."""
        with self._space:
            self._closed = True
            self._batches.clear()
            self._space.notify_all()
            self._not_empty.notify_all()

    def _fits(self, batch: Batch) -> bool:
        return not self._batches or self._events + len(batch.prepared) <= MOST_EVENTS
