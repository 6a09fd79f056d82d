"""One aggregate's events through a filter: read by their pointers, and of the payloads only those that the filter needs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Event
from eventstore.model.merge import MergeSource, decode_cursor, older_piece
from eventstore.model.pointers import Pointer
from eventstore.search import Filter, Verdict

PIECE = 50
MOST_READ = 1_000
"""Events that one page looks at: an aggregate with more is filtered in several steps."""
MOST_SECONDS = 0.5
"""Looked at behind each event, and so before payloads are read again: what was begun by then may take as long once more."""
FETCHED_BYTES = 4_000_000
"""Payload that is read at once: what is read behind the last event that is looked at, is read in vain."""

R = TypeVar("R")
Fetch = Callable[[Sequence[Pointer]], Sequence[tuple[R, Event | None]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredStream(Generic[R]):
    """``rows`` match, newest first. ``read`` events were looked at, from the cursor on; ``unknown`` of them could not be
    looked into: the store did not give them, or the filter could not tell. ``older``: where to go on, ``None`` at the end."""

    rows: Sequence[R]
    read: int
    unknown: int
    older: str | None


def filtered(
    lanes: Mapping[str, MergeSource[Pointer]],
    filter: Filter,
    fetch: Fetch[R],
    *,
    cursor: str | None,
    limit: int,
) -> FilteredStream[R]:
    """A page of at least ``limit`` matches (at most ``PIECE`` more), where there are so many within the bounds."""
    if cursor and decode_cursor(cursor)[0] != "older":
        raise InvalidPosition("A filtered list goes on to older events only. Go back to its beginning.")
    rows: list[R] = []
    read = unknown = 0
    until = time.monotonic() + MOST_SECONDS
    while True:
        pointers, behind = older_piece(lanes, cursor, PIECE)
        looked, late = 0, False
        for pointer, found in _looked_at(pointers, filter, fetch):
            looked += 1
            if found is not None:
                row, event = found
                verdict = filter.judge(event) if event else _judged(filter, pointer)
                unknown += verdict is Verdict.UNKNOWN
                rows += [row] if verdict is Verdict.MATCH else []
            late = time.monotonic() > until
            if late:
                break
        cursor, read = behind(looked), read + looked
        if late or cursor is None or len(rows) >= limit or read >= MOST_READ:
            return FilteredStream(rows=rows, read=read, unknown=unknown, older=cursor)


def _looked_at(
    pointers: Sequence[Pointer], filter: Filter, fetch: Fetch[R]
) -> Iterator[tuple[Pointer, tuple[R, Event | None] | None]]:
    """Each pointer with what was fetched of it, a few at once; ``None`` where the index alone says that it does not match."""
    possible = [filter.matches_pointer(pointer) is not False for pointer in pointers]
    start = 0
    while start < len(pointers):
        end, size = start, 0
        while end < len(pointers) and (size == 0 or size + pointers[end].size * possible[end] <= FETCHED_BYTES):
            size += pointers[end].size * possible[end]
            end += 1
        wanted = [place for place in range(start, end) if possible[place]]
        found = dict(zip(wanted, fetch([pointers[place] for place in wanted]) if wanted else (), strict=True))
        for place in range(start, end):
            yield pointers[place], found.get(place)
        start = end


def _judged(filter: Filter, pointer: Pointer) -> Verdict:
    """What can be said without the event."""
    return Verdict.MATCH if filter.matches_pointer(pointer) else Verdict.UNKNOWN
