"""Check that a partition's blocks are complete, in order and readable."""

import zlib
from collections.abc import Iterator

import msgspec

from eventstore.index.models import IndexedPartition
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Columns, decoded

BLOCKS = 16
"""Blocks in one query."""


def blocks_of(row: IndexedPartition) -> Iterator[tuple[int, int, Columns | str]]:
    """Yield the first ordinal, segment and pointers of each block up to the row's end.

    A text in place of the pointers says what is wrong with the block. It is the last item.
    """
    expected = 0
    while expected < row.next_ordinal:
        rows = sql.query(
            "SELECT first_ordinal, first_token, segment, data FROM index_blockrow WHERE partition_id = %s "
            "AND first_ordinal >= %s AND first_ordinal < %s ORDER BY first_ordinal LIMIT %s",
            [row.pk, expected, row.next_ordinal, BLOCKS],
        )
        if not rows:
            return
        for first, first_token, segment, data in rows:
            if first != expected:
                yield first, segment, f"the index has no block from ordinal {expected:,} on; the next begins at {first:,}"
                return
            columns = _opened(bytes(data))
            size = min(FULL, row.next_ordinal - first)
            if columns is None or len(columns) < size:
                yield first, segment, f"the index's block from ordinal {first:,} on is damaged"
                return
            if columns.tokens[0] != first_token:
                yield (
                    first,
                    segment,
                    f"the index's block from ordinal {first:,} on is listed under another position than it holds",
                )
                return
            yield first, segment, columns.part(0, size)
            expected = first + FULL


def _opened(data: bytes) -> Columns | None:
    try:
        columns = decoded(data)
    except (zlib.error, msgspec.MsgspecError, ValueError, TypeError, IndexError):
        return None
    lists = [getattr(columns, name) for name in Columns.__struct_fields__ if name != "values"]
    return columns if all(len(column) == len(columns) for column in lists) else None
