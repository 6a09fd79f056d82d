"""A stream's ordinals, a page at a time. Its keys lie in the segments in which they were written, so a page walks segments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eventstore.index.models import BlockRow
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL

MOST_SEGMENTS = 512
"""Segments that are asked in one statement: as many as a stream's next events may be spread over, if it is a quiet one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A stream, its partition's row, and the segments that its keys may lie in."""

    stream: int
    partition: int
    first_segment: int
    last_segment: int


def ordinals_back(stretch: Stretch, before: int | None, limit: int) -> list[int]:
    """At most ``limit`` ordinals of the stream before this one (from its end), newest first."""
    # A block says the segment of its latest event: what lies before it was written then or earlier.
    last = stretch.last_segment if before is None else _segment_of_block(stretch, before - before % FULL, stretch.last_segment)
    found: list[int] = []
    for start, end in _growing(last, stretch.first_segment, down=True):
        found += _ordinals(stretch, range(start, end + 1), "<", before if before is not None else 1 << 62, limit, "DESC")
        if len(found) >= limit:
            break
    return found[:limit]


def ordinals_on(stretch: Stretch, start: int, limit: int) -> list[int]:
    """At most ``limit`` ordinals of the stream from this one on, in order."""
    # A block may have been begun in an earlier segment than it says, but not before the one before it was full.
    first = max(stretch.first_segment, _segment_of_block(stretch, start - start % FULL - FULL, stretch.first_segment))
    found: list[int] = []
    for low, high in _growing(first, stretch.last_segment, down=False):
        found += _ordinals(stretch, range(low, high + 1), ">=", start, limit, "ASC")
        if len(found) >= limit:
            break
    return found[:limit]


def _growing(start: int, end: int, *, down: bool) -> Iterator[tuple[int, int]]:
    """Ranges of segments (low, high) from ``start`` to ``end``: one, then more and more at once."""
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
