"""The interpreter's collector of cycles, while events pass through by the million.

It looks after every 700 new objects whether some of them hold each other, and now and then at all that there are. What is made
for an event holds no cycle, and is gone a moment later: looking took a tenth of the time of indexing.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""New objects from one look to the next. The cycles that an error leaves may take some megabytes by then."""


class RelaxedGc:
    """Counts who wants cycles to be collected seldom: the interpreter's collector is one for the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before = gc.get_threshold()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._wanted += 1
            if self._wanted == 1:
                self._before = gc.get_threshold()
                gc.set_threshold(NEW_OBJECTS, *self._before[1:])
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted:
                    gc.set_threshold(*self._before)


relaxed_gc = RelaxedGc()
"""``with relaxed_gc():`` collect cycles seldom in this process, until the last one that asked for it is done."""
