"""The shared readings of one topic."""

import threading
import time

from eventstore.model.log import Log
from eventstore.tail.pieces import ReadEvent
from eventstore.tail.shared.reading import Follower, SharedReading, Source
from eventstore.tail.start import Places

MOST_READINGS = 4
"""Of one topic at a time. Whoever finds no place in them reads for itself, and keeps nothing."""
ALONE_FOR = 10.0
"""Seconds after which a reading that at most one subscriber takes from gives way to another."""


class Readings:
    """Finds a reading for subscribers that left the ring, and begins one if there is none that leads on from their places."""

    def __init__(self, log: Log, topic: str, read: ReadEvent, tail: Source) -> None:
        self._log, self._topic, self._read, self._tail = log, topic, read, tail
        self._lock = threading.Lock()
        self._active: list[SharedReading] = []
        self._over: list[SharedReading] = []
        """Those with followers who take what is left."""

    def join(self, follower: Follower, places: Places) -> tuple[SharedReading, int] | None:
        """Return a reading that the follower follows from now on, and the chunk of it that goes on from these places.

        Returns ``None`` if there are too many, or if the follower has left or the tail has stopped.
        """
        with self._lock:
            if follower.left or self._tail.stopped:
                return None
            self._over = [reading for reading in (*self._over, *self._active) if reading.over and reading.followers]
            self._active = [reading for reading in self._active if not reading.over]
            for reading in self._active:
                number = reading.covers(places)
                if number is not None and reading.follow(follower):
                    return reading, number
            if len(self._active) >= MOST_READINGS and not self._give_way():
                return None
            reading = SharedReading(self._log, self._topic, self._read, self._tail, places, self._is_met)
            reading.follow(follower)
            self._active.append(reading)
            reading.start()
            return reading, 0

    def _give_way(self) -> bool:
        """End a reading that nobody shares, the oldest: its follower reads as well by itself, or begins another later. The
        slow and the silent do not share it: they seldom take the same. Those for whom nothing waits do."""
        alone = [one for one in self._active if not one.is_shared() and time.monotonic() - one.began > ALONE_FOR]
        if alone:
            oldest = min(alone, key=lambda one: one.began)
            oldest.end()
            self._active.remove(oldest)
            self._over.append(oldest)
        return bool(alone)

    def leave(self, follower: Follower) -> None:
        """The follower, which has left the tail, follows none any more."""
        with self._lock:
            for reading in (*self._active, *self._over):
                reading.discard(follower)

    def _is_met(self, reading: SharedReading) -> bool:
        """Whether the ring, or another reading, goes on from where this one is. Its followers then go over to that.

        The ring has to hold some more than what its followers would stand at: the oldest is dropped with the next chunk.
        """
        places = reading.read_to()[1]
        if self._tail.ring.meet(places, self._tail.ring.events // 2) is not None:
            return True
        with self._lock:
            for other in self._active:
                if other is not reading and other.covers(places) is not None:
                    reading.over = True
                    return True
        return False
