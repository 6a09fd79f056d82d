"""Choose the partition that is read next: the one that has been due for longest, however much its neighbours deliver."""

import threading
import time
from heapq import heappop, heappush
from itertools import count
from math import inf

from eventstore.index.indexer.assigned_partition import AssignedPartition


class Schedule:
    """Thread-safe. One thread at a time has a partition: ``next`` takes it out, and ``put`` gives it back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, AssignedPartition]] = []
        self._turns: dict[AssignedPartition, int] = {}
        """The partitions that wait here, each with the turn of its entry in the heap. Entries of other turns do not count."""
        self._turn = count()
        self._watched = False
        """Whether a thread waits for the first partition to become due. Then the others need not wake for it."""
        self._closed = False

    def put(self, assigned: AssignedPartition, due: float) -> bool:
        """Make the partition due at this time of the monotonic clock, or at once if something has come in the meantime.

        Returns false once the schedule is closed; the caller then has to close the partition.
        """
        with self._changed:
            if self._closed:
                return False
            hurried, assigned.hurried = assigned.hurried, False
            self._push(assigned, min(due, time.monotonic()) if hurried else due)
            return True

    def hurry(self, assigned: AssignedPartition) -> None:
        """Make the partition due now, since something has come."""
        with self._changed:
            if assigned in self._turns:
                self._push(assigned, time.monotonic())
            else:
                assigned.hurried = True

    def next(self) -> AssignedPartition | None:
        """Wait for the next partition that is due, and return it; ``None`` once the schedule is closed."""
        with self._changed:
            while not self._closed:
                wait = self._first_due() - time.monotonic()
                if wait <= 0:
                    assigned = heappop(self._heap)[2]
                    del self._turns[assigned]
                    self._changed.notify()
                    return assigned
                if wait == inf or self._watched:
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
            left = list(self._turns)
            self._turns.clear()
            self._heap.clear()
            return left

    def _push(self, assigned: AssignedPartition, due: float) -> None:
        self._turns[assigned] = turn = next(self._turn)
        heappush(self._heap, (due, turn, assigned))
        if self._heap[0][2] is assigned:
            self._watched = False
            self._changed.notify()

    def _first_due(self) -> float:
        """Return when the first partition is due, and drop entries before it that do not count any more."""
        while self._heap and self._turns.get(self._heap[0][2]) != self._heap[0][1]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else inf
