"""One page out of several ordered lanes (partitions of a topic, streams of an aggregate), merged by time, both ways.

A lane's own order is never broken, whatever its times say. A page covers, in each lane, everything between two boundaries; the
pages beside it begin exactly there, so that walking in one direction shows everything once, while events arrive.

A boundary in a lane is a short text: ``^`` the beginning, ``$`` the end, ``-p`` just before place p, ``+p`` just behind it.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Page

T = TypeVar("T")

BEGINNING, END = "^", "$"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item(Generic[T]):
    place: str
    time: datetime
    value: T


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeSource(Generic[T]):
    """How to read one lane. Both take a place or ``None`` (beginning, end) and a limit.

    ``forward(place, inclusive, limit)`` answers in order; ``backward(place, limit)`` answers what lies before, newest first.
    Fewer than ``limit`` are the lane's end, unless it says of them that it was ``cut`` short: then there is one at least.
    """

    forward: Callable[[str | None, bool, int], Sequence[Item[T]]]
    backward: Callable[[str | None, int], Sequence[Item[T]]]
    cut: Callable[[Sequence[Item[T]]], bool] = lambda items: False


Boundaries = Mapping[str, str]


def encode_cursor(direction: str, boundaries: Boundaries) -> str:
    text = json.dumps([direction, dict(boundaries)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[str, dict[str, str]]:
    """What ``encode_cursor`` wrote; ``InvalidPosition`` for anything else."""
    try:
        decoded = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
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


def merge(lanes: Mapping[str, MergeSource[T]], cursor: str | None, limit: int, *, max_parallel: int = 1) -> Page[T]:
    """The page at a cursor (none: the newest), newest first, at most ``limit`` long: shorter where a lane was cut, since then
    nobody knows what comes next.

    Lanes that the cursor does not name are new since it was made: all of theirs is newer. ``max_parallel`` lanes are read
    at once.
    """
    direction, given = decode_cursor(cursor) if cursor else ("older", {})
    default = BEGINNING if cursor else END
    start = {name: given.get(name, default) for name in lanes}
    backward = direction == "older"
    read = _read_backward if backward else _read_forward

    def read_lane(name: str) -> list[Item[T]]:
        return list(read(lanes[name], start[name], limit + 1))

    heads = _in_parallel(read_lane, list(lanes), max_parallel)
    cut = {name for name, items in heads.items() if len(items) <= limit and lanes[name].cut(items)}
    taken = _take(heads, limit, backward, cut)
    near, far = _boundaries(start, heads, taken, backward)
    more = bool(cut) or any(len(heads[name]) > taken.count(name) for name in lanes)
    items = _values(heads, taken)
    if backward:
        newer = encode_cursor("newer", near) if cursor else None
        return Page(items=items, newer=newer, older=encode_cursor("older", far) if more else None)
    items.reverse()
    older = encode_cursor("older", near) if any(text != BEGINNING for text in start.values()) else None
    return Page(items=items, newer=encode_cursor("newer", far) if more else None, older=older)


def older_piece(
    lanes: Mapping[str, MergeSource[T]], cursor: str | None, limit: int
) -> tuple[Sequence[T], Callable[[int], str | None]]:
    """What ``merge`` answers of an older page, for whoever may end within it: its items, and by how many of them were taken
    (one at least) the cursor just behind; ``None`` at the end."""
    given = decode_cursor(cursor)[1] if cursor else {}
    start = {name: given.get(name, BEGINNING if cursor else END) for name in lanes}
    heads = {name: list(_read_backward(lanes[name], start[name], limit + 1)) for name in lanes}
    order = _take(heads, limit, True)

    def behind(count: int) -> str | None:
        taken = order[:count]
        more = any(len(heads[name]) > taken.count(name) for name in lanes)
        return encode_cursor("older", _boundaries(start, heads, taken, True)[1]) if more else None

    return _values(heads, order), behind


def _read_forward(lane: MergeSource[T], boundary: str, limit: int) -> Sequence[Item[T]]:
    if boundary == END:
        return []
    if boundary == BEGINNING:
        return lane.forward(None, False, limit)
    return lane.forward(boundary[1:], boundary[0] == "-", limit)


def _read_backward(lane: MergeSource[T], boundary: str, limit: int) -> Sequence[Item[T]]:
    if boundary == BEGINNING:
        return []
    if boundary == END:
        return lane.backward(None, limit)
    if boundary[0] == "-":
        return lane.backward(boundary[1:], limit)
    place = boundary[1:]
    next_items = lane.forward(place, False, 1)
    if not next_items:
        found = lane.backward(None, limit)
        next_items = lane.forward(place, False, 1)
        if not next_items:
            return found
        # One arrived between the two reads: it lies beyond the boundary.
    return lane.backward(next_items[0].place, limit)


def _in_parallel(read: Callable[[str], list[Item[T]]], names: Sequence[str], max_parallel: int) -> dict[str, list[Item[T]]]:
    if max_parallel <= 1 or len(names) <= 1:
        return {name: read(name) for name in names}
    with ThreadPoolExecutor(max_workers=min(max_parallel, len(names))) as pool:
        return dict(zip(names, pool.map(read, names), strict=True))


def _take(heads: Mapping[str, list[Item[T]]], limit: int, backward: bool, cut: Set[str] = frozenset()) -> list[str]:
    """The lane of each item of the page, in the order of taking: always the head with the latest (earliest) time. Ends where a
    lane that was cut has no more."""
    place = dict.fromkeys(heads, 0)
    order: list[str] = []
    best = max if backward else min
    while len(order) < limit and all(place[name] < len(heads[name]) for name in cut):
        open_lanes = [name for name in heads if place[name] < len(heads[name])]
        if not open_lanes:
            break
        name = best(open_lanes, key=lambda lane: (heads[lane][place[lane]].time, lane))
        place[name] += 1
        order.append(name)
    return order


def _values(heads: Mapping[str, list[Item[T]]], taken: Sequence[str]) -> list[T]:
    place = dict.fromkeys(heads, 0)
    values: list[T] = []
    for name in taken:
        values.append(heads[name][place[name]].value)
        place[name] += 1
    return values


def _boundaries(
    start: Boundaries, heads: Mapping[str, list[Item[T]]], taken: Sequence[str], backward: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Where the page begins and ends in each lane, seen in the direction of reading."""
    toward, away = ("-", "+") if backward else ("+", "-")
    near: dict[str, str] = {}
    far: dict[str, str] = {}
    for name, items in heads.items():
        count = taken.count(name)
        if count:
            near[name] = away + items[0].place
            far[name] = toward + items[count - 1].place
        else:
            near[name] = away + items[0].place if items else _settled(start[name])
            # What arrives later in a lane that was read from its end must not slip in behind this page.
            far[name] = near[name] if start[name] == END else start[name]
    return near, far


def _settled(boundary: str) -> str:
    """A boundary that stays where it is while events arrive: the end of an empty lane is its beginning."""
    return BEGINNING if boundary == END else boundary
