"""A subscriber: places in the tails of one or several topics, and a filter."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import inf

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NO_TIME
from eventstore.model.log import Log
from eventstore.search import Filter, FilterTooExpensive
from eventstore.tail.budget import ROWS_A_SECOND, PageShare
from eventstore.tail.pieces import Piece
from eventstore.tail.subscriber.catchup import StoreCatchup
from eventstore.tail.subscriber.common_take import CommonTake, common_take, pass_all
from eventstore.tail.subscriber.counts import SkipCounter, TailState, Take
from eventstore.tail.subscriber.cursor import EVENTS_A_TAKE, MOST_PENDING, TailCursor
from eventstore.tail.subscriber.pending_slice import PendingSlice
from eventstore.tail.take_bounds import TakeBounds, take_bounds
from eventstore.tail.topic_tail import TopicTail

Wake = Callable[[], None]
"""Called from another thread when there is something new. Must not block."""

Pending = PendingSlice[TailCursor]
ROWS_A_TAKE = 150
"""A busy topic shows its first 500 rows in full. With 100 rows per frame, ten times a second, the rows that waited for the
first frames were never made up for before the sample began."""
RETRY_SECONDS = 1.0


class TailSubscriber:
    """A subscriber, as the hub opens it.

    A page (not ``complete``) gets at most about 500 rows a second, a sample if there are more, and at most 500 rows
    wait for it. ``complete`` means every event, however long that takes.

    ``take`` may read the store or pass many chunks while ``takes_long`` is true, and ``set_filter`` filters everything
    that waits: call them in a thread. ``close`` never blocks.
    """

    def __init__(self, log: Log, cursors: Sequence[TailCursor], *, complete: bool, made_anew: Sequence[str] = ()) -> None:
        """``made_anew``: the topics whose places did not fit any more."""
        self._cursors = cursors
        self._complete = complete
        self._counts = SkipCounter()
        self.made_anew = made_anew
        if made_anew:  # nobody knows what else the old topics held
            self._counts.count_unread(None, filtered=False)
        self._share = None if complete or len(cursors) == 1 else PageShare(ROWS_A_SECOND)
        """What a page shows of several topics together. Each filter's own budget is for one whole topic."""
        self._catchup = StoreCatchup(log, cursors, self._counts, complete=complete)
        self._lock = threading.Lock()
        self._closed = self._begun = False
        self._since = datetime.now(UTC)
        self._try_again = 0.0

    @property
    def tails(self) -> Sequence[TopicTail]:
        """The tails that it watches."""
        return [cursor.tail for cursor in self._cursors]

    @property
    def ended(self) -> bool:
        """Whether a tail stopped under the subscriber. To go on, open another subscriber at its places."""
        return any(cursor.tail.stopped for cursor in self._cursors)

    @property
    def has_pending(self) -> bool:
        """Whether a take would return something, or bring the subscriber closer to it."""
        if any(cursor.number is None for cursor in self._cursors):
            return time.monotonic() >= self._try_again
        return any(cursor.has_pending or cursor.at_end_of_reading for cursor in self._cursors)

    @property
    def is_behind(self) -> bool:
        """Whether it is given what was published before what the ring holds, or will soon be."""
        return self.takes_long or any(cursor.is_behind for cursor in self._cursors)

    @property
    def takes_long(self) -> bool:
        """Whether a take may now read the store or pass many chunks. Otherwise it takes only a moment."""
        return any(cursor.is_slow for cursor in self._cursors)

    def take(self, room: int | None = None) -> Take:
        """Return what waits for the subscriber now: one take, or about as much as fills ``room`` bytes.

        While the store is away, the take only says so; nothing is lost, and a later take goes on. After any other
        ``EventStoreError`` the subscriber cannot go on.
        """
        with self._lock:
            pieces: Sequence[Piece] = ()
            common: CommonTake | None = None
            first, self._begun = not self._begun, True
            begun = self._new_places() if first else {}
            away = any(cursor.is_away for cursor in self._cursors)
            if not self._closed:
                try:
                    pieces, common = self._take(room)
                except StoreUnreachable:
                    away, self._try_again = True, time.monotonic() + RETRY_SECONDS
            return Take(
                pieces=pieces,
                counts=self._counts.snapshot(),
                begun=begun,
                incarnations={k: v for cursor in self._cursors for k, v in cursor.incarnations.items()} if first else {},
                made_anew=self.made_anew if first else (),
                places=begun | self._new_places(),
                lag_ms=self._lag_of(pieces),
                state="away" if away else self._state(),
                common=common,
            )

    def set_filter(self, filter: Filter | None) -> None:
        """Apply this filter (``None``: everything) from here on, also to what waits. Resets all counts except
        ``published``."""
        with self._lock:
            for cursor in self._cursors:
                cursor.set_filter(filter, self._counts)
            self._counts.reset()

    def close(self) -> None:
        self._closed = True
        for cursor in self._cursors:
            cursor.close()

    def _new_places(self) -> dict[str, str]:
        return {key: token for cursor in self._cursors for key, token in cursor.new_places().items()}

    def _take(self, room: int | None) -> tuple[Sequence[Piece], CommonTake | None]:
        if problem := next((cursor.ring_filter.problem for cursor in self._cursors if cursor.ring_filter.problem), ""):
            raise FilterTooExpensive(problem)
        if pieces := self._catchup.take(room):
            return pieces, None
        most = take_bounds(EVENTS_A_TAKE if self._complete else ROWS_A_TAKE, room, complete=self._complete)
        if not (self._complete or self._share) and (common := common_take(self._cursors[0], most)) is not None:
            self._counts.give(common.passed.end, common.passed.matched, common.rows)
            pass_all(self._cursors[0], common)
            return common.pieces, common
        pending = _by_seal_time([cursor.slices(self._counts, most) for cursor in self._cursors])
        return self._give(pending if self._complete else self._skip_excess(pending), most), None

    def _skip_excess(self, pending: Sequence[Pending]) -> Sequence[Pending]:
        """Skip the oldest slices if more rows wait than a page keeps. Only rows that the page is to show count."""
        share = self._share and self._share.copy()
        too_many = sum(one.rows for one in pending if _is_shown(one, share)) - MOST_PENDING
        first = 0
        while too_many > 0:
            one = pending[first]
            if _is_shown(one, self._share):
                self._counts.count_skipped(published=one.slice.end - one.slice.start, matched=one.slice.matched)
                too_many -= one.rows
            else:
                self._counts.give(one.slice.end - one.slice.start, one.slice.matched, 0)
            one.cursor.advance(one)
            first += 1
        return pending[first:]

    def _give(self, pending: Sequence[Pending], most: TakeBounds) -> list[Piece]:
        pieces: list[Piece] = []
        rows = size = 0
        for one in pending:
            part = one.slice
            rows, size = rows + one.rows, size + part.bytes
            if pieces and one.rows and most.are_passed(rows, size):
                break
            shown = _is_shown(one, self._share)
            self._counts.give(part.end - part.start, part.matched, one.rows if shown else 0)
            one.cursor.advance(one)
            if shown:
                pieces.append(part.piece)
            else:
                rows, size = rows - one.rows, size - part.bytes
        return pieces

    def _state(self) -> TailState:
        return "catching up" if self.is_behind else "live"

    def _lag_of(self, pieces: Sequence[Piece]) -> int | None:
        """Return the lag of these events in milliseconds; ``None`` if there are none, or if they are the last of those that
        were there before the subscriber came: it is not behind because nothing has been published since.
        """
        newest = max((piece.entries[-1].message.published for piece in pieces), default=NO_TIME)
        if newest == NO_TIME or (newest < self._since and not self.is_behind):
            return None
        return max(0, int((datetime.now(UTC) - newest).total_seconds() * 1000))


def _is_shown(pending: Pending, share: PageShare | None) -> bool:
    """Return whether this slice, the next one, is in the page's share of all its topics."""
    return bool(pending.rows) and (share is None or share.takes(pending.rows, pending.chunk.sealed))


def _by_seal_time(several: Sequence[Sequence[Pending]]) -> Sequence[Pending]:
    """Merge what waits for all cursors by sealing time, up to where every cursor has given all that it has."""
    if len(several) == 1:
        return several[0]
    cut = [of_cursor[-1].chunk for of_cursor in several if of_cursor and of_cursor[-1].cursor.has_after(of_cursor[-1].chunk)]
    horizon = min((chunk.sealed for chunk in cut), default=inf)
    pending = [one for of_cursor in several for one in of_cursor if one.chunk.sealed <= horizon]
    return sorted(pending, key=lambda one: one.chunk.sealed)
