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

_lock = threading.Lock()
_wanted = 0
_before = gc.get_threshold()


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Collect cycles seldom in this process, until the last one that asked for it is done."""
    global _wanted, _before  # noqa: PLW0603
    with _lock:
        _wanted += 1
        if _wanted == 1:
            _before = gc.get_threshold()
            gc.set_threshold(NEW_OBJECTS, *_before[1:])
    try:
        yield
    finally:
        with _lock:
            _wanted -= 1
            if not _wanted:
                gc.set_threshold(*_before)
