"""A stream's ordinals, a page at a time. Its keys lie in the segments in which they were written, so a page walks segments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eventstore.index.models import BlockRow, StreamRow
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.extents import live_streams

MOST_SEGMENTS = 512
"""Largest number of segments in one statement. The next events of a quiet stream may be spread over as many."""
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
    """One event of a stream, and the segment in which its keys lie."""

    segment: int
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
    low, after, step = stretch.first_segment, -1, 1
    while low <= stretch.last_segment:
        high = min(stretch.last_segment, low + step - 1)
        rows = sql.query(
            f"SELECT segment, ordinal FROM index_streamkey WHERE segment IN {sql.in_list()} AND stream_id = %s "
            "AND ordinal > %s ORDER BY ordinal LIMIT %s",
            [sql.as_list(range(low, high + 1)), stretch.stream, after, KEYS_AT_ONCE],
        )
        found = [Place(*row) for row in rows]
        if found:
            yield found
            after = found[-1].ordinal
        if len(found) == KEYS_AT_ONCE:
            low, step = found[-1].segment, 1
        else:
            low, step = high + 1, min(step * 8, MOST_SEGMENTS)


def count_within(stretch: Stretch, parts: Sequence[tuple[int, int]]) -> int:
    """Count the stream's events in these ranges of ordinals, (first, behind the last), at most some thousands of ranges."""
    if not parts:
        return 0
    inside = " OR ".join(["ordinal >= %s AND ordinal < %s"] * len(parts))
    ((count,),) = sql.query(
        f"SELECT count(*) FROM index_streamkey WHERE segment IN {sql.in_list()} AND stream_id = %s AND ({inside})",
        [
            sql.as_list(range(stretch.first_segment, stretch.last_segment + 1)),
            stretch.stream,
            *(edge for part in parts for edge in part),
        ],
    )
    return int(count)


def ordinals_back(stretch: Stretch, before: int | None, limit: int) -> list[int]:
    """Return at most ``limit`` ordinals of the stream before ``before`` (``None``: from its end), newest first."""
    # A block names the segment of its latest event. Everything before it was written in that segment or an earlier one.
    last = stretch.last_segment if before is None else _segment_of_block(stretch, before - before % FULL, stretch.last_segment)
    found: list[int] = []
    for start, end in _growing(last, stretch.first_segment, down=True):
        found += _ordinals(stretch, range(start, end + 1), "<", before if before is not None else 1 << 62, limit, "DESC")
        if len(found) >= limit:
            break
    return found[:limit]


def ordinals_on(stretch: Stretch, start: int, limit: int) -> list[int]:
    """Return at most ``limit`` ordinals of the stream from ``start`` on, in order."""
    # A block may have begun in an earlier segment than it names, but not before the previous block was full.
    first = max(stretch.first_segment, _segment_of_block(stretch, start - start % FULL - FULL, stretch.first_segment))
    found: list[int] = []
    for low, high in _growing(first, stretch.last_segment, down=False):
        found += _ordinals(stretch, range(low, high + 1), ">=", start, limit, "ASC")
        if len(found) >= limit:
            break
    return found[:limit]


def _growing(start: int, end: int, *, down: bool) -> Iterator[tuple[int, int]]:
    """Yield ranges of segments (low, high) from ``start`` to ``end``: one segment first, then more and more."""
    step = 1
    while start >= end if down else start <= end:
        low, high = (max(end, start - step + 1), start) if down else (start, min(end, start + step - 1))
        yield low, high
        start = low - 1 if down else high + 1
        step = min(step * 8, MOST_SEGMENTS)


def _segment_of_block(stretch: Stretch, first_ordinal: int, otherwise: int) -> int:
    rows = BlockRow.objects.filter(partition_id=stretch.partition, first_ordinal=first_ordinal)
    found = rows.values_list("segment", flat=True).first()
    return otherwise if found is None else found


def _ordinals(stretch: Stretch, segments: range, sign: str, bound: int, limit: int, order: str) -> Sequence[int]:
    rows = sql.query(
        f"SELECT ordinal FROM index_streamkey WHERE segment IN {sql.in_list()} AND stream_id = %s AND ordinal {sign} %s "
        f"ORDER BY ordinal {order} LIMIT %s",
        [sql.as_list(segments), stretch.stream, bound, limit],
    )
    return [row[0] for row in rows]
