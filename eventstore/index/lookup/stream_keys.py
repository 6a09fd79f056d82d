"""A stream's ordinals, a page at a time: from slice to slice, since its keys lie in the slices that it was written in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eventstore.index.models import BlockRow
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL

DB = "index"
MOST_SLICES = 512
"""Slices that are asked in one statement: as many as a stream's next events may be spread over, if it is a quiet one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A stream, its partition's row, and the slices that its keys may lie in."""

    stream: int
    partition: int
    first_slice: int
    last_slice: int


def ordinals_back(stretch: Stretch, before: int | None, limit: int) -> list[int]:
    """At most ``limit`` ordinals of the stream before this one (from its end), newest first."""
    # A block says the slice of its latest event: what lies before it was written then or earlier.
    last = stretch.last_slice if before is None else _slice_of_block(stretch, before - before % FULL, stretch.last_slice)
    found: list[int] = []
    for start, end in _growing(last, stretch.first_slice, down=True):
        found += _ordinals(stretch, range(start, end + 1), "<", before if before is not None else 1 << 62, limit, "DESC")
        if len(found) >= limit:
            break
    return found[:limit]


def ordinals_on(stretch: Stretch, start: int, limit: int) -> list[int]:
    """At most ``limit`` ordinals of the stream from this one on, in order."""
    # A block may have been begun in an earlier slice than it says, but not before the one before it was full.
    first = max(stretch.first_slice, _slice_of_block(stretch, start - start % FULL - FULL, stretch.first_slice))
    found: list[int] = []
    for low, high in _growing(first, stretch.last_slice, down=False):
        found += _ordinals(stretch, range(low, high + 1), ">=", start, limit, "ASC")
        if len(found) >= limit:
            break
    return found[:limit]


def _growing(start: int, end: int, *, down: bool) -> Iterator[tuple[int, int]]:
    """Ranges of slices (low, high) from ``start`` to ``end``: one, then more and more at once."""
    step = 1
    while start >= end if down else start <= end:
        low, high = (max(end, start - step + 1), start) if down else (start, min(end, start + step - 1))
        yield low, high
        start = low - 1 if down else high + 1
        step = min(step * 8, MOST_SLICES)


def _slice_of_block(stretch: Stretch, first_ordinal: int, otherwise: int) -> int:
    rows = BlockRow.objects.using(DB).filter(partition_id=stretch.partition, first_ordinal=first_ordinal)
    found = rows.values_list("slice", flat=True).first()
    return otherwise if found is None else found


def _ordinals(stretch: Stretch, slices: range, sign: str, bound: int, limit: int, order: str) -> Sequence[int]:
    rows = sql.query(
        f"SELECT ordinal FROM index_streamkey WHERE slice IN {sql.in_list()} AND stream_id = %s AND ordinal {sign} %s "
        f"ORDER BY ordinal {order} LIMIT %s",
        [sql.as_list(slices), stretch.stream, bound, limit],
    )
    return [row[0] for row in rows]
