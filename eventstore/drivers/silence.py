"""What the threads of a process tell each other of a server that accepts connections and answers nothing."""

import threading
import time
from collections.abc import Callable

ASK_AGAIN = 1.0
"""Seconds after a probe that was not answered until the next one."""


class Silence:
    """Each call would wait for the timeout. So the first one that did asks a small question (``probe`` returns whether it is
    answered). If it is not, all other calls are refused at once, until one of them has asked it again with success: one at a
    time.
    """

    def __init__(self, probe: Callable[[], bool]) -> None:
        self._probe = probe
        self._lock = threading.Lock()
        self._silent = self._asking = False
        self._asked_at = 0.0

    def refuses(self) -> bool:
        """Return whether a call must not go ahead, because the broker was asked and did not answer."""
        with self._lock:
            if not self._silent:
                return False
            if self._asking or time.monotonic() - self._asked_at < ASK_AGAIN:
                return True
            self._asking = True
        return not self._ask()

    def note_timeout(self) -> None:
        """Call when a call was not answered in time: is it only that call, or the broker?"""
        with self._lock:
            if self._asking:
                return
            self._asking = True
        self._ask()

    def _ask(self) -> bool:
        answered = False
        try:
            answered = self._probe()
        finally:
            with self._lock:
                self._asking, self._silent, self._asked_at = False, not answered, time.monotonic()
        return answered
