"""Who watches a tail, and since when nobody does."""

import threading
import time
from collections.abc import Sequence

from eventstore.tail.holding import Watcher


class Watchers:
    """The watchers of one tail. Thread-safe. Once it is closed, nobody joins any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[Watcher] = set()
        self._some = threading.Event()
        """Set while there is a watcher, and once it is closed."""
        self._closed = False
        self.left_at = time.monotonic()
        """When the last one left (monotonic), or the tail was made."""

    def __bool__(self) -> bool:
        with self._lock:
            return bool(self._all)

    def now(self) -> Sequence[Watcher]:
        with self._lock:
            return list(self._all)

    def join(self, watcher: Watcher) -> bool:
        with self._lock:
            if self._closed:
                return False
            self._all.add(watcher)
            self._some.set()
            return True

    def leave(self, watcher: Watcher) -> None:
        with self._lock:
            self._all.discard(watcher)
            self.left_at = time.monotonic()
            if not self._all and not self._closed:
                self._some.clear()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._some.set()

    def close_if_away_for(self, seconds: float) -> bool:
        """Close it if there has been none for so long, and return whether that is so."""
        with self._lock:
            abandoned = not self._all and time.monotonic() - self.left_at > seconds
            if abandoned:
                self._closed = True
                self._some.set()
            return abandoned

    def wait_for_one(self, seconds: float) -> None:
        """Return once there is one, or it is closed, after so many seconds at the latest."""
        self._some.wait(seconds)
