"""Choose the partition that is read next: the one that has been due for longest, however much its neighbours deliver."""

import threading
import time
from heapq import heappop, heappush
from itertools import count

from eventstore.index.indexer.assigned_partition import AssignedPartition


class Schedule:
    """Thread-safe. One thread at a time has a partition: ``next`` takes it out, and ``put`` gives it back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, AssignedPartition]] = []
        self._turn = count()
        self._watched = False
        """Whether a thread waits for the first partition to become due. Then the others need not wake for it."""
        self._closed = False

    def put(self, assigned: AssignedPartition, due: float) -> bool:
        """Make the partition due at this time of the monotonic clock.

        Returns false once the schedule is closed; the caller then has to close the partition.
        """
        with self._changed:
            if self._closed:
                return False
            heappush(self._heap, (due, next(self._turn), assigned))
            if self._heap[0][2] is assigned:
                self._watched = False
                self._changed.notify()
            return True

    def next(self) -> AssignedPartition | None:
        """Wait for the next partition that is due, and return it; ``None`` once the schedule is closed."""
        with self._changed:
            while not self._closed:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    assigned = heappop(self._heap)[2]
                    self._changed.notify()
                    return assigned
                if wait is None or self._watched:
                    self._changed.wait()
                    continue
                self._watched = True
                self._changed.wait(wait)
                self._watched = False
            return None

    def close(self) -> list[AssignedPartition]:
        """Wake all waiting threads, and return the partitions that were left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = [assigned for _, _, assigned in self._heap]
            self._heap.clear()
            return left
