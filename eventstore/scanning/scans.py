"""The searches of this process: a few at a time, and one for each person."""

import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from eventstore.model.errors import TooManySearches
from eventstore.model.events import Event, Message
from eventstore.model.log import Log
from eventstore.scanning.progress import Ending
from eventstore.scanning.scan import Scan, ScanRequest

T = TypeVar("T")

MAX_PARALLEL = 4
MOST_KEPT = 50
"""Searches that are kept, including ended ones: each until its owner starts another."""
ENDED_WITHIN = 5.0


class Scans:
    """``desk.scans``. Thread-safe. Owners are names, and only its owner can get a search."""

    def __init__(self, *, log: Log, read: Callable[[Message], Event], max_parallel: int = MAX_PARALLEL) -> None:
        """At most ``max_parallel`` searches run at a time."""
        self._log, self._read = log, read
        self._most = max_parallel
        self._lock = threading.Lock()
        self._scans: dict[str, tuple[str, Scan[Any]]] = {}
        """By owner, the most recently started last."""
        self._left: list[Scan[Any]] = []
        """Replaced and dropped searches whose threads may still be alive."""

    def begin(self, owner: str, request: ScanRequest, keep: Callable[[Event], T]) -> tuple[str, Scan[T]]:
        """Start a search that reads a topic, as ``start`` does. Return its id and the search. See ``Scan`` for ``keep``."""
        scan = Scan(self._log, request, read=self._read, keep=keep)
        return self.start(owner, scan), scan

    def start(self, owner: str, scan: Scan[Any]) -> str:
        """Start the search and return its id. The owner's earlier search ends.

        Raises ``TooManySearches`` if the threads of other owners and of ended searches are too many. Ended ones count
        because a slow store keeps their threads: starting again and again would pile them up.
        """
        with self._lock:
            self._left = [scan for scan in self._left if scan.holds_thread]
            others = [other for name, (_, other) in self._scans.items() if name != owner and other.holds_thread]
            if len(others) + len(self._left) >= self._most:
                raise TooManySearches(_refusal([*others, *self._left]))
            if before := self._scans.pop(owner, None):
                before[1].stop(Ending.REPLACED)
                self._left.append(before[1])
            id = secrets.token_urlsafe(12)
            self._scans[owner] = (id, scan)
            self._forget_old_ones()
            scan.start()
            return id

    def get(self, owner: str, id: str) -> Scan[Any] | None:
        """Return the owner's search with this id; ``None`` if it belongs to someone else, was replaced, or never existed."""
        with self._lock:
            found = self._scans.get(owner)
            return found[1] if found and found[0] == id else None

    def close(self) -> None:
        """End all searches, and wait until they no longer use the store."""
        with self._lock:
            scans = [*self._left, *(scan for _, scan in self._scans.values())]
            self._scans.clear()
            self._left.clear()
        for scan in scans:
            scan.stop(Ending.CLOSED)
        for scan in scans:
            scan.join(ENDED_WITHIN)

    def _forget_old_ones(self) -> None:
        ended = [owner for owner, (_, scan) in self._scans.items() if not scan.running]
        for owner in ended[: max(0, len(self._scans) - MOST_KEPT)]:
            self._left.append(self._scans.pop(owner)[1])


def _refusal(scans: Sequence[Scan[Any]]) -> str:
    running = sum(scan.running for scan in scans)
    ending = len(scans) - running
    if not ending:
        searches = "1 search is" if running == 1 else f"{running} searches are"
        return f"{searches} running already: no more at a time. Try again when one has ended."
    ended = "1 ended search still waits" if ending == 1 else f"{ending} ended searches still wait"
    also = f", and {running} more {'is' if running == 1 else 'are'} running" if running else ""
    return f"{ended} for the store, which is slow{also}: no more at a time. Try again in a moment."
