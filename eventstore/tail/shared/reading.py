"""One reading of the store, for all subscribers of a topic whose places lie close together."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Protocol

from django.db import connections

from eventstore.model.errors import EventStoreError, StoreUnreachable, ToldOnce, place_of
from eventstore.model.events import Message
from eventstore.model.log import Log
from eventstore.tail.pieces import Entry, EventParser, ReadEvent, ask_for_schemas, places_of
from eventstore.tail.reading.read_buffer import full_ones
from eventstore.tail.ring import Ring, RingUser
from eventstore.tail.shared.ordered_reader import OrderedReader, SomethingMissing
from eventstore.tail.start import Places

logger = logging.getLogger(__name__)

MOST_EVENTS, MOST_BYTES = 12_000, 24 * 1024 * 1024
"""What a reading keeps. A follower for which that is too little goes over to another reading, behind this one."""
AHEAD = 4
"""Chunks that a reading is ahead of its followers: of one that half of them have passed."""
LIVELY_SECONDS = 1.0
"""Followers that have passed nothing for so long are not waited for, if others have."""
PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds until the store is asked again: at first, and in the end."""
STUCK_SECONDS = 10.0
"""A reading ends if what it has read waits for so long and no follower passes any of it."""
LEFT_SECONDS = 10.0
"""How long followers may take what is left of a reading that is over. After that they go on in the store where they are."""
MOST_EMPTY = 5
"""How often in a row the store may have nothing, although the tail has read more."""


class Follower(RingUser, Protocol):
    """Stands before chunk ``number`` of the reading's ring. A thread of the reading calls ``wake``, which must not block."""

    wake: Callable[[], None]
    number: int | None


class Source(Protocol):
    """The tail of the topic: what it keeps, how far it has read, and whether it has stopped."""

    ring: Ring

    @property
    def stopped(self) -> bool: ...

    def read_to(self) -> tuple[int, Mapping[int, str]]: ...


