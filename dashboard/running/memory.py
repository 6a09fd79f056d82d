"""Keeps a serving process small and quick: freed memory goes back to the system, and the garbage collector runs less often.

The C library keeps freed memory, in one arena for each thread. Two hundred subscribers of a busy topic cost hundreds of
kilobytes each that nothing used any more. ``trim_heap`` gives that back and takes some milliseconds every few seconds. Having
the library give back each large text immediately (``mallopt``) takes a busy tail five times the system time.
"""

import ctypes
import gc
import time

EVERY = 2.0
"""Seconds between two calls of ``trim_heap``."""
NEW_OBJECTS = 20_000
"""New objects after which the garbage collector runs.

By default it runs after 700 and looks at everything that is loaded. That took a tenth of a busy tail's time, and all
subscribers waited for the longest runs.
"""

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Only glibc has it."""


class Interval:
    """Returns true at most once in ``EVERY`` seconds."""

    def __init__(self) -> None:
        self._last = -EVERY

    def has_passed(self) -> bool:
        now = time.monotonic()
        if now - self._last < EVERY:
            return False
        self._last = now
        return True


_interval = Interval()


def is_due() -> bool:
    """Whether ``trim_heap`` should be called now. After ``True``, returns ``False`` for ``EVERY`` seconds."""
    return _trim is not None and _interval.has_passed()


def trim_heap() -> bool:
    """Give free memory back to the system. Returns whether there was any. Takes some milliseconds, so call it in a thread."""
    return _trim is not None and _trim(0) == 1


def freeze_loaded_objects() -> None:
    """Exclude everything that exists now from garbage collection: a process that serves has loaded what it will keep."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
