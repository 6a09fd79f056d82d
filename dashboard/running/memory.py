"""Keeps a serving process small and quick: freed memory goes back to the system, and the garbage collector runs less often.

The C library keeps freed memory, in one arena for each thread. Two hundred subscribers of a busy topic cost hundreds of
kilobytes each that nothing used any more, and six people with payloads of a megabyte more than a hundred megabytes.
``trim_heap`` gives that back and takes some milliseconds every few seconds. Having
the library give back each large text immediately (``mallopt``) takes a busy tail five times the system time.
"""

import ctypes
import gc
import threading
import time
from collections.abc import Callable

EVERY = 2.0
"""Seconds between two calls of ``trim_heap``."""
REST = 5.0
"""Seconds without work after which it is trimmed."""
MOST_RESTS = 6
"""After so many rests it is trimmed while work goes on."""
CROWD, COLLECTS_EVERY = 100, 600.0
"""With so many websockets open, garbage is collected at a rest only after so many seconds: that looks at all that is kept for
them, and holds up everybody's frames for as long, with a thousand for a quarter of a second. Python's own runs go on."""
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


class GivingBack:
    """Trims the heap a while after each piece of work. While there is none, its thread sleeps.

    ``sockets`` says how many websockets are open.
    """

    def __init__(self, rest: float = REST, sockets: Callable[[], int] = lambda: 0) -> None:
        self._rest, self.sockets = rest, sockets
        self._collected = time.monotonic()
        self._worked = threading.Event()
        self._thread: threading.Thread | None = None
        self.times = 0
        """How often it has trimmed."""

    def note(self) -> None:
        """Some work is done, such as a request, or a socket has closed. May be called from any thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
            self._thread.start()
        self._worked.set()

    def _run(self) -> None:
        while self._worked.wait():
            if self._comes_to_rest() and not self._would_hold_up_many():
                gc.collect()  # what refers to itself holds its payloads until then; now nobody waits for this
                self._collected = time.monotonic()
            trim_heap()
            self.times += 1

    def _would_hold_up_many(self) -> bool:
        return self.sockets() >= CROWD and time.monotonic() - self._collected < COLLECTS_EVERY

    def _comes_to_rest(self) -> bool:
        """Wait until nothing was done for a while; false if that does not come soon."""
        for _ in range(MOST_RESTS):
            self._worked.clear()
            time.sleep(self._rest)
            if not self._worked.is_set():
                return True
        self._worked.clear()
        return False


giving_back = GivingBack()
