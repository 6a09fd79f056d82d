"""Events on their way from the reading threads to the writing one: bounded in number, without their payloads, in order."""

import threading
from collections import deque
from dataclasses import dataclass

from eventstore.index.indexer.assigned_partition import OpenPartition
from eventstore.index.writing.prepared_batch import PreparedBatch

MOST_EVENTS = 20_000
"""A batch that is larger alone waits until there is no other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Events of one partition, parsed and drafted."""

    opened: OpenPartition
    draft: PreparedBatch


class BatchQueue:
    """Whoever puts waits for room; whoever takes waits for something. Thread-safe."""

    def __init__(self) -> None:
        lock = threading.Lock()
        self._something, self._room = threading.Condition(lock), threading.Condition(lock)
        self._batches: deque[Batch] = deque()
        self._events = 0
        self._closed = False

    def put(self, batch: Batch) -> None:
        """Hand this over; without effect once it is closed."""
        with self._room:
            while not self._closed and not self._fits(batch):
                self._room.wait()
            if not self._closed:
                self._batches.append(batch)
                self._events += len(batch.draft)
                self._something.notify()

    def take(self, timeout: float) -> Batch | None:
        """The next batch; ``None`` where none came within so many seconds."""
        with self._something:
            if not self._batches and not self._closed:
                self._something.wait(timeout)
            if not self._batches:
                return None
            batch = self._batches.popleft()
            self._events -= len(batch.draft)
            self._room.notify()
            return batch

    def close(self) -> None:
        """Forget what is there, and let everybody go who waits."""
        with self._room:
            self._closed = True
            self._batches.clear()
            self._room.notify_all()
            self._something.notify_all()

    def _fits(self, batch: Batch) -> bool:
        return not self._batches or self._events + len(batch.draft) <= MOST_EVENTS
