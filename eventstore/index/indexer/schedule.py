"""Which partition is looked at next: the one that has been due for longest, whatever its neighbours have to deliver."""

import threading
import time
from heapq import heappop, heappush
from itertools import count

from eventstore.index.indexer.assigned_partition import AssignedPartition


class Schedule:
    """Thread-safe. A partition is with one thread at a time: ``next`` takes it out, ``put`` gives it back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, AssignedPartition]] = []
        self._turn = count()
        self._watched = False
        """Whether a thread already waits for the first to become due: the others need not wake for it."""
        self._closed = False

    def put(self, followed: AssignedPartition, due: float) -> bool:
        """Look at it from this moment on (of the monotonic clock). False once the schedule is closed: it is yours."""
        with self._changed:
            if self._closed:
                return False
            heappush(self._heap, (due, next(self._turn), followed))
            if self._heap[0][2] is followed:
                self._watched = False
                self._changed.notify()
            return True

    def next(self) -> AssignedPartition | None:
        """The next partition, once it is due; ``None`` when the schedule was closed."""
        with self._changed:
            while not self._closed:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    followed = heappop(self._heap)[2]
                    self._changed.notify()
                    return followed
                if wait is None or self._watched:
                    self._changed.wait()
                    continue
                self._watched = True
                self._changed.wait(wait)
                self._watched = False
            return None

    def close(self) -> list[AssignedPartition]:
        """Let every waiting thread go; answers what was left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = [followed for _, _, followed in self._heap]
            self._heap.clear()
            return left
