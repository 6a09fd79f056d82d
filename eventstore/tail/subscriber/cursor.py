"""A viewer's place in one topic: in the ring of its tail, or behind it in the store."""

from collections.abc import Callable, Sequence

from eventstore.search import Filter
from eventstore.tail.filter_result import nothing_of
from eventstore.tail.pieces import Chunk, EventParser, Slice, places_of
from eventstore.tail.start import Places, place_key
from eventstore.tail.subscriber.counts import SkipCounter
from eventstore.tail.take_bounds import TakeBounds
from eventstore.tail.topic_tail import TopicTail

AT_THE_END = "~"
"""Sorts behind every token."""

MOST_PENDING = 500
"""Rows that may wait for a page before the oldest are passed over: it keeps no more."""
EVENTS_A_TAKE = 2_000
CHUNKS_A_TAKE = 200
"""Of a complete viewer: no more is looked at than is given."""
MANY_CHUNKS = 50
"""To go through more of them takes its time."""


class PendingSlice:
    """A slice that waits in a lane: of a shared chunk, or (``rest``) of what this viewer does not have of it yet."""

    __slots__ = ("chunk", "cursor", "ends_chunk", "rest", "rows", "slice")

    def __init__(self, cursor: "TailCursor", chunk: Chunk, slice: Slice, ends_chunk: bool, rest: bool) -> None:
        self.cursor, self.chunk, self.slice, self.rows = cursor, chunk, slice, slice.rows
        self.ends_chunk, self.rest = ends_chunk, rest


class TailCursor:
    """``places`` are the last events passed, by partition. Of chunk ``number`` (``None``: it reads the store) so many slices
    were passed; ``floors`` are places up to which the ring's events must be left out, since the viewer has passed them.

    ``from_places``: the viewer comes back; ``fell_back``: the ring has gone on without it. ``requested``: where neither is
    so, the places up to which the store is read whatever it takes, since that is what the start asked for.
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
        """Whether the ring has something that the viewer has not passed."""
        return self.number is not None and self.tail.ring.next_number > self.number

    def has_after(self, chunk: Chunk) -> bool:
        """Whether the ring has more than up to this chunk."""
        return self.tail.ring.next_number > chunk.number + 1

    @property
    def is_slow(self) -> bool:
        """Whether going on may take a while: reading the store, cutting off what the viewer has, or passing a lot."""
        if self.number is None:
            return True
        return self.has_pending and (bool(self.floors) or self.tail.ring.next_number - self.number > MANY_CHUNKS)

    @property
    def has_missed(self) -> bool:
        """Whether what waits was missed, and not asked for."""
        return self.from_places or self.fell_back

    @property
    def owes_start(self) -> bool:
        """Whether there is still something to come of what the start asked for."""
        return any(self.places.get(partition, "") < token for partition, token in self.requested.items())

    def begin_now(self, filter: Filter | None) -> None:
        """Stand behind everything that the tail has read."""
        number = self.tail.ring.next_number
        # Only now: what is read in between is then in a chunk from that number on, and behind these places or cut off.
        self.places = dict(self.tail.read_to()[1])
        self._join(filter, number)

    def begin_at(self, filter: Filter | None, places: Places, *, from_places: bool) -> None:
        """Stand behind these places. ``from_places``: somebody has been there, so that what is gone since must be said."""
        self.places, self.from_places = dict(places), from_places
        if not from_places:
            self.request_all()
        self.ring_filter = self.tail.ring.watch(self, filter, self._rate).ring_filter

    def request_all(self) -> None:
        """Whatever the tail has read by now is wanted from the store."""
        self.requested = dict(self.tail.read_to()[1])

    def request_nothing(self) -> None:
        """From here on what waits was missed like anything else."""
        self.requested = {}

    def meeting_chunk(self, most: int | None) -> int | None:
        """The chunk at which the ring goes on; ``None`` where it does not reach back so far, or has more than ``most``."""
        return self.tail.ring.meet(self.places, most)

    def join(self, number: int) -> None:
        """Go on in the ring with this chunk; the lane stays behind if it is gone by now."""
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
        """Go on in the store, behind what the viewer has passed."""
        self.number, self._passed_slices = None, 0
        self.floors, self.requested = {}, {}
        self.fell_back = True

    def slices(self, counts: SkipCounter, most: TakeBounds) -> Sequence[PendingSlice]:
        """What waits in the ring: for a page all that it keeps, else a take's worth. Passes over what the ring has no more, or
        falls behind."""
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
        """The newest chunks, with as many rows as a page keeps: those before are passed over without a look at each."""
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
        """Note that this slice, the next one, was passed."""
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
        """Look at everything that was not passed yet through this filter."""
        if self.number is not None and (since := self.tail.ring.since(self.number)).gone:
            self._skip_gone(since.chunks[0], since.gone, counts)
        if self.number is None:
            self.ring_filter = self.tail.ring.watch(self, filter, self._rate).ring_filter
            return
        if self._passed_slices:  # the chunk's rest is cut off anew
            self.floors.update(self.places)
            self._settle_later()
        self._enter_ring(filter, self.number)

    def news(self) -> dict[str, str]:
        """The places that have changed since they were asked for."""
        changed = {partition: token for partition, token in self.places.items() if self._reported.get(partition) != token}
        self._reported.update(changed)
        return {place_key(self.topic, partition): token for partition, token in changed.items()}

    def close(self) -> None:
        self.tail.leave(self)

    def _skip_gone(self, first: Chunk, gone: Places, counts: SkipCounter) -> bool:
        """Whether the lane goes on in the ring, having counted what is gone: a page does, unless it has a part of that."""
        if self._rate is None or self.floors:
            self._leave_ring()
            return False
        self._skip_to(first, counts)
        self.places.update({at: max(token, self.places.get(at, "")) for at, token in gone.items()})
        return True

    def _skip_to(self, chunk: Chunk, counts: SkipCounter) -> None:
        """Stand before this chunk: what lies between was passed without a look, and is counted."""
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
        """Whether a complete viewer with little room is given the chunk bit by bit, of which nobody else has anything."""
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
        """Forget floors below which nothing can come any more, once so many events of the ring were passed."""
        if self.floors and events >= self._settled_at:
            settled = self._settled
            self.floors = {at: token for at, token in self.floors.items() if token > settled.get(at, "")}

    def _settle_later(self) -> None:
        """Of what the tail has read by now, nothing can come once the ring's events that are on their way were passed."""
        self._settled_at, self._settled = self.tail.read_to()
