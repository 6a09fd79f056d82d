"""Subscribers whose places the ring no longer covers read the store, forward from their places, until they meet the ring
again.

Nothing that was read is kept between two takes. What does not fit into a take is read again.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message
from eventstore.model.log import Log
from eventstore.search import CostBudget
from eventstore.tail.pieces import Entry, Piece
from eventstore.tail.start import LARGEST_READ, SMALLEST_READ, last_of, next_limit, time_reached
from eventstore.tail.subscriber.counts import SkipCounter
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.subscriber.missed_counts import events_between, indexed_between
from eventstore.tail.take_bounds import TakeBounds, take_bounds

MOST_MISSED = 5_000
"""If a page missed more events than this, it gets only the last ones. What its start requested was not missed; it gets all
of that."""
MOST_KEPT, MOST_KEPT_BYTES = 500, 16 * 1024 * 1024
NEAR = 400
"""A page goes over to the ring once at most this many events wait there. It is less than ``MOST_PENDING``, so that none
are skipped."""
EVENTS_OF_A_PAGE, EVENTS_FILTERED, EVENTS_COMPLETE = 100, 300, 2_000
SECONDS_A_TAKE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionRead:
    """What was read of one partition after ``place``.

    ``at_end``: the store has no more. ``gone``: the last token that the ring had dropped before the read. ``trimmed``:
    retention has removed something between the place and the messages.
    """

    cursor: TailCursor
    partition: int
    place: str
    messages: Sequence[Message]
    at_end: bool
    gone: str
    trimmed: bool

    def up_to(self, horizon: datetime | None) -> Sequence[Message]:
        """Return the leading messages published no later than the horizon. ``None`` means that there is no horizon.

        If the horizon comes from this read, that is every message.
        """
        if horizon is None or (not self.at_end and self.read_to == horizon):
            return self.messages
        late = (index for index, message in enumerate(self.messages) if message.published > horizon)
        return self.messages[: next(late, len(self.messages))]

    @property
    def read_to(self) -> datetime:
        """Return when the last message was published, or the last one before it whose publish time is known."""
        return time_reached(self.messages)

    def lost(self, passed: Sequence[Message]) -> int | None:
        """Return how many events after the place were trimmed by retention, so that they are neither passed nor still to
        come.

        Returns ``None`` if the number is unknown.
        """
        lost = [self._between(self.place, passed[0].position.token, False)] if passed and self.trimmed else []
        end = passed[-1].position.token if passed else self.place
        if self._place_after(passed) > end:
            lost.append(self._between(end, self.gone, True))
        return None if None in lost else sum(events or 0 for events in lost)

    def note_place(self, passed: Sequence[Message]) -> None:
        self.cursor.places[self.partition] = self._place_after(passed)

    def _place_after(self, passed: Sequence[Message]) -> str:
        """Return the place after these messages. At the end of the store, it is never before what the ring has dropped."""
        place = passed[-1].position.token if passed else self.place
        return max(place, self.gone) if self.at_end and len(passed) == len(self.messages) else place

    def _between(self, lower: str, upper: str, including_upper: bool) -> int | None:
        """Count the events with the index. Without an index the number is unknown; from a beginning, it may be zero."""
        found = indexed_between(self.cursor.topic, self.partition, lower, upper, including_upper=including_upper)
        return found if lower else found or 0


class StoreCatchup:
    """Reads the store for those of a subscriber's cursors that have left their rings.

    The cursors enter their rings together, so that what they give stays in time order.
    """

    def __init__(self, log: Log, cursors: Sequence[TailCursor], counts: SkipCounter, *, complete: bool) -> None:
        self._log, self._cursors, self._counts, self._complete = log, cursors, counts, complete
        self._limit, self._largest = SMALLEST_READ, 1
        self._cost_budget: CostBudget | None = None
        self._begin()

    def take(self, room: int | None = None) -> list[Piece]:
        """Read for a moment, about as much as fills ``room`` bytes. Returns nothing if no cursor reads the store."""
        pieces: list[Piece] = []
        if all(cursor.number is not None and not cursor.at_end_of_reading for cursor in self._cursors):
            return pieces
        given = size = 0
        until = time.monotonic() + SECONDS_A_TAKE
        most = take_bounds(EVENTS_COMPLETE if self._complete else EVENTS_OF_A_PAGE, room, complete=self._complete)
        while (cursors := self._reading_store()) and given < most.events and size < most.bytes and time.monotonic() < until:
            try:
                self._skip_ahead(cursors)
                entries = self._read_merged(cursors, self._room(cursors, most, given, size))
            except StoreUnreachable:
                if pieces:  # they are counted and before the places; the next take reports the outage
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
        """Whether to enter the rings as soon as they can be met, however much waits there."""

    def _reading_store(self) -> Sequence[TailCursor]:
        """Return the cursors that read the store. If all of them can enter their rings now, they do, and there are none.

        A script of one topic enters a reading that it shares with others who are behind.
        """
        for cursor in self._cursors:
            if cursor.at_end_of_reading:
                cursor.leave_reading()
        cursors = [cursor for cursor in self._cursors if cursor.number is None]
        numbers = [cursor.meeting_chunk(None if self._joins_early else NEAR // len(cursors)) for cursor in cursors]
        if None in numbers and self._complete and len(self._cursors) == 1 and not self._cursors[0].reads_alone:
            return () if self._cursors[0].join_reading() else cursors
        if not cursors or None in numbers:
            return cursors
        for cursor, number in zip(cursors, numbers, strict=True):
            cursor.join(number or 0)
        self._begin()
        return ()

    def _skip_ahead(self, cursors: Sequence[TailCursor]) -> None:
        """Move a page to the end if it missed too much, or if it does not get closer to the end. At most once per
        catch-up."""
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
        """Whether the page still gets what its start requested.

        Once it has that, it also gets what was published in the meantime, as long as this becomes less.
        """
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
        """Return how many events wait, at least: if the store counts entries, each entry may hold many events."""
        found = 0
        for cursor in cursors:
            at = {
                partition: self._log.position(cursor.topic, partition, token) if token else None
                for partition, token in cursor.places.items()
            }
            found += sum(amounts.behind for amounts in self._log.amounts(cursor.topic, at).values())
        return found

    def _skip_to_end(self, cursors: Sequence[TailCursor]) -> None:
        """Leave out all but the last events, and count what is left out."""
        places = last_of(self._log, {cursor.topic: cursor.places for cursor in cursors}, MOST_KEPT, MOST_KEPT_BYTES)
        for cursor in cursors:
            for partition, token in places[cursor.topic].items():
                place = cursor.places[partition]
                if token > place:
                    self._count_unread(cursor, events_between(self._log, cursor.topic, partition, place, token))
                    cursor.places[partition] = token
        self._joins_early = True

    def _count_unread(self, cursor: TailCursor, events: int | None) -> None:
        self._counts.count_unread(events, filtered=cursor.ring_filter.filter is not None)

    def _room(self, cursors: Sequence[TailCursor], most: TakeBounds, given: int, size: int) -> int:
        """Return how many events the next read is to find, of all partitions together."""
        if not self._complete and any(cursor.ring_filter.filter for cursor in cursors):
            return min(EVENTS_FILTERED, 3 * most.events)
        return min(
            most.events - given, (most.bytes - size) // (self._largest + most.beside) if self._complete else most.events
        )

    def _read_merged(self, cursors: Sequence[TailCursor], most: int) -> list[Entry]:
        """Read the next messages of every partition that has some, merge them by time, and return those that match.

        What does not fit into the time order yet is read again next time.
        """
        passed = _up_to_common_horizon(self._read_each(cursors, most))
        entries = self._matching_entries(_by_time(passed))
        for read, messages in passed:
            self._count_unread(read.cursor, read.lost(messages))
            read.note_place(messages)
            read.cursor.reads_alone = False
        return entries

    def _read_each(self, cursors: Sequence[TailCursor], most: int) -> Sequence[PartitionRead]:
        """Read each partition once, about ``most`` events together, and estimate the size of the next reads."""
        asked = [(cursor, partition, gone) for cursor in cursors for partition, gone in _unread(cursor)]
        limit = max(1, min(self._limit, most // max(1, len(asked))))
        reads = [self._read_partition(cursor, partition, gone, limit) for cursor, partition, gone in asked]
        found = [message for read in reads for message in read.messages]
        if reads and not found:  # the rest is only in the rings
            self._joins_early = True
        self._limit = next_limit(limit, found, LARGEST_READ)
        # At least 1, since it is a divisor.
        self._largest = max(1, max((len(message.payload) for message in found), default=self._largest))
        return reads

    def _read_partition(self, cursor: TailCursor, partition: int, gone: str, limit: int) -> PartitionRead:
        """Read from the cursor's place, including the event there: if it still exists, nothing after it was trimmed."""
        token = cursor.places[partition]
        after = self._log.position(cursor.topic, partition, token) if token else None
        most = limit + 1 if after else limit
        found = self._log.read_forward(cursor.topic, partition, after=after, inclusive=after is not None, limit=most)
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
        """Whether the partition now begins after this place. A cursor at the beginning lost something only if it comes
        back."""
        if not token:
            return cursor.from_places
        ends = next((ends for ends in self._log.ends(cursor.topic) if ends.partition == partition), None)
        return ends is None or ends.first is None or ends.first.beginning.token > token

    def _matching_entries(self, found: Sequence[tuple[TailCursor, Message]]) -> list[Entry]:
        """Count all messages, and return the entries that match. Raises ``FilterTooExpensive``."""
        given = [Entry(message, cursor.parser) for cursor, message in found]
        if given and (filter := found[0][0].ring_filter.filter) is not None:  # all cursors have the same filter
            if self._cost_budget is None or self._cost_budget.filter is not filter:
                self._cost_budget = CostBudget(filter)
            given = [given[place] for place in self._cost_budget.matching([entry.event for entry in given])]
        self._passed += len(found)
        self._counts.give(published=len(found), matched=len(given), shown=len(given))
        return given


def _unread(cursor: TailCursor) -> Iterator[tuple[int, str]]:
    """Yield each partition of which the tail has read more than the subscriber, with the last token that the ring has
    dropped."""
    (_, read_to), gone = cursor.tail.read_to(), cursor.tail.ring.gone
    for partition, place in cursor.places.items():
        if place < read_to.get(partition, ""):
            yield partition, gone.get(partition, "")


def _up_to_common_horizon(reads: Sequence[PartitionRead]) -> Sequence[tuple[PartitionRead, Sequence[Message]]]:
    """Return the messages of each read up to the time to which every partition was read."""
    horizon = min((read.read_to for read in reads if not read.at_end), default=None)
    return [(read, read.up_to(horizon)) for read in reads]


def _by_time(passed: Sequence[tuple[PartitionRead, Sequence[Message]]]) -> Sequence[tuple[TailCursor, Message]]:
    """Merge by time. A partition's own order is kept, whatever the clocks of its publishers say."""
    partitions = [[(read.cursor, message) for message in messages] for read, messages in passed]
    return list(merge(*partitions, key=lambda one: one[1].published))
