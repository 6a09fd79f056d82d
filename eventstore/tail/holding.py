"""A tail does not read on while all of its subscribers are still busy with what they have: the ring would go on without them.

So the events that they can carry are read once, whatever is published. Pages skip what is too much for them, so a tail that a
page watches is never held.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from eventstore.model.events import NO_TIME
from eventstore.tail.ring import Ring, RingUser

STUCK_SECONDS = 2.0
"""A tail goes on without subscribers that have taken nothing for so long."""
LONGEST_LAG = timedelta(seconds=10)
"""It is not held with older events than that: a page that comes would have to wait until the tail has read up to now. How old
they are is seen here, against the freshest that the tail has read: the clocks of publishers may be ahead or behind."""
LAGS = timedelta(seconds=1)
"""A tail whose events are older than that has not read up to now."""
LOOK_EVERY = 0.02


class Standing(Protocol):
    """Stands before chunk ``stands_at`` of the ring; ``None`` if it stands elsewhere."""

    @property
    def stands_at(self) -> int | None: ...


class Watcher(RingUser, Standing, Protocol):
    """Watches a topic. A thread of the tail calls ``wake``, which must not block."""

    wake: Callable[[], None]


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
        self._freshest: timedelta | None = None
        """The least time by which our clock was ahead of what was published."""
        self._age = timedelta(0)
        self._fastest, self._moved_at = -1, 0.0

    @property
    def lags(self) -> bool:
        """Whether the tail has probably not read up to now: what was sealed last was old."""
        return self.held or self._age > LAGS

    def wait(self, published: datetime) -> None:
        """Wait with what was published then, until the fastest subscriber has passed half of the ring's events, is stuck, or
        there is none."""
        while not self._tail.stopped and self._age_of(published) < LONGEST_LAG and self._is_busy():
            self.held = True
            time.sleep(LOOK_EVERY)
        self.held = False

    def _age_of(self, published: datetime) -> timedelta:
        ahead = datetime.now(UTC) - published
        if published != NO_TIME:
            self._freshest = ahead if self._freshest is None else min(self._freshest, ahead)
        self._age = ahead - (self._freshest or timedelta(0))
        return self._age

    def _is_busy(self) -> bool:
        numbers = [number for watcher in self._tail.watching() if (number := watcher.stands_at) is not None]
        fastest, now = max(numbers, default=-1), time.monotonic()
        if fastest != self._fastest:
            self._fastest, self._moved_at = fastest, now
        return fastest >= 0 and self._tail.ring.is_half_full_after(fastest) and now - self._moved_at < STUCK_SECONDS
