"""One page of several ordered sources (partitions of a topic, streams of an aggregate), merged by time, in both
directions.

A source's own order is never broken, whatever its times say. A page covers everything between two boundaries in each
source, and the neighbouring pages begin exactly there. Walking in one direction therefore shows everything once, while
events arrive.

A boundary in a source is a short text: ``^`` is the beginning, ``$`` the end, ``-p`` just before place p, ``+p`` just
after it.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import NO_TIME, Page

T = TypeVar("T")

BEGINNING, END = "^", "$"
_AFTER_ALL = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item(Generic[T]):
    place: str
    time: datetime
    value: T


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeSource(Generic[T]):
    """How to read one source. Both functions take a place, or ``None`` for the beginning or the end, and a limit.

    ``forward(place, inclusive, limit)`` returns items in order. ``backward(place, limit)`` returns the items before the
    place, newest first. Fewer than ``limit`` items mean the end of the source, unless ``cut`` says that the list was
    cut short; then there is at least one item.
    """

    forward: Callable[[str | None, bool, int], Sequence[Item[T]]]
    backward: Callable[[str | None, int], Sequence[Item[T]]]
    cut: Callable[[Sequence[Item[T]]], bool] = lambda items: False


Boundaries = Mapping[str, str]

FEW = 8
"""Items that are read at first of each of many sources, where they are read together. Most sources give fewer to a page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeSources(Generic[T]):
    """Sources that are read together, because one question costs about as much for all as for one.

    ``read(start, limit, backward)`` returns at most ``limit`` items of each source that ``start`` names, in order from its
    boundary on; backward: before it, newest first. Fewer mean the end of the source, unless it was ``cut``.
    """

    names: Sequence[str]
    read: Callable[[Boundaries, int, bool], Mapping[str, Sequence[Item[T]]]]
    cut: Callable[[str, Sequence[Item[T]]], bool] = lambda name, items: False
    at_first: int | None = FEW
    """Items that are read of each at first; ``None``: as many as may be needed."""


def newest_first_key(time: datetime) -> datetime:
    """Return the key by which a merge gives the newest first.

    What has no time is given at once, as it is in a merge that begins with the oldest (``NO_TIME`` is before every time):
    otherwise everything that lies behind it in its own partition would wait until all others are given.
    """
    return _AFTER_ALL if time == NO_TIME else time


