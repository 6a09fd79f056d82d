"""Viewers that stand behind the rings read the store itself, forward from their places, until they meet the rings again.

Nothing that was read is kept between two takes: what does not fit is read again.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from eventstore.events import Message
from eventstore.storage import Storage
from eventstore.tail.counting import events_between, indexed_between
from eventstore.tail.counts import Tallying
from eventstore.tail.lane import Lane
from eventstore.tail.pieces import Entry, Piece
from eventstore.tail.start import LARGEST_READ, SMALLEST_READ, last_of, next_limit

MOST_MISSED = 5_000
"""A page that missed more is given the last ones only."""
MOST_KEPT, MOST_KEPT_BYTES = 500, 16 * 1024 * 1024
NEAR = 400
"""Events that may wait in the ring when a page goes over to it: fewer than would be passed over there."""
EVENTS_OF_A_PAGE, EVENTS_FILTERED, EVENTS_COMPLETE = 100, 300, 2_000
BYTES_A_TAKE = 1024 * 1024
SECONDS_A_TAKE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What was read of one partition. ``at_end``: the store has no more; ``gone`` is what the ring had let go of before."""

    lane: Lane
    partition: int
    messages: Sequence[Message]
    at_end: bool
    gone: str

    def up_to(self, horizon: datetime | None) -> Sequence[Message]:
        """What comes first and is not published behind the horizon; all of it where the horizon is its own."""
        if horizon is None or (not self.at_end and self.messages[-1].published == horizon):
            return self.messages
        late = (index for index, message in enumerate(self.messages) if message.published > horizon)
        return self.messages[: next(late, len(self.messages))]

    def note_place(self, passed: Sequence[Message]) -> None:
        """Nothing is left of what is gone from the ring where the store ends before it: retention has trimmed it."""
        place = passed[-1].position.token if passed else self.lane.places[self.partition]
        through = self.at_end and len(passed) == len(self.messages)
        self.lane.places[self.partition] = max(place, self.gone) if through else place


