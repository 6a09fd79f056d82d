"""Memory that frames took goes back to the system now and then. The C library keeps what was freed, in an arena a thread: two
hundred viewers of a busy topic cost hundreds of kilobytes each that nobody used any more.

To have it give back each large text at once (``mallopt``) costs a busy tail five times the system's time; this, some
milliseconds every few seconds.

And the collector of cycles is kept from looking again and again at what a serving process has loaded for good.
"""

import ctypes
import gc
import time

EVERY = 2.0
NEW_OBJECTS = 20_000
"""New objects from one look for cycles to the next. After every 700, as by default, and with all that is loaded looked at
again and again, the looks took a tenth of a busy tail's time, and everybody waited for the largest of them."""

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's; another library has its own ways."""


class Interval:
    """Says yes at most once in ``EVERY`` seconds."""

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
    """Whether ``trim_heap`` is worth calling; it then is not for some time."""
    return _trim is not None and _interval.has_passed()


def trim_heap() -> bool:
    """Give back what is free; whether there was anything. Takes some milliseconds: for a thread."""
    return _trim is not None and _trim(0) == 1


def keep_what_is_loaded() -> None:
    """From now on the collector of cycles passes by all that there is: a process that serves has loaded what it will keep."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
