"""Viewers that stand behind the rings read the store itself, forward from their places, until they meet the rings again.

Nothing that was read is kept between two takes: what does not fit is read again.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message
from eventstore.model.storage import Storage
from eventstore.search import CostBudget
from eventstore.tail.pieces import Entry, Piece
from eventstore.tail.start import LARGEST_READ, SMALLEST_READ, last_of, next_limit
from eventstore.tail.subscriber.counts import SkipCounter
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.subscriber.missed_counts import events_between, indexed_between
from eventstore.tail.take_bounds import TakeBounds, take_bounds

MOST_MISSED = 5_000
"""A page that missed more is given the last ones only. What its start asked for was not missed, and is given whole."""
MOST_KEPT, MOST_KEPT_BYTES = 500, 16 * 1024 * 1024
NEAR = 400
"""Events that may wait in the ring when a page goes over to it: fewer than would be passed over there."""
EVENTS_OF_A_PAGE, EVENTS_FILTERED, EVENTS_COMPLETE = 100, 300, 2_000
SECONDS_A_TAKE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionRead:
    """What was read of one partition, behind ``place``. ``at_end``: the store has no more; ``gone`` is what the ring had let
    go of before; ``trimmed``: between the place and what was read, something is gone."""

    cursor: TailCursor
    partition: int
    place: str
    messages: Sequence[Message]
    at_end: bool
    gone: str
    trimmed: bool

    def up_to(self, horizon: datetime | None) -> Sequence[Message]:
        """What comes first and is not published behind the horizon; all of it where the horizon is its own."""
        if horizon is None or (not self.at_end and self.messages[-1].published == horizon):
            return self.messages
        late = (index for index, message in enumerate(self.messages) if message.published > horizon)
        return self.messages[: next(late, len(self.messages))]

    def lost(self, passed: Sequence[Message]) -> int | None:
        """How many events behind the place are neither among those that are passed now nor to come: retention has trimmed
        them. ``None`` where nobody knows."""
        lost = [self._between(self.place, passed[0].position.token, False)] if passed and self.trimmed else []
        end = passed[-1].position.token if passed else self.place
        if self._place_after(passed) > end:
            lost.append(self._between(end, self.gone, True))
        return None if None in lost else sum(events or 0 for events in lost)

    def note_place(self, passed: Sequence[Message]) -> None:
        self.cursor.places[self.partition] = self._place_after(passed)

    def _place_after(self, passed: Sequence[Message]) -> str:
        """The place behind these. Nothing is left of what is gone from the ring where the store ends before it."""
        place = passed[-1].position.token if passed else self.place
        return max(place, self.gone) if self.at_end and len(passed) == len(self.messages) else place

    def _between(self, lower: str, upper: str, including_upper: bool) -> int | None:
        """Without an index nobody knows how many it was, nor, from a beginning, whether it was anything."""
        found = indexed_between(self.cursor.topic, self.partition, lower, upper, including_upper=including_upper)
        return found if lower else found or 0


class StoreCatchup:
    """Those of a viewer's lanes that read the store. They join their rings together, so that the times of what they give
    stay in order."""

    def __init__(self, storage: Storage, cursors: Sequence[TailCursor], counts: SkipCounter, *, complete: bool) -> None:
        self._storage, self._cursors, self._counts, self._complete = storage, cursors, counts, complete
        self._limit, self._largest = SMALLEST_READ, 1
        self._cost_budget: CostBudget | None = None
        self._begin()

    def take(self, room: int | None = None) -> list[Piece]:
        """Read on for a moment, about as much as fills ``room`` bytes; nothing where no lane is behind, or none any more."""
        pieces: list[Piece] = []
        given = size = 0
        until = time.monotonic() + SECONDS_A_TAKE
        most = take_bounds(EVENTS_COMPLETE if self._complete else EVENTS_OF_A_PAGE, room, complete=self._complete)
        while (cursors := self._reading_store()) and given < most.events and size < most.bytes and time.monotonic() < until:
            try:
                self._skip_ahead(cursors)
                entries = self._read_merged(cursors, self._room(cursors, most, given, size))
            except StoreUnreachable:
                if pieces:  # they are counted, and behind the places: the next take says that the store is away
                    break
                raise
            if entries:
                pieces.append(Piece(entries))
            given += len(entries)
            size += sum(len(entry.message.payload) + most.beside for entry in entries)
        return pieces

    def _begin(self) -> None:
        self._passed = 0
        self._looked_back = False
        self._published = self._published_by_now()
        self._joins_early = self._complete
        """Whether to go over to the rings as soon as they can be met, however much waits there."""

    def _reading_store(self) -> Sequence[TailCursor]:
        """The lanes that read the store, unless all of them can go over to their rings now."""
        cursors = [cursor for cursor in self._cursors if cursor.number is None]
        numbers = [cursor.meeting_chunk(None if self._joins_early else NEAR // len(cursors)) for cursor in cursors]
        if not cursors or None in numbers:
            return cursors
        for cursor, number in zip(cursors, numbers, strict=True):
            cursor.join(number or 0)
        self._begin()
        return ()

    def _skip_ahead(self, cursors: Sequence[TailCursor]) -> None:
        """Take a page to the end that missed too much, or that does not come nearer to it; once for each time behind."""
        if self._joins_early or self._still_owes_start(cursors):
            return
        if not self._looked_back:
            if any(cursor.has_missed for cursor in cursors) and self._count_pending(cursors) > MOST_MISSED:
                self._skip_to_end(cursors)
            self._looked_back = True
        elif self._passed > MOST_MISSED:
            if any(cursor.meeting_chunk(None) is None for cursor in cursors):
                self._skip_to_end(cursors)
            self._joins_early = True

    def _still_owes_start(self, cursors: Sequence[TailCursor]) -> bool:
        """Whether a page is still given what its start asked for, or what was published in the meantime and is less."""
        asking = [cursor for cursor in cursors if cursor.requested]
        if asking and not any(cursor.owes_start for cursor in asking):
            meanwhile = self._published_by_now() - self._published
            comes_nearer = meanwhile < self._passed // 2
            self._passed, self._published = 0, self._published + meanwhile
            for cursor in asking:
                cursor.request_all() if comes_nearer else cursor.request_nothing()
        return any(cursor.owes_start for cursor in cursors)

    def _published_by_now(self) -> int:
        return sum(cursor.tail.read_to()[0] for cursor in self._cursors)

    def _count_pending(self, cursors: Sequence[TailCursor]) -> int:
        """At least so many events wait: where the store counts entries, each may be many."""
        found = 0
        for cursor in cursors:
            at = {
                partition: self._storage.position(cursor.topic, partition, token) if token else None
                for partition, token in cursor.places.items()
            }
            found += sum(amounts.behind for amounts in self._storage.amounts(cursor.topic, at).values())
        return found

    def _skip_to_end(self, cursors: Sequence[TailCursor]) -> None:
        """Leave out all but the last events, and count what is left out."""
        places = last_of(self._storage, {cursor.topic: cursor.places for cursor in cursors}, MOST_KEPT, MOST_KEPT_BYTES)
        for cursor in cursors:
            for partition, token in places[cursor.topic].items():
                place = cursor.places[partition]
                if token > place:
                    self._count_unread(cursor, events_between(self._storage, cursor.topic, partition, place, token))
                    cursor.places[partition] = token
        self._joins_early = True

    def _count_unread(self, cursor: TailCursor, events: int | None) -> None:
        self._counts.count_unread(events, filtered=cursor.ring_filter.filter is not None)

    def _room(self, cursors: Sequence[TailCursor], most: TakeBounds, given: int, size: int) -> int:
        """How many events the next read is to find, of all partitions together."""
        if not self._complete and any(cursor.ring_filter.filter for cursor in cursors):
            return min(EVENTS_FILTERED, 3 * most.events)
        return min(
            most.events - given, (most.bytes - size) // (self._largest + most.beside) if self._complete else most.events
        )

    def _read_merged(self, cursors: Sequence[TailCursor], most: int) -> list[Entry]:
        """A piece of every partition that has something, merged by time as far as all of them were read; what matches."""
        asked = [(cursor, partition, gone) for cursor in cursors for partition, gone in _unread(cursor)]
        limit = max(1, min(self._limit, most // max(1, len(asked))))
        reads = [self._read_partition(cursor, partition, gone, limit) for cursor, partition, gone in asked]
        if reads and not any(read.messages for read in reads):  # the rest is in the rings alone, however much it is
            self._joins_early = True
        found = [message for read in reads for message in read.messages]
        self._limit = next_limit(limit, found, LARGEST_READ)
        self._largest = max((len(message.payload) for message in found), default=self._largest) or 1  # to divide by
        horizon = min((read.messages[-1].published for read in reads if not read.at_end), default=None)
        passed = [(read, read.up_to(horizon)) for read in reads]
        # Merged by the partitions' heads: a partition's own order stands, whatever its publishers' clocks say.
        in_time = merge(*(_with_cursor(read.cursor, messages) for read, messages in passed), key=lambda one: one[1].published)
        entries = self._matching_entries(list(in_time))
        for read, messages in passed:
            self._count_unread(read.cursor, read.lost(messages))
            read.note_place(messages)
        return entries

    def _read_partition(self, cursor: TailCursor, partition: int, gone: str, limit: int) -> PartitionRead:
        """Read from the place on, with the event that lies there: where it still does, nothing was trimmed behind it."""
        token = cursor.places[partition]
        after = self._storage.position(cursor.topic, partition, token) if token else None
        most = limit + 1 if after else limit
        found = self._storage.read_forward(cursor.topic, partition, after=after, inclusive=after is not None, limit=most)
        goes_on = bool(found) and found[0].position.token == token
        return PartitionRead(
            cursor=cursor,
            partition=partition,
            place=token,
            messages=found[1:] if goes_on else found,
            at_end=len(found) < most,
            gone=gone,
            trimmed=not goes_on and self._is_trimmed(cursor, partition, token),
        )

    def _is_trimmed(self, cursor: TailCursor, partition: int, token: str) -> bool:
        """Whether the partition begins behind this place by now; from a beginning, whoever was there before asks."""
        if not token:
            return cursor.from_places
        ends = next((ends for ends in self._storage.ends(cursor.topic) if ends.partition == partition), None)
        return ends is None or ends.first is None or ends.first.token > token

    def _matching_entries(self, found: Sequence[tuple[TailCursor, Message]]) -> list[Entry]:
        """Those that match; all are counted. ``FilterTooExpensive`` where to find them out costs too much."""
        given = [Entry(message, cursor.parser) for cursor, message in found]
        if given and (filter := found[0][0].ring_filter.filter) is not None:  # all lanes have the viewer's one filter
            if self._cost_budget is None or self._cost_budget.filter is not filter:
                self._cost_budget = CostBudget(filter)
            given = [given[place] for place in self._cost_budget.matching([entry.event for entry in given])]
        self._passed += len(found)
        self._counts.give(published=len(found), matched=len(given), shown=len(given))
        return given


def _unread(cursor: TailCursor) -> Iterator[tuple[int, str]]:
    """The partitions of which the tail has read more than the viewer, and what the ring has let go of."""
    (_, read_to), gone = cursor.tail.read_to(), cursor.tail.ring.gone
    for partition, place in cursor.places.items():
        if place < read_to.get(partition, ""):
            yield partition, gone.get(partition, "")


def _with_cursor(cursor: TailCursor, messages: Sequence[Message]) -> list[tuple[TailCursor, Message]]:
    return [(cursor, message) for message in messages]
