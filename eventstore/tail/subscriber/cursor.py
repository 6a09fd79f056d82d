"""A subscriber's place in one topic: in the ring of its tail, or in the store if the ring no longer covers it."""

from collections.abc import Callable, Sequence

from eventstore.search import Filter
from eventstore.tail.filter_result import nothing_of
from eventstore.tail.pieces import Chunk, EventParser, Slice, places_of
from eventstore.tail.start import Places, incarnation_key, place_key
from eventstore.tail.subscriber.counts import SkipCounter
from eventstore.tail.take_bounds import TakeBounds
from eventstore.tail.topic_tail import TopicTail

AT_THE_END = "~"
"""Sorts after every token."""

MOST_PENDING = 500
"""Rows that may wait for a page, which keeps no more. Beyond that, the oldest are skipped."""
EVENTS_A_TAKE = 2_000
CHUNKS_A_TAKE = 200
"""For a complete subscriber: the most chunks that one take looks at."""
MANY_CHUNKS = 50
"""Passing more chunks than this takes long."""


class PendingSlice:
    """A slice that waits for a cursor.

    It belongs to a shared chunk, or (``rest``) to the part of a chunk that this subscriber does not have yet.
    """

    __slots__ = ("chunk", "cursor", "ends_chunk", "rest", "rows", "slice")

    def __init__(self, cursor: "TailCursor", chunk: Chunk, slice: Slice, ends_chunk: bool, rest: bool) -> None:
        self.cursor, self.chunk, self.slice, self.rows = cursor, chunk, slice, slice.rows
        self.ends_chunk, self.rest = ends_chunk, rest