class Behind:
    """Those of a viewer's lanes that read the store. They join their rings together, so that the times of what they give
    stay in order."""

    def __init__(self, storage: Storage, lanes: Sequence[Lane], counts: Tallying, *, complete: bool) -> None:
        self._storage, self._lanes, self._counts, self._complete = storage, lanes, counts, complete
        self._limit = SMALLEST_READ
        self._begin()

    def take(self) -> list[Piece]:
        """Read on for a moment; nothing where no lane is behind, or none any more."""
        pieces: list[Piece] = []
        given = size = 0
        until = time.monotonic() + SECONDS_A_TAKE
        most = EVENTS_COMPLETE if self._complete else EVENTS_OF_A_PAGE
        while (lanes := self._still_behind()) and given < most and size < BYTES_A_TAKE and time.monotonic() < until:
            self._look_back(lanes)
            entries = self._read_on(lanes, most - given)
            if entries:
                pieces.append(Piece(entries))
            given += len(entries)
            size += sum(len(entry.message.payload) for entry in entries)
        return pieces

    def _begin(self) -> None:
        self._passed = 0
        self._looked_back = False
        self._hurries = self._complete
        """Whether to go over to the rings as soon as they can be met, however much waits there."""

    def _still_behind(self) -> Sequence[Lane]:
        """The lanes that read the store, unless all of them can go over to their rings now."""
        lanes = [lane for lane in self._lanes if lane.number is None]
        numbers = [lane.meets(None if self._hurries else NEAR // len(lanes)) for lane in lanes]
        if not lanes or None in numbers:
            return lanes
        for lane, number in zip(lanes, numbers, strict=True):
            lane.join(number or 0)
        self._begin()
        return ()

    def _look_back(self, lanes: Sequence[Lane]) -> None:
        """Once for each time behind: say what retention has trimmed, and take a page that missed too much to the end."""
        if not self._looked_back:
            for lane in lanes:
                if lane.from_places:
                    self._leave_out_trimmed(lane)
            self._looked_back = True
            if not self._complete and self._waiting(lanes) > MOST_MISSED:
                self._go_to_the_end(lanes)
        elif not self._hurries and self._passed > MOST_MISSED:
            self._hurries = True
            if any(lane.meets(None) is None for lane in lanes):
                self._go_to_the_end(lanes)

    def _leave_out_trimmed(self, lane: Lane) -> None:
        """Without an index nobody knows how many it was, nor, from a beginning, whether it was anything."""
        for ends in self._storage.ends(lane.topic):
            place = lane.places.get(ends.partition, "")
            if ends.first is not None and place < ends.first.token:
                lost = indexed_between(lane.topic, ends.partition, place, ends.first.token, including_upper=False)
                self._leave_out(lane, lost if place else lost or 0)

    def _waiting(self, lanes: Sequence[Lane]) -> int:
        """At least so many events wait: where the store counts entries, each may be many."""
        found = 0
        for lane in lanes:
            at = {
                partition: self._storage.position(lane.topic, partition, token) if token else None
                for partition, token in lane.places.items()
            }
            found += sum(amounts.behind for amounts in self._storage.amounts(lane.topic, at).values())
        return found

    def _go_to_the_end(self, lanes: Sequence[Lane]) -> None:
        """Leave out all but the last events, and count what is left out."""
        self._hurries = True
        places = last_of(self._storage, {lane.topic: lane.places for lane in lanes}, MOST_KEPT, MOST_KEPT_BYTES)
        for lane in lanes:
            for partition, token in places[lane.topic].items():
                place = lane.places[partition]
                if token > place:
                    self._leave_out(lane, events_between(self._storage, lane.topic, partition, place, token))
                    lane.places[partition] = token

    def _leave_out(self, lane: Lane, events: int | None) -> None:
        self._counts.leave_out(events, filtered=lane.tally.filter is not None)

    def _read_on(self, lanes: Sequence[Lane], most: int) -> list[Entry]:
        """A piece of every partition that has something, merged by time as far as all of them were read; what matches."""
        asked = [(lane, partition, gone) for lane in lanes for partition, gone in _unread(lane)]
        if not self._complete and any(lane.tally.filter for lane in lanes):
            most = EVENTS_FILTERED
        limit = max(1, min(self._limit, most // max(1, len(asked))))
        reads = [self._piece(lane, partition, gone, limit) for lane, partition, gone in asked]
        self._limit = next_limit(limit, [message for read in reads for message in read.messages], LARGEST_READ)
        horizon = min((read.messages[-1].published for read in reads if not read.at_end), default=None)
        passed = [(read, read.up_to(horizon)) for read in reads]
        # Merged by the partitions' heads: a partition's own order stands, whatever its publishers' clocks say.
        in_time = merge(*(_of_lane(read.lane, messages) for read, messages in passed), key=lambda one: one[1].published)
        entries = self._passed_on(list(in_time))
        for read, messages in passed:
            read.note_place(messages)
        return entries

    def _piece(self, lane: Lane, partition: int, gone: str, limit: int) -> Read:
        token = lane.places[partition]
        after = self._storage.position(lane.topic, partition, token) if token else None
        messages = self._storage.read_forward(lane.topic, partition, after=after, limit=limit)
        return Read(lane=lane, partition=partition, messages=messages, at_end=len(messages) < limit, gone=gone)

    def _passed_on(self, found: Sequence[tuple[Lane, Message]]) -> list[Entry]:
        """Those that match; all are counted."""
        given: list[Entry] = []
        for lane, message in found:
            entry = Entry(message, lane.tail.reading)
            if lane.tally.filter is None or lane.tally.filter.matches(entry.event):
                given.append(entry)
        self._passed += len(found)
        self._counts.give(published=len(found), matched=len(given), shown=len(given))
        return given


def _unread(lane: Lane) -> Iterator[tuple[int, str]]:
    """The partitions of which the tail has read more than the viewer, and what the ring has let go of."""
    (_, read_to), gone = lane.tail.read_to(), lane.tail.ring.gone
    for partition, place in lane.places.items():
        if place < read_to.get(partition, ""):
            yield partition, gone.get(partition, "")


def _of_lane(lane: Lane, messages: Sequence[Message]) -> list[tuple[Lane, Message]]:
    return [(lane, message) for message in messages]