def encode_page_token(direction: str, boundaries: Boundaries) -> str:
    text = json.dumps([direction, dict(boundaries)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_page_token(page_token: str) -> tuple[str, dict[str, str]]:
    """Parse what ``encode_page_token`` wrote. Raises ``InvalidPosition`` for anything else."""
    try:
        decoded = json.loads(base64.urlsafe_b64decode(page_token + "=" * (-len(page_token) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidPosition("This page's address is damaged. Go back to the list and start again.") from error
    match decoded:
        case ["older" | "newer" as direction, dict(boundaries)] if _sound(boundaries):
            return direction, boundaries
    raise InvalidPosition("This page's address is damaged. Go back to the list and start again.")


def _sound(boundaries: Mapping[object, object]) -> bool:
    return all(
        isinstance(text, str) and (text in (BEGINNING, END) or (text[:1] in ("+", "-") and len(text) > 1))
        for text in boundaries.values()
    )


def merge(
    sources: Mapping[str, MergeSource[T]] | MergeSources[T], page_token: str | None, limit: int, *, max_parallel: int = 1
) -> Page[T]:
    """Return the page at a page token (none: the newest page), newest first, with at most ``limit`` items.

    The page is shorter if a source was cut, because what follows is then unknown. Sources that the token does not name
    were added after it was made: everything in them is newer. ``max_parallel`` sources are read at the same time.
    """
    direction, given = decode_page_token(page_token) if page_token else ("older", {})
    sources = _together(sources, max_parallel)
    start = {name: given.get(name, BEGINNING if page_token else END) for name in sources.names}
    backward = direction == "older"
    heads = _heads(sources, start, limit, backward)
    cut = {name for name, items in heads.items() if len(items) <= limit and sources.cut(name, items)}
    taken = _take(heads, limit, backward, cut)
    near, far = _boundaries(start, heads, taken, backward)
    more = bool(cut) or _has_more(heads, taken)
    items = _values(heads, taken)
    if backward:
        newer = encode_page_token("newer", near) if page_token else None
        return Page(items=items, newer=newer, older=encode_page_token("older", far) if more else None)
    items.reverse()
    older = encode_page_token("older", near) if any(text != BEGINNING for text in start.values()) else None
    return Page(items=items, newer=encode_page_token("newer", far) if more else None, older=older)


def older_items(
    sources: Mapping[str, MergeSource[T]] | MergeSources[T], page_token: str | None, limit: int
) -> tuple[Sequence[T], Callable[[int], str | None]]:
    """Return the items of the next older page, for a caller that may stop before its end.

    Also returns a function: given how many items were taken (at least one), it returns the page token after them, or
    ``None`` at the end.
    """
    given = decode_page_token(page_token)[1] if page_token else {}
    sources = _together(sources)
    start = {name: given.get(name, BEGINNING if page_token else END) for name in sources.names}
    heads = _heads(sources, start, limit, True)
    order = _take(heads, limit, True)

    def behind(count: int) -> str | None:
        taken = order[:count]
        return encode_page_token("older", _boundaries(start, heads, taken, True)[1]) if _has_more(heads, taken) else None

    return _values(heads, order), behind


def _together(sources: Mapping[str, MergeSource[T]] | MergeSources[T], max_parallel: int = 1) -> MergeSources[T]:
    """Return the sources as some that are read together: one by one, or side by side."""
    if isinstance(sources, MergeSources):
        return sources
    each = sources

    def read(start: Boundaries, limit: int, backward: bool) -> Mapping[str, Sequence[Item[T]]]:
        read_one = _read_backward if backward else _read_forward
        return in_parallel(lambda name: list(read_one(each[name], start[name], limit)), list(start), max_parallel)

    return MergeSources(names=list(each), read=read, cut=lambda name, items: each[name].cut(items), at_first=None)


def _heads(sources: MergeSources[T], start: Boundaries, limit: int, backward: bool) -> dict[str, Sequence[Item[T]]]:
    """Return of each source as many items as a page may need, and one more: of many sources only a few, and more of those
    that run out."""
    most = limit + 1
    few = min(most, sources.at_first or most) if len(sources.names) > 1 else most
    heads = dict(sources.read(start, few, backward))
    short = {name for name, items in heads.items() if few < most and len(items) == few}
    while short:
        taken = Counter(_take(heads, limit, backward))
        dry = {name for name in short if taken[name] == few}
        if not dry:
            break
        heads |= sources.read({name: start[name] for name in dry}, most, backward)
        short -= dry
    return heads


def _read_forward(source: MergeSource[T], boundary: str, limit: int) -> Sequence[Item[T]]:
    if boundary == END:
        return []
    if boundary == BEGINNING:
        return source.forward(None, False, limit)
    return source.forward(boundary[1:], boundary[0] == "-", limit)


def _read_backward(source: MergeSource[T], boundary: str, limit: int) -> Sequence[Item[T]]:
    if boundary == BEGINNING:
        return []
    if boundary == END:
        return source.backward(None, limit)
    if boundary[0] == "-":
        return source.backward(boundary[1:], limit)
    place = boundary[1:]
    next_items = source.forward(place, False, 1)
    if not next_items:
        found = source.backward(None, limit)
        next_items = source.forward(place, False, 1)
        if not next_items:
            return found
        # An item arrived between the two reads: it lies after the boundary.
    return source.backward(next_items[0].place, limit)


def in_parallel(read: Callable[[str], T], names: Sequence[str], max_parallel: int) -> dict[str, T]:
    """Read each of these, so many at a time in threads of their own."""
    if max_parallel <= 1 or len(names) <= 1:
        return {name: read(name) for name in names}
    with ThreadPoolExecutor(max_workers=min(max_parallel, len(names))) as pool:
        return dict(zip(names, pool.map(read, names), strict=True))


def _take(heads: Mapping[str, Sequence[Item[T]]], limit: int, backward: bool, cut: Set[str] = frozenset()) -> list[str]:
    """Return the source of each item of the page, in order: always the source whose head has the latest (earliest) time, or
    none at all.

    Ends where a source that was cut has no more items.
    """
    place = dict.fromkeys(heads, 0)
    order: list[str] = []
    best, time_key = (max, newest_first_key) if backward else (min, _oldest_first)
    open_sources = {name: (time_key(items[0].time), name) for name, items in heads.items() if items}
    while len(order) < limit and open_sources and all(place[name] < len(heads[name]) for name in cut):
        name = best(open_sources.values())[1]
        place[name] += 1
        order.append(name)
        if place[name] < len(heads[name]):
            open_sources[name] = (time_key(heads[name][place[name]].time), name)
        else:
            del open_sources[name]
    return order


def _has_more(heads: Mapping[str, Sequence[Item[T]]], taken: Sequence[str]) -> bool:
    counts = Counter(taken)
    return any(len(items) > counts[name] for name, items in heads.items())


def _oldest_first(time: datetime) -> datetime:
    return time


def _values(heads: Mapping[str, Sequence[Item[T]]], taken: Sequence[str]) -> list[T]:
    place = dict.fromkeys(heads, 0)
    values: list[T] = []
    for name in taken:
        values.append(heads[name][place[name]].value)
        place[name] += 1
    return values


def _boundaries(
    start: Boundaries, heads: Mapping[str, Sequence[Item[T]]], taken: Sequence[str], backward: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return where the page begins and ends in each source, in the direction of reading."""
    toward, away = ("-", "+") if backward else ("+", "-")
    near: dict[str, str] = {}
    far: dict[str, str] = {}
    counts = Counter(taken)
    for name, items in heads.items():
        count = counts[name]
        if count:
            near[name] = away + items[0].place
            far[name] = toward + items[count - 1].place
        else:
            near[name] = away + items[0].place if items else _settled(start[name])
            # What arrives later in a source that was read from its end must not appear after this page.
            far[name] = near[name] if start[name] == END else start[name]
    return near, far


def _settled(boundary: str) -> str:
    """Return a boundary that stays where it is while events arrive: the end of an empty source is its beginning."""
    return BEGINNING if boundary == END else boundary
