"""A subscriber's place in one topic: in its tail's ring, in a shared reading of the store, or in the store by itself."""

from collections.abc import Callable, Sequence

from eventstore.search import Filter
from eventstore.tail.filter_result import nothing_of
from eventstore.tail.pieces import Chunk, EventParser, places_of
from eventstore.tail.ring import Ring
from eventstore.tail.shared.reading import SharedReading
from eventstore.tail.start import Places, incarnation_key, place_key
from eventstore.tail.subscriber.counts import SkipCounter
from eventstore.tail.subscriber.floors import Floors
from eventstore.tail.subscriber.pending_slice import PendingSlice
from eventstore.tail.take_bounds import TakeBounds
from eventstore.tail.topic_tail import TopicTail

MOST_PENDING = 500
"""Rows that may wait for a page, which keeps no more. Beyond that, the oldest are skipped."""
EVENTS_A_TAKE = 2_000
CHUNKS_A_TAKE = 200
"""For a complete subscriber: the most chunks that one take looks at."""
MANY_CHUNKS = 50
"""Passing more chunks than this takes long."""


class TailCursor:
    """One subscriber's place in one topic.

    ``places`` has the last events passed, by partition. ``number`` is the chunk before which the cursor stands;
    ``None`` means that it reads the store by itself. What the ring has below ``floors`` is left out.

    ``from_places``: the subscriber comes back to earlier places. ``fell_back``: the ring went on without it. Otherwise
    ``requested`` has the places up to which the store is read in any case, because the start asked for these events.
    ``reads_alone``: its shared reading could not go on, so it reads on by itself at first.
    """

    def __init__(self, tail: TopicTail, wake: Callable[[], None], *, rate: int | None) -> None:
        self.tail, self.wake, self.left = tail, wake, False
        self.number: int | None = None
        self.floors = Floors()
        self.places: dict[int, str] = {}
        self.from_places = self.fell_back = self.reads_alone = False
        self._reading: SharedReading | None = None
        self.requested: Places = {}
        self.parser = EventParser(tail.parser.read)
        self._reported: dict[int, str] = {}
        self._rate = rate
        self.passed_slices = self._published = self._matched = 0
        self.ring_filter = tail.ring.watch(self, None, rate).ring_filter

    @property
    def topic(self) -> str:
        return self.tail.topic.name

    @property
    def _ring(self) -> Ring:
        return self.tail.ring if self._reading is None else self._reading.ring

    @property
    def has_pending(self) -> bool:
        """Whether the ring has chunks that the subscriber has not passed."""
        return self.number is not None and self._ring.next_number > self.number

    @property
    def at_end_of_reading(self) -> bool:
        return self._reading is not None and self._reading.over and not self.has_pending

    @property
    def is_behind(self) -> bool:
        return self.number is None or self._reading is not None or self.tail.held or bool(self.floors)

    @property
    def stands_at(self) -> int | None:
        """The chunk of the tail's ring before which it stands, or could: a page skips what is too much."""
        if self.number is None or self._reading is not None:
            return None
        return self.number if self._rate is None else self.tail.ring.next_number

    @property
    def is_away(self) -> bool:
        return self.tail.away or (self._reading is not None and self._reading.away)

    def has_after(self, chunk: Chunk) -> bool:
        return self._ring.next_number > chunk.number + 1

    @property
    def is_slow(self) -> bool:
        """Whether going on may take long: it reads the store, cuts off events that the subscriber has, or passes many
        chunks."""
        if self.number is None or self.at_end_of_reading:
            return True
        return self.has_pending and (bool(self.floors) or self._ring.next_number - self.number > MANY_CHUNKS)

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
        self.requested = {}

    def meeting_chunk(self, most: int | None) -> int | None:
        """The chunk at which the ring goes on from these places; ``None`` if not, or if more than ``most`` events wait."""
        return self.tail.ring.meet(self.places, most)

    def join_reading(self) -> bool:
        """Enter a shared reading that goes on from these places. Returns whether there is one.

        A place at the beginning is left to the cursor itself if it was there before: only it reports what was lost there.
        """
        read_to = self.tail.read_to()[1]
        if self.from_places and any(not token and read_to.get(partition) for partition, token in self.places.items()):
            return False
        if (found := self.tail.readings.join(self, self.places)) is not None:
            self._reading, number = found
            self._join(self.ring_filter.filter, number)
            found[0].passed(self, number)  # it may be waiting for another follower, who is slower
        return found is not None

    def leave_reading(self) -> None:
        if self._reading is not None:
            self._reading.discard(self)
            self.reads_alone, self._reading = self._reading.failed, None
        self._leave_ring()

    def join(self, number: int) -> None:
        """Enter the ring before this chunk. If the chunk is gone by now, the cursor goes on reading the store."""
        self.fell_back, self.requested = False, {}
        self._join(self.ring_filter.filter, number)

    def _join(self, filter: Filter | None, number: int) -> None:
        self.floors = Floors({partition: token for partition, token in self.places.items() if token})
        self.floors.settle_at((self._reading or self.tail).read_to())
        self._enter_ring(filter, number)
        self.floors.settle(self._published)

    def _enter_ring(self, filter: Filter | None, number: int) -> None:
        place = self._ring.watch(self, filter, self._rate, number)
        self.ring_filter = place.ring_filter
        self.stand_before(number, place.events, place.matched)
        if place.number != number:
            self.leave_reading()

    def _leave_ring(self) -> None:
        """Go on in the store, after what the subscriber has passed."""
        self.number, self.passed_slices = None, 0
        self.floors, self.requested, self.fell_back = Floors(), {}, True

    def slices(self, counts: SkipCounter, most: TakeBounds) -> Sequence[PendingSlice["TailCursor"]]:
        """Return the slices that wait in the ring: for a page everything that it keeps, otherwise one take.

        If the ring has dropped chunks, the cursor skips them, or leaves the ring and returns nothing.
        """
        if self.number is None or not self.has_pending:
            return ()
        complete = self._rate is None
        since = self._ring.since(self.number, CHUNKS_A_TAKE if complete else None)
        if since.gone and not self._skip_gone(since.chunks[0], since.gone, counts):
            return ()
        found: list[PendingSlice[TailCursor]] = []
        rows = size = 0
        for chunk in since.chunks if complete else self._kept(since.chunks, counts):
            cut = self.floors.overlap(chunk) or self._is_too_much(chunk, most)
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

    def advance(self, pending: PendingSlice["TailCursor"]) -> None:
        """Record that this slice, the next one, was passed."""
        self.places.update(pending.slice.tokens)
        chunk = pending.chunk
        if pending.ends_chunk:
            self.floors.drop(chunk)
            self.stand_before(*self.ring_filter.behind(chunk))
            if self._reading is not None:
                self._reading.passed(self, chunk.number + 1)
        elif pending.rest:
            self.floors.raise_to(pending.slice.tokens)
        else:
            self.passed_slices += 1
            self._published += pending.slice.end - pending.slice.start
            self._matched += pending.slice.matched

    def stand_before(self, number: int, published: int, matched: int) -> None:
        """Stand before this chunk, before which the ring had so many events, and the filter so many matches."""
        self.number, self.passed_slices = number, 0
        self._published, self._matched = published, matched

    def set_filter(self, filter: Filter | None, counts: SkipCounter) -> None:
        """Apply this filter to everything that was not passed yet."""
        if self.number is not None and (since := self._ring.since(self.number)).gone:
            self._skip_gone(since.chunks[0], since.gone, counts)
        if self.number is None or self._reading is not None:
            self.ring_filter = self.tail.ring.watch(self, filter, self._rate).ring_filter
        if self.number is None:
            return
        if self.passed_slices:  # the rest of the chunk gets new slices
            self.floors.raise_to(self.places)
            self.floors.settle_at((self._reading or self.tail).read_to())
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
        self.tail.readings.leave(self)

    def _skip_gone(self, first: Chunk, gone: Places, counts: SkipCounter) -> bool:
        """Skip the chunks that the ring has dropped, and return whether the cursor goes on in the ring.

        A page does so, unless it already has a part of these chunks. Every other cursor goes on in the store.
        """
        if self._rate is None or self.floors:
            self.leave_reading()
            return False
        self._skip_to(first, counts)
        self.places.update({at: max(token, self.places.get(at, "")) for at, token in gone.items()})
        return True

    def _skip_to(self, chunk: Chunk, counts: SkipCounter) -> None:
        """Stand before this chunk. The events in between are skipped and counted."""
        result = self.ring_filter.result_of(chunk)
        counts.count_skipped(published=chunk.before - self._published, matched=result.before - self._matched)
        self.stand_before(chunk.number, chunk.before, result.before)

    def _shared_slices(self, chunk: Chunk) -> list[PendingSlice["TailCursor"]]:
        slices = self.ring_filter.slices_of(chunk)
        first = self.passed_slices if chunk.number == self.number else 0
        last = slices[-1]
        return [PendingSlice(self, chunk, part, part is last, False) for part in slices[first:]]

    def _rest_slices(self, chunk: Chunk) -> list[PendingSlice["TailCursor"]]:
        places = [entry.message.position for entry in chunk.entries]
        rest = [index for index, place in enumerate(places) if self.floors.is_new(place.partition, place.token)]
        entries = [chunk.entries[index] for index in rest]
        slices = self.ring_filter.result_of_rest(chunk, rest).slices or (nothing_of(len(rest), places_of(entries)),)
        last = slices[-1]
        return [PendingSlice(self, chunk, part, part is last, True) for part in slices]

    def _is_too_much(self, chunk: Chunk, most: TakeBounds) -> bool:
        """Whether to cut up the chunk for a complete subscriber with little room. Only this subscriber then uses the
        pieces."""
        if self._rate is not None or most.whole:
            return False
        slices = self.ring_filter.result_of(chunk).slices
        return any(most.are_passed(part.rows, part.bytes) for part in slices)
