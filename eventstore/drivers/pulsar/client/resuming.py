"""Where a reader that goes on after a position begins: some entries before it.

A chunked message lies in several entries and is delivered at its last one. Messages of other publishers may lie between
its chunks. A reader that begins right after one of those gets only the remaining chunks, and the client drops them. So
reading begins some entries earlier, and repeated messages are left out by their position. There is no cheap way to find
out whether there are chunks; without any, this costs some milliseconds once, and after large batches some tenths of a
second. A reader that has itself got a message from each of those entries knows that there are none, and goes on where it was.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import pulsar

from eventstore.drivers.pulsar.admin import Json
from eventstore.drivers.pulsar.client.asked_topics import End
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.positions import Place, entry_of, place_of

ENTRIES_BACK = 100
"""A chunked message that began at most this many entries before the position is delivered in full."""
FEWEST_BACK = 8
"""The number for large entries, and for batches, each of which may hold a thousand messages."""
BYTES_BACK = 64 * 1024 * 1024
"""The most bytes to read again, estimated from the size of the log's entries. Chunks have about 5 MB each."""
PIECES_SECONDS = 10.0
"""A reader that comes back begins at the earliest with what it got this long before it left: the pieces of a message may lie
between other publishers' messages. Otherwise each lone event behind large batches would bring thousands of events again."""
SHORTEST_DOUBT, LONGEST_DOUBT = 2.0, 30.0
"""For so long a reader counts an end behind its last event as read. Mostly there is nothing to deliver: markers, pieces of a
message. But a broker that pauses, or reads a ledger from a slow store, is silent as well. So the reader comes back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """Where a reader begins: at the client's message id ``start``, with what sorts after ``token``.

    ``internals`` is what the broker has just told of the log. ``drained`` is the end up to which there is nothing to read.
    ``incarnation`` is the log that this is, and ``ask_incarnation`` asks the broker which one it has now.
    """

    start: Any
    inclusive: bool
    token: str
    internals: Json
    drained: End = None
    incarnation: str = ""
    ask_incarnation: Callable[[], str] = str


class Doubt:
    """For how many ``seconds``, and until when, an end counts as read; without end if its last entry was delivered."""

    def __init__(self) -> None:
        self.seconds, self._until = 0.0, inf

    def begin(self, now: float, *, reached: bool, delivered: bool) -> None:
        """Take the end for read: for good if it is ``reached``, for longer each time if nothing was ``delivered``."""
        if reached:
            self.seconds, self._until = 0.0, inf
            return
        self.seconds = SHORTEST_DOUBT if delivered else min(max(2 * self.seconds, SHORTEST_DOUBT), LONGEST_DOUBT)
        self._until = now + self.seconds

    def is_over(self, now: float) -> bool:
        return now >= self._until


class RecentReads:
    """When the last reads of a reader returned something, and the entry of the first message of each."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, tuple[int, int]]] = deque()

    def note(self, token: str, now: float) -> None:
        self._marks.append((now, entry_of(token)))
        while len(self._marks) > 1 and self._marks[1][0] <= now - PIECES_SECONDS:
            self._marks.popleft()

    def floor(self) -> tuple[int, int] | None:
        """Return the first entry that it got within ``PIECES_SECONDS`` before it left, or one before that; ``None`` if it had
        not read for so long."""
        if self._marks and self._marks[0][0] <= self._marks[-1][0] - PIECES_SECONDS:
            return self._marks[0][1]
        return None


def start_behind(internals: Mapping[str, Any], place: Place) -> tuple[int, int] | None:
    """Return the ledger and entry, inclusive, to begin at for what follows this place; ``None`` if nothing lies before it."""
    layout = layout_of(internals)
    upper = layout.count_up_to(place.ledger, place.entry)
    return layout.at(max(0, upper - 1 - _back(internals, place))) if upper else None


def start_after(
    internals: Mapping[str, Any],
    token: str,
    floor: tuple[int, int] | None = None,
    unbroken: tuple[int, int] | None = None,
) -> tuple[Any, bool]:
    """Return the message id at which the client's reader begins for what follows this position, and whether inclusively.

    ``floor`` is an entry before which no piece of a message lies that is still being written. ``unbroken`` is an entry since
    which no piece of a message lies before the position.
    """
    place = place_of(token)
    earlier = start_behind(internals, place)
    if earlier is None or (unbroken is not None and unbroken <= earlier):
        return place.message_id(), False
    return pulsar.MessageId(-1, *max(earlier, floor or earlier), -1), True


def is_all(token: str, end: tuple[int, int]) -> bool:
    """Return whether nothing follows the position in a log that ends there. Of a batch more may follow."""
    place = place_of(token)
    return (place.ledger, place.entry) == end and (place.whole or place.batch < 0)


def _back(internals: Mapping[str, Any], place: Place) -> int:
    entries, size = int(internals.get("numberOfEntries", 0)), int(internals.get("totalSize", 0))
    if place.batch >= 0 or place.whole:
        return FEWEST_BACK
    return max(FEWEST_BACK, min(ENTRIES_BACK, BYTES_BACK * entries // size if size else ENTRIES_BACK))
