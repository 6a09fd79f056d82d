"""What pages take that stand at the same place, made once for all of them.

A thousand pages of a topic with the same filter stand before one of a few chunks and go on to the newest. What lies in
between, and the text that is made of it, is the same for all of them.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from eventstore.tail.filter_result import NOTHING, RingFilter
from eventstore.tail.pieces import Piece, Slice
from eventstore.tail.ring import Ring
from eventstore.tail.subscriber.counts import Sized
from eventstore.tail.subscriber.cursor import TailCursor
from eventstore.tail.take_bounds import TakeBounds

MOST_KEPT = 16
"""Of one filter. Those that end before the newest chunk are dropped once another is made."""
MOST_BYTES = 256 * 1024
"""Of the payloads that one shows, and of each text that is made of them. What is kept beside the ring is bounded by it."""
MOST_CHUNKS = 50
T = TypeVar("T", bound=Sized)


class CommonTake:
    """All slices from one chunk to another: their pieces, and what passing them counts.

    ``passed`` is a slice that stands for all of them. ``rows`` and ``bytes`` are of what is shown. ``after`` is where a cursor
    stands then (``RingFilter.behind``). The chunks themselves are not held, because the ring may drop them.
    """

    __slots__ = ("_lock", "_made", "after", "bytes", "passed", "pieces", "rows")

    def __init__(self, slices: Sequence[Slice], after: tuple[int, int, int]) -> None:
        self.after = after
        self.pieces = [part.piece for part in slices if part.rows]
        self.rows, self.bytes = sum(part.rows for part in slices), sum(part.bytes for part in slices)
        self.passed = Slice(
            piece=NOTHING,
            start=0,
            end=sum(part.end - part.start for part in slices),
            matched=sum(part.matched for part in slices),
            bytes=self.bytes,
            tokens={partition: token for part in slices for partition, token in part.tokens.items()},
        )
        self._lock = threading.Lock()
        self._made: dict[Hashable, object] = {}

    def made(self, key: Hashable, make: Callable[[Sequence[Piece]], T]) -> T | None:
        """Return what ``make`` makes of the pieces, once for this key, which must always come with the same ``make``.

        ``None`` if that is too large to be kept.
        """
        with self._lock:
            if key not in self._made:
                made = make(self.pieces)
                self._made[key] = made if made.bytes <= MOST_BYTES else None
            return self._made[key]  # type: ignore[return-value]  # what this key's make made


class CommonTakes:
    """Those of one filter that end with the newest chunk, by the number of the chunk that they begin with."""

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        self._newest: tuple[int, dict[int, CommonTake]] = (-1, {})

    def of(self, ring_filter: RingFilter, ring: Ring, number: int) -> CommonTake | None:
        """Return what lies from chunk ``number`` to the newest one; ``None`` if that is too much to keep, or partly gone."""
        newest = ring.next_number - 1
        if self._newest[0] != newest:
            self._newest = newest, {}
        takes = self._newest[1]
        if (found := takes.get(number)) is not None:
            return found
        if not 0 <= newest - number < MOST_CHUNKS or len(takes) >= MOST_KEPT:
            return None
        since = ring.since(number, newest + 1 - number)
        slices = [part for chunk in since.chunks for part in ring_filter.slices_of(chunk)]
        if since.gone or sum(part.bytes for part in slices) > MOST_BYTES:
            return None
        return takes.setdefault(number, CommonTake(slices, ring_filter.behind(since.chunks[-1])))


def common_take(cursor: TailCursor, most: TakeBounds) -> CommonTake | None:
    """Return all that waits for a page that watches only this, if others with its filter take that too, and it takes it at
    once; ``pass_all`` then passes it."""
    if len(cursor.ring_filter.users) < 2:
        cursor.ring_filter.common = None
        return None
    if cursor.number is None or cursor.passed_slices or cursor.is_behind or not cursor.has_pending:
        return None
    takes = cursor.ring_filter.common
    if not isinstance(takes, CommonTakes):
        takes = cursor.ring_filter.common = CommonTakes()
    take = takes.of(cursor.ring_filter, cursor.tail.ring, cursor.number)
    return None if take is None or most.are_passed(take.rows, take.bytes) else take


def pass_all(cursor: TailCursor, take: CommonTake) -> None:
    cursor.places.update(take.passed.tokens)
    cursor.stand_before(*take.after)
