"""One aggregate's events through a filter. The pointers come from the index; payloads are read only if the filter needs
them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Event
from eventstore.model.merge import MergeSources, decode_page_token, older_items
from eventstore.model.pointers import Pointer
from eventstore.search import Filter, Verdict

PIECE, LARGER_PIECE = 50, 200
"""Events that are examined at once: at first, and where few of them match."""
MOST_READ = 1_000
"""Events that one page examines. An aggregate with more events is filtered in several steps."""
MOST_SECONDS = 0.2
"""Checked after each event, and therefore before payloads are read again. A read that has begun may take the same time
once more."""
FETCHED_BYTES = 4_000_000
"""Payload bytes per read. What is read after the last examined event is wasted."""

R = TypeVar("R")
Fetch = Callable[[Sequence[Pointer]], Sequence[tuple[R, Event | None]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredStream(Generic[R]):
    """The ``rows`` that match, newest first.

    ``read`` events were examined from the page token on. ``unknown`` of them could not be judged: the store did not
    return them, or the filter could not tell. ``older`` is the token of the next page; ``None`` at the end.
    """

    rows: Sequence[R]
    read: int
    unknown: int
    older: str | None


def filtered(
    sources: MergeSources[Pointer],
    filter: Filter,
    fetch: Fetch[R],
    *,
    page_token: str | None,
    limit: int,
) -> FilteredStream[R]:
    """Return a page of at least ``limit`` matches (at most ``LARGER_PIECE`` more), if the limits allow that many."""
    if page_token and decode_page_token(page_token)[0] != "older":
        raise InvalidPosition("A filtered list continues to older events only. Go back to its beginning.")
    rows: list[R] = []
    read = unknown = 0
    until = time.monotonic() + MOST_SECONDS
    while True:
        piece = min(LARGER_PIECE, MOST_READ - read) if 2 * len(rows) < read else PIECE
        pointers, behind = older_items(sources, page_token, piece)
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
        page_token, read = behind(looked), read + looked
        if late or page_token is None or len(rows) >= limit or read >= MOST_READ:
            return FilteredStream(rows=rows, read=read, unknown=unknown, older=page_token)


def _looked_at(
    pointers: Sequence[Pointer], filter: Filter, fetch: Fetch[R]
) -> Iterator[tuple[Pointer, tuple[R, Event | None] | None]]:
    """Yield each pointer with what was fetched for it, a few at a time; ``None`` if the index alone shows that it does not
    match."""
    filter.prepare(pointers)
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
    """Return what can be said without the event."""
    return Verdict.MATCH if filter.matches_pointer(pointer) else Verdict.UNKNOWN