class TailCursor:
    """One subscriber's place in one topic.

    ``places`` has the last events passed, by partition. ``number`` is the chunk before which the cursor stands;
    ``None`` means that it reads the store. ``floors`` are places up to which the ring's events are left out because the
    subscriber has them.

    ``from_places``: the subscriber comes back to earlier places. ``fell_back``: the ring went on without it. Otherwise
    ``requested`` has the places up to which the store is read in any case, because the start asked for these events.
    """

    def __init__(self, tail: TopicTail, wake: Callable[[], None], *, rate: int | None) -> None:
        self.tail, self.wake = tail, wake
        self.left = False
        self.number: int | None = None
        self.floors: dict[int, str] = {}
        self.places: dict[int, str] = {}
        self.from_places = self.fell_back = False
        self.requested: Places = {}
        self.parser = EventParser(tail.parser.read)
        self._reported: dict[int, str] = {}
        self._rate = rate
        self._passed_slices = 0
        self._published = self._matched = 0
        self._settled_at = 0
        self._settled: Places = {}
        self.ring_filter = tail.ring.watch(self, None, rate).ring_filter

    @property
    def topic(self) -> str:
        return self.tail.topic.name

    @property
    def has_pending(self) -> bool:
        """Whether the ring has chunks that the subscriber has not passed."""
        return self.number is not None and self.tail.ring.next_number > self.number

    def has_after(self, chunk: Chunk) -> bool:
        """Whether the ring has chunks after this one."""
        return self.tail.ring.next_number > chunk.number + 1

    @property
    def is_slow(self) -> bool:
        """Whether going on may take long: it reads the store, cuts off events that the subscriber has, or passes many
        chunks."""
        if self.number is None:
            return True
        return self.has_pending and (bool(self.floors) or self.tail.ring.next_number - self.number > MANY_CHUNKS)

    @property
    def has_missed(self) -> bool:
        """Whether what waits was missed, and was not requested by the start."""
        return self.from_places or self.fell_back

    @property
    def owes_start(self) -> bool:
        """Whether there is more to come of what the start requested."""
        return any(self.places.get(partition, "") < token for partition, token in self.requested.items())

    def begin_now(self, filter: Filter | None) -> None:
        """Stand after everything that the tail has read."""
        number = self.tail.ring.next_number
        # After the number: what is read in between then lies in a later chunk, and either after these places or cut off.
        self.places = dict(self.tail.read_to()[1])
        self._join(filter, number)

    def begin_at(self, filter: Filter | None, places: Places, *, from_places: bool) -> None:
        """Stand after these places.

        ``from_places``: the subscriber was there before, so that events that are gone since then must be reported.
        """
        self.places, self.from_places = dict(places), from_places
        if not from_places:
            self.request_all()
        self.ring_filter = self.tail.ring.watch(self, filter, self._rate).ring_filter

    def request_all(self) -> None:
        """Request everything that the tail has read by now from the store."""
        self.requested = dict(self.tail.read_to()[1])

    def request_nothing(self) -> None:
        """Treat everything that waits from now on as missed."""
        self.requested = {}

    def meeting_chunk(self, most: int | None) -> int | None:
        """Return the chunk at which the ring goes on from these places.

        Returns ``None`` if the ring does not reach back that far, or has more than ``most`` events after them.
        """
        return self.tail.ring.meet(self.places, most)

    def join(self, number: int) -> None:
        """Enter the ring before this chunk. If the chunk is gone by now, the cursor goes on reading the store."""
        self.fell_back, self.requested = False, {}
        self._join(self.ring_filter.filter, number)

    def _join(self, filter: Filter | None, number: int) -> None:
        self.floors = {partition: token for partition, token in self.places.items() if token}
        self._settle_later()
        self._enter_ring(filter, number)
        self._settle(self._published)

    def _enter_ring(self, filter: Filter | None, number: int) -> None:
        place = self.tail.ring.watch(self, filter, self._rate, number)
        self.ring_filter, self._published, self._matched = place.ring_filter, place.events, place.matched
        self.number, self._passed_slices = number, 0
        if place.number != number:
            self._leave_ring()

    def _leave_ring(self) -> None:
        """Go on in the store, after what the subscriber has passed."""
        self.number, self._passed_slices = None, 0
        self.floors, self.requested = {}, {}
        self.fell_back = True

    def slices(self, counts: SkipCounter, most: TakeBounds) -> Sequence[PendingSlice]:
        """Return the slices that wait in the ring: for a page everything that it keeps, otherwise one take.

        If the ring has dropped chunks, the cursor skips them, or leaves the ring and returns nothing.
        """
        if self.number is None or not self.has_pending:
            return ()
        complete = self._rate is None
        since = self.tail.ring.since(self.number, CHUNKS_A_TAKE if complete else None)
        if since.gone and not self._skip_gone(since.chunks[0], since.gone, counts):
            return ()
        found: list[PendingSlice] = []
        rows = size = 0
        for chunk in since.chunks if complete else self._kept(since.chunks, counts):
            cut = self._overlaps(chunk) or self._is_too_much(chunk, most)
            for one in self._rest_slices(chunk) if cut else self._shared_slices(chunk):
                found.append(one)
                rows, size = rows + one.rows, size + one.slice.bytes
            if complete and most.are_passed(rows, size):
                break
        return found

    def _kept(self, chunks: Sequence[Chunk], counts: SkipCounter) -> Sequence[Chunk]:
        """Return the newest chunks with as many rows as a page keeps. The chunks before them are skipped without making
        their slices."""
        rows, first = 0, len(chunks)
        while first and rows < MOST_PENDING:
            first -= 1
            rows += self.ring_filter.result_of(chunks[first]).rows
        if not first or self.floors:
            return chunks
        for chunk in chunks[:first]:
            self.places.update(chunk.last)
        self._skip_to(chunks[first], counts)
        return chunks[first:]

    def advance(self, pending: PendingSlice) -> None:
        """Record that this slice, the next one, was passed."""
        self.places.update(pending.slice.tokens)
        chunk = pending.chunk
        if pending.ends_chunk:
            self.number, self._passed_slices = chunk.number + 1, 0
            self._drop_floors(chunk)
            self._published = chunk.before + len(chunk.entries)
            result = self.ring_filter.result_of(chunk)
            self._matched = result.before + result.matched
        elif pending.rest:
            self.floors.update(pending.slice.tokens)
        else:
            self._passed_slices += 1
            self._published += pending.slice.end - pending.slice.start
            self._matched += pending.slice.matched

    def set_filter(self, filter: Filter | None, counts: SkipCounter) -> None:
        """Apply this filter to everything that was not passed yet."""
        if self.number is not None and (since := self.tail.ring.since(self.number)).gone:
            self._skip_gone(since.chunks[0], since.gone, counts)
        if self.number is None:
            self.ring_filter = self.tail.ring.watch(self, filter, self._rate).ring_filter
            return
        if self._passed_slices:  # the rest of the chunk gets new slices
            self.floors.update(self.places)
            self._settle_later()
        self._enter_ring(filter, self.number)

    def new_places(self) -> dict[str, str]:
        """Return the places that have changed since the last call."""
        changed = {partition: token for partition, token in self.places.items() if self._reported.get(partition) != token}
        self._reported.update(changed)
        return {place_key(self.topic, partition): token for partition, token in changed.items()}

    @property
    def incarnations(self) -> dict[str, str]:
        """What accompanies the places of a subscriber that may come back, by ``incarnation_key``."""
        told = self.tail.incarnations.items()
        return {incarnation_key(self.topic, partition): incarnation for partition, incarnation in told if incarnation}

    def close(self) -> None:
        self.tail.leave(self)

    def _skip_gone(self, first: Chunk, gone: Places, counts: SkipCounter) -> bool:
        """Skip the chunks that the ring has dropped, and return whether the cursor goes on in the ring.

        A page does so, unless it already has a part of these chunks. Every other cursor goes on in the store.
        """
        if self._rate is None or self.floors:
            self._leave_ring()
            return False
        self._skip_to(first, counts)
        self.places.update({at: max(token, self.places.get(at, "")) for at, token in gone.items()})
        return True

    def _skip_to(self, chunk: Chunk, counts: SkipCounter) -> None:
        """Stand before this chunk. The events in between are skipped and counted."""
        result = self.ring_filter.result_of(chunk)
        counts.count_skipped(published=chunk.before - self._published, matched=result.before - self._matched)
        self.number, self._passed_slices = chunk.number, 0
        self._published, self._matched = chunk.before, result.before

    def _shared_slices(self, chunk: Chunk) -> list[PendingSlice]:
        slices = self.ring_filter.result_of(chunk).slices or (nothing_of(len(chunk.entries), chunk.last),)
        first = self._passed_slices if chunk.number == self.number else 0
        last = slices[-1]
        return [PendingSlice(self, chunk, part, part is last, False) for part in slices[first:]]

    def _rest_slices(self, chunk: Chunk) -> list[PendingSlice]:
        places = [entry.message.position for entry in chunk.entries]
        rest = [index for index, place in enumerate(places) if self._is_new(place.partition, place.token)]
        entries = [chunk.entries[index] for index in rest]
        slices = self.ring_filter.result_of_rest(chunk, rest).slices or (nothing_of(len(rest), places_of(entries)),)
        last = slices[-1]
        return [PendingSlice(self, chunk, part, part is last, True) for part in slices]

    def _overlaps(self, chunk: Chunk) -> bool:
        return bool(self.floors) and any(not self._is_new(partition, token) for partition, token in chunk.first.items())

    def _is_too_much(self, chunk: Chunk, most: TakeBounds) -> bool:
        """Whether to cut up the chunk for a complete subscriber with little room. Only this subscriber then uses the
        pieces."""
        if self._rate is not None or most.whole:
            return False
        slices = self.ring_filter.result_of(chunk).slices
        return any(most.are_passed(part.rows, part.bytes) for part in slices)

    def _is_new(self, partition: int, token: str) -> bool:
        return token > self.floors.get(partition, "")

    def _drop_floors(self, chunk: Chunk) -> None:
        for partition, token in chunk.last.items():
            if token >= self.floors.get(partition, AT_THE_END):
                del self.floors[partition]
        self._settle(chunk.before + len(chunk.entries))

    def _settle(self, events: int) -> None:
        """Drop floors that no coming event can be below, once this many events of the ring were passed."""
        if self.floors and events >= self._settled_at:
            settled = self._settled
            self.floors = {at: token for at, token in self.floors.items() if token > settled.get(at, "")}

    def _settle_later(self) -> None:
        """Remember what the tail has read by now: after the ring's events up to there, no event can be below these floors."""
        self._settled_at, self._settled = self.tail.read_to()