class SharedReading:
    """A thread that reads the store on from ``places`` into a ring of its own, a few chunks ahead of its followers.

    It waits until half of them, of those that take, have come near. If it went on with the fastest, the others would lose it
    time and again, and each time another would begin. If it waited for all, one on a slow line would hold the others up.

    It is ``over`` once the tail's ring, or another reading, goes on from where it is (``is_met``), once nobody follows it or
    takes anything, or if it cannot go on (``failed``). Its followers take what is left in its ring, and go on elsewhere.
    """

    def __init__(
        self,
        log: Log,
        topic: str,
        read: ReadEvent,
        tail: Source,
        places: Places,
        is_met: Callable[["SharedReading"], bool],
    ) -> None:
        self.ring = Ring(places, most_events=MOST_EVENTS, most_bytes=MOST_BYTES)
        self.over = self.failed = self.away = False
        self.began = self._moved_at = time.monotonic()
        self.followers: dict[Follower, float] = {}
        """When each of them passed something (monotonic). Changed under ``lock`` alone."""
        self.lock = threading.Lock()
        self._reader = OrderedReader(log, topic, places, lambda: tail.read_to()[1])
        self._read_to: tuple[int, Places] = (0, dict(places))
        self._tail, self._is_met = tail, is_met
        self._parser = EventParser(read)
        self._wanted = threading.Event()
        self._told = ToldOnce(logger, f"A tail of {topic}, which reads what was missed")
        self._name = f"tail {topic} missed"

    def start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def read_to(self) -> tuple[int, Places]:
        """Return how many events were read and, by partition, the token of the last one. All of them are in the ring, or
        have been."""
        return self._read_to

    def covers(self, places: Places) -> int | None:
        """Return the chunk at which somebody with these places enters; ``None`` if this reading does not lead on from them,
        or has not come so far yet."""
        read = self._read_to[1]
        behind = any(token < read.get(partition, "") for partition, token in places.items())
        if self.over or not (behind or all(token <= read.get(partition, "") for partition, token in places.items())):
            return None
        return self.ring.meet(places, None)

    def follow(self, follower: Follower) -> bool:
        """Add the follower. Returns false if the reading is over by now."""
        with self.lock:
            if not self.over:
                self.followers[follower] = time.monotonic()
            return not self.over

    def passed(self, follower: Follower, number: int) -> None:
        """Note that the follower stands before this chunk now."""
        self._moved_at = now = time.monotonic()
        with self.lock:
            if follower in self.followers:
                self.followers[follower] = now
        if number + AHEAD > self.ring.next_number:
            self._wanted.set()

    def discard(self, follower: Follower) -> None:
        """The follower goes. The reading ends with the last one."""
        with self.lock:
            self.followers.pop(follower, None)
            self.over |= not self.followers
        self.ring.unwatch(follower)
        self._wanted.set()

    def end(self) -> None:
        self.over = True
        self._wanted.set()
        self._wake_everybody()

    def _run(self) -> None:
        try:
            self._read_until_over()
        except (SomethingMissing, EventStoreError):
            self.failed = True  # each of its followers finds out what is missing, or what the store says, and is told so
        except Exception as error:  # noqa: BLE001 -- a traceback's last line is the error's text, which may hold a payload
            logger.error("%s ended at an unforeseen %s at %s", self._name, type(error).__name__, place_of(error))
            self.failed = True
        finally:
            self.end()
            self._reader.close()
            connections.close_all()
        self._keep_what_is_left()

    def _read_until_over(self) -> None:
        pause, empty = PAUSE, 0
        pieces: deque[Sequence[Message]] = deque()  # that were read and are not in the ring yet
        while not (self.over or self._tail.stopped or self._is_met(self)):
            self._wanted.clear()
            if not self._is_wanted():
                if time.monotonic() - self._moved_at > STUCK_SECONDS:
                    return
                self._wanted.wait(LIVELY_SECONDS)
                continue
            self._moved_at = time.monotonic()
            if pieces:
                self._add(pieces.popleft())
                continue
            try:
                found = self._reader.read()
            except StoreUnreachable as error:
                self._told.tell(type(error).__name__)
                self._mark_away(True)
                self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            self._told.over()
            self._mark_away(False)
            pause, empty = PAUSE, 0 if found else empty + 1
            pieces.extend(full_ones(found) if found else ())
            if empty > MOST_EMPTY:
                raise SomethingMissing
            if not found:
                self._pause(PAUSE)

    def _keep_what_is_left(self) -> None:
        """For a moment. Then forget it, since a follower that takes nothing would keep it for as long as it stays."""
        until = time.monotonic() + LEFT_SECONDS
        while self.followers and not self._tail.stopped and (left := until - time.monotonic()) > 0:
            self._wanted.wait(min(left, PAUSE))
            self._wanted.clear()
        self.ring.keep_newest()

    def _pause(self, seconds: float) -> None:
        """Wait, unless the reading ends."""
        until = time.monotonic() + seconds
        while not self.over and (left := until - time.monotonic()) > 0:
            self._wanted.clear()
            self._wanted.wait(left)

    def _is_wanted(self) -> bool:
        """Whether half of the followers are near the end of what was read. What waits for them is never dropped."""
        waiting = self.ring.since(self._middle()).chunks
        size, events = sum(chunk.size for chunk in waiting), sum(len(chunk.entries) for chunk in waiting)
        return not waiting or (len(waiting) < AHEAD and 4 * size < MOST_BYTES and 4 * events < MOST_EVENTS)

    def _middle(self) -> int:
        """Return the chunk before which the middle one of the followers that take stands. If none does, the fastest counts:
        it waits for what is read next, or nobody takes anything."""
        numbers = sorted((follower.number or 0 for follower in self.taking()), reverse=True)
        if numbers:
            return numbers[(len(numbers) - 1) // 2]
        with self.lock:
            return max((follower.number or 0 for follower in self.followers), default=0)

    def taking(self) -> Sequence[Follower]:
        """Return the followers that have passed something just now."""
        since = time.monotonic() - LIVELY_SECONDS
        with self.lock:
            return [follower for follower, at in self.followers.items() if at >= since]

    def is_shared(self) -> bool:
        """Whether at least two followers take, or would: nothing waits for them, or something has only just come."""
        since = time.monotonic() - LIVELY_SECONDS
        with self.lock:
            followers = list(self.followers.items())
        return sum(at >= since or self._waits_since(follower.number or 0) >= since for follower, at in followers) > 1

    def _waits_since(self, number: int) -> float:
        """Return when the chunk with this number came (monotonic); infinity if it is still to come."""
        chunks = self.ring.since(number, 1).chunks
        return chunks[0].sealed if chunks else inf

    def _add(self, messages: Sequence[Message]) -> None:
        entries = tuple(Entry(message, self._parser) for message in messages)
        ask_for_schemas(entries)
        self.ring.add(entries, sealed=time.monotonic())
        events, places = self._read_to
        self._read_to = (events + len(entries), {**places, **places_of(entries)})
        self._wake_everybody()

    def _mark_away(self, away: bool) -> None:
        if self.away != away:
            self.away = away
            self._wake_everybody()

    def _wake_everybody(self) -> None:
        with self.lock:
            wakes = [follower.wake for follower in self.followers]
        for wake in wakes:
            wake()
