"""A tail does not read on while all of its subscribers are still busy with what they have: the ring would go on without them.

So the events that they can carry are read once, whatever is published. Pages skip what is too much for them, so a tail that a
page watches is never held.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from eventstore.tail.ring import Ring

STUCK_SECONDS = 2.0
"""A tail goes on without subscribers that have taken nothing for so long."""
LONGEST_LAG = timedelta(seconds=10)
"""It is not held with older events than that: a page that comes would have to wait until the tail has read up to now."""
LOOK_EVERY = 0.02


class Standing(Protocol):
    """Stands before chunk ``stands_at`` of the ring; ``None`` if it stands elsewhere."""

    @property
    def stands_at(self) -> int | None: ...


class Held(Protocol):
    ring: Ring

    @property
    def stopped(self) -> bool: ...

    def watching(self) -> Sequence[Standing]: ...


class Holding:
    """Whether, and since when, a tail is held. For its sealing thread; others may ask ``held``."""

    def __init__(self, tail: Held) -> None:
        self._tail = tail
        self.held = False
        self._fastest, self._moved_at = -1, 0.0

    def wait(self, published: datetime) -> None:
        """Wait with what was published then, until the fastest subscriber has passed half of the ring's events, is stuck, or
        there is none."""
        while not self._tail.stopped and datetime.now(UTC) - published < LONGEST_LAG and self._is_busy():
            self.held = True
            time.sleep(LOOK_EVERY)
        self.held = False

    def _is_busy(self) -> bool:
        numbers = [number for watcher in self._tail.watching() if (number := watcher.stands_at) is not None]
        fastest, now = max(numbers, default=-1), time.monotonic()
        if fastest != self._fastest:
            self._fastest, self._moved_at = fastest, now
        return fastest >= 0 and self._tail.ring.is_half_full_after(fastest) and now - self._moved_at < STUCK_SECONDS
