"""A viewer's place in one topic: in the ring of its tail, or behind it in the store."""

from collections.abc import Callable, Sequence

from eventstore.search import Filter
from eventstore.tail.counts import Tallying
from eventstore.tail.pieces import Chunk, Slice, places_of
from eventstore.tail.start import Places, place_key
from eventstore.tail.topic_tail import TopicTail

AT_THE_END = "~"
"""Sorts behind every token."""


class Waiting:
    """A slice that waits in a lane: of a shared chunk, or (``rest``) of what this viewer does not have of it yet."""

    __slots__ = ("chunk", "ends_chunk", "lane", "rest", "slice", "tokens")

    def __init__(self, lane: "Lane", chunk: Chunk, slice: Slice, *, tokens: Places, ends_chunk: bool, rest: bool) -> None:
        self.lane, self.chunk, self.slice = lane, chunk, slice
        self.tokens, self.ends_chunk, self.rest = tokens, ends_chunk, rest

    @property
    def rows(self) -> int:
        return len(self.slice.piece.entries)


class Lane:
    """``places`` are the last events passed, by partition. Of chunk ``number`` (``None``: it reads the store) so many slices
    were passed; ``floors`` are places up to which the ring's events must be left out, since the viewer has passed them."""

    def __init__(self, tail: TopicTail, wake: Callable[[], None], *, rate: int | None) -> None:
        self.tail, self.wake = tail, wake
        self.left = False
        self.number: int | None = None
        self.floors: dict[int, str] = {}
        self.places: dict[int, str] = {}
        self.from_places = False
        self._told: dict[int, str] = {}
        self._rate = rate
        self._passed_slices = 0
        self._published = self._matched = 0
        self._settled_at = 0
        self._settled: Places = {}
        self.tally = tail.ring.watch(self, None, rate).tally

    @property
    def topic(self) -> str:
        return self.tail.topic.name

    @property
    def waiting(self) -> bool:
        """Whether the ring has something that the viewer has not passed."""
        return self.number is not None and self.tail.ring.next_number > self.number

    def begin_now(self, filter: Filter | None) -> None:
        """Stand behind everything that the tail has read."""
        number = self.tail.ring.next_number
        # Only now: what is read in between is then in a chunk from that number on, and behind these places or cut off.
        self.places = dict(self.tail.read_to()[1])
        self._join(filter, number)

    def begin_at(self, filter: Filter | None, places: Places, *, from_places: bool) -> None:
        """Stand behind these places. ``from_places``: somebody has been there, so that what is gone since must be said."""
        self.places, self.from_places = dict(places), from_places
        self.tally = self.tail.ring.watch(self, filter, self._rate).tally

    def meets(self, most: int | None) -> int | None:
        """The chunk at which the ring goes on; ``None`` where it does not reach back so far, or has more than ``most``."""
        return self.tail.ring.meet(self.places, most)

    def join(self, number: int) -> None:
        """Go on in the ring with this chunk; the lane stays behind if it is gone by now."""
        self._join(self.tally.filter, number)

    def _join(self, filter: Filter | None, number: int) -> None:
        self.floors = {partition: token for partition, token in self.places.items() if token}
        self._settle_later()
        self._stand(filter, number)
        self._settle(self._published)

    def _stand(self, filter: Filter | None, number: int) -> None:
        standing = self.tail.ring.watch(self, filter, self._rate, number)
        self.tally, self._published, self._matched = standing.tally, standing.events, standing.matched
        self.number, self._passed_slices = number, 0
        if standing.number != number:
            self._fall_behind()

    def _fall_behind(self) -> None:
        """Go on in the store, behind what the viewer has passed."""
        self.number, self._passed_slices = None, 0
        self.floors = {}
        self.from_places = True

    def slices(self, counts: Tallying) -> Sequence[Waiting]:
        """All that waits in the ring; passes over what the ring has no more, or falls behind."""
        if self.number is None or not self.waiting:
            return ()
        since = self.tail.ring.since(self.number)
        if since.gone and not self._pass_over(since.chunks[0], since.gone, counts):
            return ()
        found: list[Waiting] = []
        for chunk in since.chunks:
            found += self._rest(chunk) if self._overlaps(chunk) else self._shared(chunk)
        return found

    def advance(self, waiting: Waiting) -> None:
        """Note that this slice, the next one, was passed."""
        self.places.update(waiting.tokens)
        chunk = waiting.chunk
        if waiting.ends_chunk:
            self.number, self._passed_slices = chunk.number + 1, 0
            self._drop_floors(chunk)
            self._published = chunk.before + len(chunk.entries)
            look = self.tally.look_at(chunk)
            self._matched = look.before + look.matched
        elif waiting.rest:
            self.floors.update(waiting.tokens)
        else:
            self._passed_slices += 1
            self._published += waiting.slice.end - waiting.slice.start
            self._matched += waiting.slice.matched

    def set_filter(self, filter: Filter | None, counts: Tallying) -> None:
        """Look at everything that was not passed yet through this filter."""
        if self.number is not None and (since := self.tail.ring.since(self.number)).gone:
            self._pass_over(since.chunks[0], since.gone, counts)
        if self.number is None:
            self.tally = self.tail.ring.watch(self, filter, self._rate).tally
            return
        if self._passed_slices:  # the chunk's rest is cut off anew
            self.floors.update(self.places)
            self._settle_later()
        self._stand(filter, self.number)

    def news(self) -> dict[str, str]:
        """The places that have changed since they were asked for."""
        changed = {partition: token for partition, token in self.places.items() if self._told.get(partition) != token}
        self._told.update(changed)
        return {place_key(self.topic, partition): token for partition, token in changed.items()}

    def close(self) -> None:
        self.tail.leave(self)

    def _pass_over(self, first: Chunk, gone: Places, counts: Tallying) -> bool:
        """Whether the lane goes on in the ring, having counted what is gone: a page does, unless it has a part of that."""
        if self._rate is None or self.floors:
            self._fall_behind()
            return False
        look = self.tally.look_at(first)
        counts.pass_over(published=first.before - self._published, matched=look.before - self._matched)
        self.number, self._passed_slices = first.number, 0
        self._published, self._matched = first.before, look.before
        self.places.update({at: max(token, self.places.get(at, "")) for at, token in gone.items()})
        return True

    def _shared(self, chunk: Chunk) -> list[Waiting]:
        look = self.tally.look_at(chunk)
        first = self._passed_slices if chunk.number == self.number else 0
        last = len(look.slices) - 1
        return [
            Waiting(
                self,
                chunk,
                part,
                tokens=chunk.last if first + index == last else places_of(chunk.entries[part.start : part.end]),
                ends_chunk=first + index == last,
                rest=False,
            )
            for index, part in enumerate(look.slices[first:])
        ]

    def _rest(self, chunk: Chunk) -> list[Waiting]:
        entries = [
            entry for entry in chunk.entries if self._is_new(entry.message.position.partition, entry.message.position.token)
        ]
        look = self.tally.look_at_rest(entries)
        last = look.slices[-1]
        return [
            Waiting(
                self,
                chunk,
                part,
                tokens=places_of(entries[part.start : part.end]),
                ends_chunk=part is last,
                rest=True,
            )
            for part in look.slices
        ]

    def _overlaps(self, chunk: Chunk) -> bool:
        return bool(self.floors) and any(not self._is_new(partition, token) for partition, token in chunk.first.items())

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
