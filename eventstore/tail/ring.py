"""A bounded memory of the last chunks of a topic, numbered without gaps. Any number of subscribers read it at their own
pace."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from eventstore.search import Filter
from eventstore.tail.filter_result import RingFilter, key_of
from eventstore.tail.pieces import Chunk, Entry, FilterResult, MemoryAccount, RingFilterKey

MOST_EVENTS = 50_000
MOST_BYTES = 64 * 1024 * 1024
OBJECTS_OF_A_CHUNK = 2_000
"""Bytes of memory that a chunk takes in addition to its entries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksSince:
    """The chunks from a number on.

    If the ring has dropped some of them, ``gone`` has the last dropped token of each partition; otherwise it is empty.
    """

    chunks: Sequence[Chunk]
    gone: Mapping[int, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RingPlace:
    """The place in the ring of a user whose matches are counted.

    The user stands before chunk ``number``. Before that chunk, the ring had ``events`` events, of which ``matched``
    passed the filter.
    """

    ring_filter: RingFilter
    number: int
    events: int
    matched: int


class RingUser(Protocol):
    """Anything whose filter's matches the ring counts. The ring sets ``left`` under its lock."""

    left: bool


class Ring:
    """The ring, bounded in events and in bytes. The bytes include what was rendered from the events. The newest chunk is
    always kept.

    ``before`` gives, by partition, the token after which every event comes into the ring ("" for the beginning).
    """

    def __init__(self, before: Mapping[int, str], *, most_events: int | None = None, most_bytes: int | None = None) -> None:
        self._most_events = most_events or MOST_EVENTS
        self._most_bytes = most_bytes or MOST_BYTES
        self._lock = threading.Lock()
        self._chunks: deque[Chunk] = deque()
        self._filters: dict[object, RingFilter] = {}
        self._gone = dict(before)
        self._bytes = 0
        self._next = self._events = 0

    @property
    def next_number(self) -> int:
        """The number of the next chunk."""
        return self._next

    @property
    def bytes(self) -> int:
        """The bytes that the ring holds, as far as they are accounted for."""
        return self._bytes

    @property
    def events(self) -> int:
        """How many events the ring holds."""
        with self._lock:
            return self._events - self._chunks[0].before if self._chunks else 0

    def is_half_full_after(self, number: int) -> bool:
        """Whether the chunks from ``number`` on are half of what the ring may hold. They are looked at one by one."""
        with self._lock:
            events = bytes = 0
            for chunk in reversed(self._chunks):
                if chunk.number < number:
                    return False
                events, bytes = events + len(chunk.entries), bytes + chunk.size
                if 2 * events > self._most_events or 2 * bytes > self._most_bytes:
                    return True
            return False

    @property
    def gone(self) -> Mapping[int, str]:
        """By partition, the last token that the ring no longer has. Everything after it is in the ring, or will be."""
        with self._lock:
            return dict(self._gone)

    def add(self, entries: Sequence[Entry], *, sealed: float) -> None:
        """Seal at least one entry into the next chunk.

        The filters in use are applied here, in the tail's thread, so that they have counted the chunk before anyone
        takes it. Must be called by one thread only.
        """
        chunk = Chunk(entries, sealed=sealed, grow=self._grow)
        while True:
            with self._lock:
                unseen = [ring_filter for ring_filter in self._filters.values() if ring_filter.key not in chunk.results]
                if not unseen:
                    self._append(chunk)
                    return
            for ring_filter in unseen:
                ring_filter.result_of(chunk, live=True)

    def since(self, number: int, most: int | None = None) -> ChunksSince:
        """Return the chunks from ``number`` on, or the first ``most`` of them. The cost depends on the result, if that is
        the newest part."""
        with self._lock:
            return self._since(number, most)

    def watch(self, user: RingUser, filter: Filter | None, rate: int | None, number: int | None = None) -> RingPlace:
        """Count this filter's matches for a user that is to stand before chunk ``number`` (``None``: the next chunk).

        If that chunk is gone, the user stands before the first chunk that is left. A user has one filter; its earlier
        one is dropped.
        """
        with self._lock:
            stands = self._next if number is None else number
            ring_filter = self._filter_of(user, filter, rate)
            chunks = self._since(stands).chunks
            first = chunks[0] if chunks else None
            number, events = (first.number, first.before) if first else (self._next, self._events)
            older = [chunk for chunk in chunks if chunk.number < ring_filter.since]
            matched = first.results[ring_filter.key].before if first and not older else ring_filter.total
        for chunk in older:
            ring_filter.result_of(chunk)
        with self._lock:
            for chunk in reversed(older):
                if chunk.number < ring_filter.since:
                    result = ring_filter.result_of(chunk)
                    ring_filter.floor -= result.matched
                    result.before, ring_filter.since = ring_filter.floor, chunk.number
                    self._count(chunk, result)
            matched = older[0].results[ring_filter.key].before if older else matched
            self._drop_unused()
            self._trim()
            return RingPlace(ring_filter=ring_filter, number=number, events=events, matched=matched)

    def leave(self, user: RingUser) -> None:
        """Stop counting for this user, for good."""
        with self._lock:
            user.left = True
            self._discard(user)

    def unwatch(self, user: RingUser) -> None:
        """Stop counting for this user, who may watch again."""
        with self._lock:
            self._discard(user)

    def meet(self, places: Mapping[int, str], most: int | None) -> int | None:
        """Return the number of the first chunk with an event after these places.

        Returns ``None`` if the ring has dropped an event after these places, or if more than ``most`` events wait
        there.
        """
        with self._lock:
            if any(places.get(partition, "") < token for partition, token in self._gone.items()):
                return None
            number, pending = self._next, 0
            for chunk in reversed(self._chunks):
                if any(token > places.get(partition, "") for partition, token in chunk.last.items()):
                    number, pending = chunk.number, self._events - chunk.before
            return None if most is not None and pending > most else number

    def _append(self, chunk: Chunk) -> None:
        chunk.number, chunk.before = self._next, self._events
        chunk.size += OBJECTS_OF_A_CHUNK
        for ring_filter in self._filters.values():
            result = chunk.results[ring_filter.key]
            result.before = ring_filter.total
            ring_filter.total += result.matched
        self._chunks.append(chunk)
        self._next += 1
        self._events += len(chunk.entries)
        self._bytes += chunk.size
        for key in [key for key in chunk.results if key not in self._filters]:  # its last user left in the meantime
            self._forget(chunk, key)
        for result in chunk.results.values():
            self._count(chunk, result)
        self._trim()

    def keep_newest(self) -> None:
        """Drop all chunks but the newest, now and whenever one is added."""
        with self._lock:
            self._most_events = 0
            self._trim()

    def _trim(self) -> None:
        while len(self._chunks) > 1 and (
            self._events - self._chunks[0].before > self._most_events or self._bytes > self._most_bytes
        ):
            oldest = self._chunks.popleft()
            self._bytes -= oldest.size
            self._gone.update(oldest.last)
            for result in oldest.results.values():
                if result.account is not None:
                    result.account.chunk = None

    def _since(self, number: int, most: int | None = None) -> ChunksSince:
        held = len(self._chunks)
        first = self._first
        wanted = max(0, self._next - max(number, first))
        if wanted <= held // 2:
            chunks = list(islice(reversed(self._chunks), wanted))[::-1][:most]
        else:
            chunks = list(islice(self._chunks, held - wanted, None if most is None else held - wanted + most))
        return ChunksSince(chunks=chunks, gone=dict(self._gone) if number < first else {})

    def _count(self, chunk: Chunk, result: FilterResult) -> None:
        """Add the memory of the result to the ring's, unless the chunk is gone."""
        account = result.account
        if account is not None and account.chunk is not None and not account.counted and chunk.number >= self._first:
            account.counted = True
            self._add(chunk, account.size)

    def _grow(self, account: MemoryAccount, amount: int) -> None:
        with self._lock:
            account.size += amount
            if account.counted and account.chunk is not None:
                self._add(account.chunk, amount)
                self._trim()

    def _add(self, chunk: Chunk, amount: int) -> None:
        chunk.size += amount
        self._bytes += amount

    @property
    def _first(self) -> int:
        return self._next - len(self._chunks)

    def _forget(self, chunk: Chunk, key: RingFilterKey) -> None:
        """Drop this filter's result for the chunk, and subtract its memory."""
        result = chunk.results.pop(key, None)
        if result is not None and result.account is not None:
            if result.account.counted:
                self._add(chunk, -result.account.size)
            result.account.chunk = None

    def _filter_of(self, user: RingUser, filter: Filter | None, rate: int | None) -> RingFilter:
        for other in self._filters.values():
            other.users.discard(user)
        key = (key_of(filter), rate)
        ring_filter = self._filters.get(key)
        if ring_filter is None:
            ring_filter = RingFilter(filter, rate, self._next)
            self._filters[key] = ring_filter
        if not user.left:
            ring_filter.users.add(user)
        return ring_filter

    def _discard(self, user: RingUser) -> None:
        for ring_filter in self._filters.values():
            ring_filter.users.discard(user)
        self._drop_unused()

    def _drop_unused(self) -> None:
        """Drop the filters without users, and everything computed for them."""
        unused = [ring_filter for ring_filter in self._filters.values() if not ring_filter.users]
        if not unused:
            return
        for ring_filter in unused:
            del self._filters[ring_filter.key]
        used = {ring_filter.key[0] for ring_filter in self._filters.values()}
        for chunk in self._chunks:
            for ring_filter in unused:
                self._forget(chunk, ring_filter.key)
                if ring_filter.key[0] not in used:
                    chunk.matches.pop(ring_filter.key[0], None)
