"""A viewer: places in the tails of one or several topics, and a filter."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import inf

from eventstore.model.errors import StoreUnreachable
from eventstore.model.storage import Storage
from eventstore.search import Filter, FilterTooExpensive
from eventstore.tail.budget import ROWS_A_SECOND, Share
from eventstore.tail.pieces import Piece
from eventstore.tail.subscriber.catchup import StoreCatchup
from eventstore.tail.subscriber.counts import SkipCounter, State, Take
from eventstore.tail.subscriber.cursor import EVENTS_A_TAKE, MOST_WAITING, PendingSlice, TailCursor
from eventstore.tail.take_bounds import Bounds, bounds
from eventstore.tail.topic_tail import TopicTail

Wake = Callable[[], None]
"""Called when there is something new, from another thread; must not wait."""

ROWS_A_TAKE = 150
"""A page's first 500 rows of a busy topic are shown whole: with 100 in a frame, ten times a second, what had waited for the
first frames was never made good before the sample began."""
TRY_AGAIN = 1.0


class TailSubscriber:
    """What the hub opens. A page (not ``complete``) is given at most some 500 rows a second, a sample of more, and is never
    kept waiting by more than 500; ``complete`` means every event, however long it takes.

    ``take`` may read the store, or pass a lot, while ``takes_long`` says so; ``set_filter`` looks through what waits: call
    them in a thread. ``close`` never waits.
    """

    def __init__(self, storage: Storage, lanes: Sequence[TailCursor], *, complete: bool) -> None:
        self._lanes = lanes
        self._complete = complete
        self._counts = SkipCounter()
        self._share = None if complete or len(lanes) == 1 else Share(ROWS_A_SECOND)
        """What a page is shown of several topics together: each tally has a whole topic's for itself."""
        self._behind = StoreCatchup(storage, lanes, self._counts, complete=complete)
        self._lock = threading.Lock()
        self._closed = self._begun = False
        self._lag: int | None = None
        self._try_again = 0.0

    @property
    def tails(self) -> Sequence[TopicTail]:
        """What it watches."""
        return [lane.tail for lane in self._lanes]

    @property
    def ended(self) -> bool:
        """A tail has stopped under the viewer: what it misses is had by opening another, from its places."""
        return any(lane.tail.stopped for lane in self._lanes)

    @property
    def waiting(self) -> bool:
        """Whether a take would give something, or bring the viewer nearer to it."""
        if any(lane.number is None for lane in self._lanes):
            return time.monotonic() >= self._try_again
        return any(lane.waiting for lane in self._lanes)

    @property
    def takes_long(self) -> bool:
        """Whether a take now may read the store or look through a lot; else it takes a moment."""
        return any(lane.is_slow for lane in self._lanes)

    def take(self, room: int | None = None) -> Take:
        """What is there for the viewer now, a take's worth, or about as much as fills ``room`` bytes. While the store is away
        that is only told: nothing is lost, and a later take goes on. Any other ``EventStoreError`` means that this viewer
        cannot go on."""
        with self._lock:
            pieces: list[Piece] = []
            begun = {} if self._begun else self._news()
            self._begun = True
            away = any(lane.tail.away for lane in self._lanes)
            if not self._closed:
                try:
                    pieces = self._take(room)
                except StoreUnreachable:
                    away, self._try_again = True, time.monotonic() + TRY_AGAIN
            self._note_lag(pieces)
            return Take(
                pieces=pieces,
                counts=self._counts.told(),
                begun=begun,
                places=begun | self._news(),
                lag_ms=self._lag,
                state="away" if away else self._state(),
            )

    def set_filter(self, filter: Filter | None) -> None:
        """From here on only what passes this filter (``None``: everything), what waits included; the counts begin again, but
        for ``published``."""
        with self._lock:
            for lane in self._lanes:
                lane.set_filter(filter, self._counts)
            self._counts.begin_again()

    def close(self) -> None:
        self._closed = True
        for lane in self._lanes:
            lane.close()

    def _news(self) -> dict[str, str]:
        return {key: token for lane in self._lanes for key, token in lane.news().items()}

    def _take(self, room: int | None) -> list[Piece]:
        if problem := next((lane.tally.problem for lane in self._lanes if lane.tally.problem), ""):
            raise FilterTooExpensive(problem)
        if pieces := self._behind.take(room):
            return pieces
        most = bounds(EVENTS_A_TAKE if self._complete else ROWS_A_TAKE, room, complete=self._complete)
        waiting = _in_time([lane.slices(self._counts, most) for lane in self._lanes])
        return self._given(waiting if self._complete else self._bounded(waiting), most)

    def _bounded(self, waiting: Sequence[PendingSlice]) -> Sequence[PendingSlice]:
        """Pass over the oldest where more rows wait than a page keeps, of those that it is to be shown."""
        share = self._share and self._share.copy()
        too_many = sum(one.rows for one in waiting if _is_shown(one, share)) - MOST_WAITING
        first = 0
        while too_many > 0:
            one = waiting[first]
            if _is_shown(one, self._share):
                self._counts.pass_over(published=one.slice.end - one.slice.start, matched=one.slice.matched)
                too_many -= one.rows
            else:
                self._counts.give(one.slice.end - one.slice.start, one.slice.matched, 0)
            one.lane.advance(one)
            first += 1
        return waiting[first:]

    def _given(self, waiting: Sequence[PendingSlice], most: Bounds) -> list[Piece]:
        pieces: list[Piece] = []
        rows = size = 0
        for one in waiting:
            part = one.slice
            rows, size = rows + one.rows, size + part.bytes
            if pieces and one.rows and most.are_passed(rows, size):
                break
            shown = _is_shown(one, self._share)
            self._counts.give(part.end - part.start, part.matched, one.rows if shown else 0)
            one.lane.advance(one)
            if shown:
                pieces.append(part.piece)
            else:
                rows, size = rows - one.rows, size - part.bytes
        return pieces

    def _state(self) -> State:
        return "catching up" if self.takes_long else "live"

    def _note_lag(self, pieces: Sequence[Piece]) -> None:
        if pieces:
            newest = max(piece.entries[-1].message.published for piece in pieces)
            self._lag = max(0, int((datetime.now(UTC) - newest).total_seconds() * 1000))


def _is_shown(waiting: PendingSlice, share: Share | None) -> bool:
    """Whether this slice, the next one, is in the page's share of all its topics."""
    return bool(waiting.rows) and (share is None or share.takes(waiting.rows, waiting.chunk.sealed))


def _in_time(several: Sequence[Sequence[PendingSlice]]) -> Sequence[PendingSlice]:
    """What waits in all lanes, by when it was sealed; only as far as every lane has said what it has."""
    if len(several) == 1:
        return several[0]
    cut = [of_lane[-1].chunk for of_lane in several if of_lane and of_lane[-1].lane.has_behind(of_lane[-1].chunk)]
    horizon = min((chunk.sealed for chunk in cut), default=inf)
    waiting = [one for of_lane in several for one in of_lane if one.chunk.sealed <= horizon]
    return sorted(waiting, key=lambda one: one.chunk.sealed)
