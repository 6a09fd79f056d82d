"""The searches of this process: a few at a time, and one for each person."""

import secrets
import threading
from collections.abc import Sequence
from typing import Any

from eventstore.model.errors import TooManySearches
from eventstore.scanning.progress import Ending
from eventstore.scanning.scan import Scan

MOST_AT_ONCE = 4
MOST_KEPT = 50
"""Searches, ended ones included: each keeps what it found until its person begins another."""
ENDED_WITHIN = 5.0


class Scans:
    """Safe to use from any thread. Owners are names; a search is only ever given to its own."""

    def __init__(self, *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most = most_at_once
        self._lock = threading.Lock()
        self._scans: dict[str, tuple[str, Scan[Any]]] = {}
        """By owner, the one that began last at the end."""
        self._left: list[Scan[Any]] = []
        """Replaced and forgotten ones whose threads may still live."""

    def start(self, owner: str, scan: Scan[Any]) -> str:
        """Begin it and answer its id; the owner's earlier one ends. ``TooManySearches`` where there are too many threads of
        others, and of ended ones that a slow store keeps: whoever begins anew again and again would pile them up."""
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
        """The owner's search of this id; ``None`` where it is somebody else's, was replaced, or never was."""
        with self._lock:
            found = self._scans.get(owner)
            return found[1] if found and found[0] == id else None

    def close(self) -> None:
        """End all of them, and wait until they have let go of the store."""
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
