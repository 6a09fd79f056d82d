"""A stream's ordinals, a page at a time. Its keys lie in the segments in which they were written, so a page walks segments.

A walk goes through whole groups of segments (``segments.numbers``): what a group has is asked for in one statement, whether it
is merged, will be, or just now is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from eventstore.index.lookup.pointers import pointers_by_place
from eventstore.index.models import StreamRow
from eventstore.index.segments.numbers import GROUP, numbers_of, segments_under
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.extents import live_streams
from eventstore.model.errors import InvalidPosition
from eventstore.model.merge import BEGINNING, END, Boundaries, Item, MergeSources
from eventstore.model.pointers import Pointer

MOST_GROUPS = 64
"""Largest number of groups in one statement. The next events of a quiet stream may be spread over as many."""
STREAMS_A_STATEMENT = 100
KEYS_AT_ONCE = 5_000
"""Events of a stream whose places are read in one statement, where all are gone through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A stream, its partition row, and the segments in which its keys may lie."""

    stream: int
    partition: int
    first_segment: int
    last_segment: int


class Place(NamedTuple):
    """One event of a stream, and the number of the segments in which its keys lie."""

    number: int
    ordinal: int


def stretches_in(topic: str, id: str, type: str = "") -> dict[tuple[int, str], Stretch]:
    """Return the streams of the aggregates with this id in a topic that the store has, by partition number and type.

    Without a type, aggregates of every type count.
    """
    rows = (
        live_streams()
        .filter(aggregate_id=id, partition__topic=topic, partition__ended_at=None)
        .select_related("partition", "type")
    )
    chosen = rows.filter(type__text=type) if type else rows
    return {(row.partition.number, row.type.text): stretch_of(row) for row in chosen}


def stretches_everywhere(type: str, id: str, *, live: bool = False) -> Sequence[Stretch]:
    """Return the aggregate's streams in every build of every topic, also of logs that are gone. ``live``: in those that pages
    read alone, within the extent that is asked for (``eventstore.extent``)."""
    rows = live_streams() if live else StreamRow.objects.all()
    chosen = rows.filter(aggregate_id=id, type__text=type).select_related("partition").order_by("pk")
    return [stretch_of(row) for row in chosen]


def stretch_of(row: StreamRow) -> Stretch:
    """Return the stream of this row, whose partition was read with it."""
    return Stretch(
        stream=row.pk, partition=row.partition.pk, first_segment=row.first_segment, last_segment=row.partition.segment
    )


def places_of(stretch: Stretch) -> Iterator[Sequence[Place]]:
    """Yield all events of the stream in order, at most ``KEYS_AT_ONCE`` at a time."""
    low, after, groups = stretch.first_segment, -1, 1
    while low <= stretch.last_segment:
        high = min(stretch.last_segment, (low // GROUP + groups) * GROUP - 1)
        found, are_all = _places_after(stretch.stream, numbers_of(low, high), after)
        if found:
            yield found
            after = found[-1].ordinal
        if are_all:
            low, groups = high + 1, min(groups * 8, MOST_GROUPS)
        else:
            low, groups = segments_under(found[-1].number)[0], 1


def _places_after(stream: int, numbers: Sequence[int], after: int) -> tuple[list[Place], bool]:
    """Return the stream's next events behind this ordinal under these numbers, and whether there are no more."""
    share = max(1, KEYS_AT_ONCE // len(numbers))
    asked = [(stream, after + 1, numbers)]
    found = [(number, ordinals) for _, number, ordinals in _ordinals_of_each(asked, ">=", share, "ASC")]
    # Of a number that gives as many as it may, what comes behind its last one is not known.
    last = min((max(ordinals) for _, ordinals in found if len(ordinals) == share), default=None)
    places = [Place(number, one) for number, ordinals in found for one in ordinals if last is None or one <= last]
    return sorted(places, key=lambda place: place.ordinal), last is None


def count_within(stretch: Stretch, parts: Sequence[tuple[int, int]]) -> int:
    """Count the stream's events in these ranges of ordinals, (first, behind the last), at most some thousands of ranges."""
    if not parts:
        return 0
    inside = " OR ".join(["ordinal >= %s AND ordinal < %s"] * len(parts))
    ((count,),) = sql.query(
        f"SELECT count(*) FROM index_streamkey WHERE segment IN {sql.in_list()} AND stream_id = %s AND ({inside})",
        [
            sql.as_list(numbers_of(stretch.first_segment, stretch.last_segment)),
            stretch.stream,
            *(edge for part in parts for edge in part),
        ],
    )
    return int(count)


def ordinals_back(stretch: Stretch, before: int | None, limit: int) -> list[int]:
    """Return at most ``limit`` ordinals of the stream before ``before`` (``None``: from its end), newest first."""
    return ordinals_back_each([(stretch, before)], limit)[stretch.stream]


def ordinals_on(stretch: Stretch, start: int, limit: int) -> list[int]:
    """Return at most ``limit`` ordinals of the stream from ``start`` on, in order."""
    return ordinals_on_each([(stretch, start)], limit)[stretch.stream]


def ordinals_back_each(asked: Sequence[tuple[Stretch, int | None]], limit: int) -> dict[int, list[int]]:
    """Do as ``ordinals_back``, for many streams together. Returns the ordinals of each, by stream."""
    # A block names the segment of its latest event. Everything before it was written in that segment or an earlier one.
    named = _segments_of_blocks([(each.partition, before - before % FULL) for each, before in asked if before is not None])
    walks = []
    for stretch, before in asked:
        last = stretch.last_segment
        if before is not None:
            last = named.get((stretch.partition, before - before % FULL), last)
        ranges = _growing(last, stretch.first_segment, down=True)
        walks.append(_Walk(stretch.stream, 1 << 62 if before is None else before, ranges))
    return _walked(walks, "<", limit, "DESC")


def ordinals_on_each(asked: Sequence[tuple[Stretch, int]], limit: int) -> dict[int, list[int]]:
    """Do as ``ordinals_on``, for many streams together. Returns the ordinals of each, by stream."""
    # A block may have begun in an earlier segment than it names, but not before the previous block was full.
    named = _segments_of_blocks([(each.partition, start - start % FULL - FULL) for each, start in asked if start >= FULL])
    walks = []
    for stretch, start in asked:
        first = max(stretch.first_segment, named.get((stretch.partition, start - start % FULL - FULL), 0))
        walks.append(_Walk(stretch.stream, start, _growing(first, stretch.last_segment, down=False)))
    return _walked(walks, ">=", limit, "ASC")


@dataclass(slots=True)
class _Walk:
    """Through ever larger ranges of segments (low, high), for the ordinals of a stream on one side of ``bound``."""

    stream: int
    bound: int
    ranges: Iterator[tuple[int, int]]


def _walked(walks: Sequence[_Walk], sign: str, limit: int, order: str) -> dict[int, list[int]]:
    """Walk until each stream has given ``limit`` ordinals, or has no more: a statement for each hundred streams and range.

    What a stream has given is not asked for again. Keys never move from one range to another, as each has whole groups.
    """
    found: dict[int, list[int]] = {walk.stream: [] for walk in walks}
    while walks:
        walking = [(walk, segments) for walk in walks if (segments := next(walk.ranges, None)) is not None]
        asked = [(walk.stream, walk.bound, numbers_of(*segments)) for walk, segments in walking]
        for start in range(0, len(asked), STREAMS_A_STATEMENT):
            for stream, _, ordinals in _ordinals_of_each(asked[start : start + STREAMS_A_STATEMENT], sign, limit, order):
                found[stream] += ordinals
        for walk, _ in walking:
            there = found[walk.stream]
            there.sort(reverse=order == "DESC")
            if there:
                walk.bound = there[-1] + (order == "ASC")
        walks = [walk for walk, _ in walking if len(found[walk.stream]) < limit]
    return {stream: ordinals[:limit] for stream, ordinals in found.items()}


def sources_of(streams: Sequence[StreamRow]) -> MergeSources[Pointer]:
    """Return these streams, whose partitions were read with them, as sources, by stream id. Places are ordinals. All are read
    with a few queries."""
    stretches = {str(row.pk): stretch_of(row) for row in streams}

    def read(start: Boundaries, limit: int, backward: bool) -> Mapping[str, Sequence[Item[Pointer]]]:
        if backward:
            back = [(stretches[name], _before(text)) for name, text in start.items() if text != BEGINNING]
            ordinals = ordinals_back_each(back, limit)
        else:
            on = [(stretches[name], _from(text)) for name, text in start.items() if text != END]
            ordinals = ordinals_on_each(on, limit)
        places = {name: _places(stretches[name], ordinals) for name in start}
        found = pointers_by_place([place for of_one in places.values() for place in of_one])
        return {name: [_item(found[place]) for place in of_one if place in found] for name, of_one in places.items()}

    return MergeSources(names=list(stretches), read=read)


def _places(stretch: Stretch, ordinals: Mapping[int, Sequence[int]]) -> list[tuple[int, int]]:
    return [(stretch.partition, ordinal) for ordinal in ordinals.get(stretch.stream, ())]


def _item(pointer: Pointer) -> Item[Pointer]:
    return Item(place=str(pointer.ordinal), time=pointer.time, value=pointer)


def _before(boundary: str) -> int | None:
    """Return the ordinal before which a boundary lies (``merge``); ``None`` for the end."""
    return None if boundary == END else page_number(boundary[1:]) + (boundary[0] == "+")


def _from(boundary: str) -> int:
    """Return the first ordinal that lies behind a boundary (``merge``)."""
    return 0 if boundary == BEGINNING else page_number(boundary[1:]) + (boundary[0] == "+")


def page_number(place: str) -> int:
    """Return the number in a page's token; ``InvalidPosition`` for what no page ever gave out."""
    if place.isascii() and place.isdigit() and len(place) < 19:
        return int(place)
    raise InvalidPosition("This page's address is damaged. Go back to the list and start again.")


def _growing(start: int, end: int, *, down: bool) -> Iterator[tuple[int, int]]:
    """Yield ranges of segments (low, high) from ``start`` to ``end``: those of a group first, then of more and more groups."""
    groups = 1
    while start >= end if down else start <= end:
        if down:
            low, high = max(end, (start // GROUP - groups + 1) * GROUP), start
        else:
            low, high = start, min(end, (start // GROUP + groups) * GROUP - 1)
        yield low, high
        start = low - 1 if down else high + 1
        groups = min(groups * 8, MOST_GROUPS)


def _segments_of_blocks(places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return the segment that each block names that begins at one of these places: partition rows and ordinals."""
    rows = sql.select(
        "SELECT given.partition, given.first, index_blockrow.segment FROM {given} JOIN index_blockrow "
        "ON index_blockrow.partition_id = given.partition AND index_blockrow.first_ordinal = given.first",
        {"partition": "bigint", "first": "bigint"},
        places,
    )
    return {(partition, first): segment for partition, first, segment in rows}


def _ordinals_of_each(
    asked: Sequence[tuple[int, int, Sequence[int]]], sign: str, limit: int, order: str
) -> Iterator[tuple[int, int, list[int]]]:
    """Yield the stream, the number and the next ordinals, at most ``limit`` in any order, of each of these streams under each
    of its numbers. ``asked``: a stream, the bound of its ordinals, and its numbers."""
    joined = "string_agg(ordinal::text, ',')" if sql.postgres() else "group_concat(ordinal)"
    one = (
        f"SELECT %s, s.value, (SELECT {joined} FROM (SELECT ordinal FROM index_streamkey WHERE segment = s.value "
        f"AND stream_id = %s AND ordinal {sign} %s ORDER BY ordinal {order} LIMIT %s) AS some_of_them) FROM {sql.listed('s')}"
    )
    parameters: list[Any] = []
    for stream, bound, numbers in asked:
        parameters += [stream, stream, bound, limit, sql.as_list(numbers)]
    for stream, number, ordinals in sql.query(" UNION ALL ".join([one] * len(asked)), parameters):
        if ordinals is not None:
            yield stream, number, list(map(int, ordinals.split(",")))
