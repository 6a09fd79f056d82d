"""Run Python's garbage collector less often while events pass through by the million.

By default it searches for cycles after every 700 new objects, and now and then among all objects. What is made for an event
holds no cycle, and is freed a moment later: the searches took a tenth of the time of indexing.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from eventstore.index.processes.reading import NEW_OBJECTS


class RelaxedGc:
    """Counts the callers that want fewer collections, since the process has only one collector."""

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
"""``with relaxed_gc():`` collects less often in this process, until the last caller that asked for it has left."""
