"""Merge full segments: move the keys of a group of them under one number, where one probe finds what took 24.

A piece is one transaction, and knows nothing of the piece before it: it takes the first keys that are left. So it can be
killed at any moment, and whoever comes next goes on. Keys are moved in their order, next to each other, which fills the tree's
pages, and empties those of the segments one after the other.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import DatabaseError, connections

from eventstore.index.models import MergingRow
from eventstore.index.segments.holding import claim, wait_for_writers
from eventstore.index.segments.numbers import GROUP, MOST_GROUPS, group_number
from eventstore.index.tables import sql
from eventstore.index.tables.database import atomic, connection, database_error_text, is_held, lacks_tables
from eventstore.model.errors import ToldOnce

log = logging.getLogger(__name__)

BEHIND = 24
"""Segments that have to be begun behind a group before it is merged. A writer counts events every 5 seconds. So it never
writes into a group that is merged, unless it is paused in a batch (``wait_for_writers``)."""
KEYS = 10_000
"""Most keys of a piece."""
REST = 1.0
"""For how many times as long as a piece took the next one waits."""
SOON, LATER, MUCH_LATER = 0.1, 1.0, 60.0
"""Seconds until the next piece where a batch waits to be written, while a partition is late, and until the next look where
nothing is to be merged."""
HELD = 10.0
"""Seconds until the next try where another transaction keeps a lock that is needed."""

_COLUMNS = {
    "index_idkey": ("hash", "partition_id", "ordinal"),
    "index_linkkey": ("hash", "partition_id", "ordinal"),
    "index_streamkey": ("stream_id", "ordinal"),
}


class Merging:
    """Merges a piece whenever it is its turn. ``due``: when that is, by the monotonic clock."""

    def __init__(self, owner: str) -> None:
        self.owner, self.due = owner, 0.0
        self._told = ToldOnce(log, "Merging segments")

    def step(self, *, late: bool = False, waits: bool = False) -> None:
        """Merge a piece if there is one, unless events are to be written first: a partition is ``late``, or a batch ``waits``.

        An error of the database is logged once, and waited out. Raises the ``DatabaseError`` if tables are missing.
        """
        if late or waits:
            self.due = time.monotonic() + (LATER if late else SOON)
            return
        begun = time.monotonic()
        try:
            moved = merge_piece(self.owner)
        except DatabaseError as error:
            self._failed(error)
            return
        self._told.over()
        now = time.monotonic()
        self.due = now + (MUCH_LATER if moved is None else REST * (now - begun))

    def _failed(self, error: DatabaseError) -> None:
        if lacks_tables(error):
            raise error
        self.due = time.monotonic() + HELD
        connections.close_all()
        if not is_held(error):  # that is no trouble: somebody writes for long, or hangs
            self._told.tell(f"trying again: {database_error_text(error)}")


def merge_piece(owner: str, most: int = KEYS) -> int | None:
    """Move some keys of the next full group, at most ``most``, in one transaction. Return how many.

    0 if none was left, so that the group counts as merged now. ``None`` if no group is full, or another one
    merges. Raises an error that ``is_held`` if another one changes keys for long, or writes.
    """
    first = next_group()
    if first is None:
        return None
    for table in _COLUMNS:
        piece = _next_piece(table, range(first, first + GROUP), most)
        if piece is not None:
            return _moved(owner, first, table, piece)
    return _finished(owner, first)


def next_group() -> int | None:
    """Return the first segment of the next group to be merged; ``None`` if that is not full yet."""
    ((newest, reached),) = sql.query(
        "SELECT (SELECT coalesce(max(segment), 0) FROM index_indexedpartition), "
        "(SELECT coalesce(max(merged_to), 0) FROM index_mergingrow)",
        [],
    )
    is_full = newest >= reached + GROUP + BEHIND and reached < MOST_GROUPS * GROUP
    return int(reached) if is_full else None


class _Piece(NamedTuple):
    """Which keys of the group are moved: a condition of SQL with its parameters."""

    condition: str
    parameters: Sequence[Any]
    limit: str = ""


def _next_piece(table: str, segments: range, most: int) -> _Piece | None:
    """Return the first keys that are left: below the least of those that come after a share of each segment.

    Of a hash or a stream that has more keys than that, these are moved in pieces, older ones first.
    """
    key, share = _COLUMNS[table][0], max(1, most // GROUP)
    ordered = f"SELECT {key} FROM {table} WHERE segment = s.value ORDER BY {key} LIMIT 1"
    rows = sql.query(
        f"SELECT ({ordered}), ({ordered} OFFSET {share}) FROM {sql.listed('s')}",
        [sql.as_list(segments)],
    )
    firsts = [first for first, _ in rows if first is not None]
    if not firsts:
        return None
    inside = f"segment IN ({', '.join(map(str, segments))})"  # PostgreSQL could read all of the table for a subquery
    behind = [after for _, after in rows if after is not None]
    if not behind:
        return _Piece(inside, [])
    if min(behind) > min(firsts):
        return _Piece(f"{inside} AND {key} < %s", [min(behind)])
    return _Piece(f"{inside} AND {key} = %s", [min(firsts)], f" LIMIT {share * GROUP}")


def _moved(owner: str, first: int, table: str, piece: _Piece) -> int | None:
    columns = ", ".join(_COLUMNS[table])
    chosen = f"SELECT segment, {columns} FROM {table} WHERE {piece.condition}"
    if piece.limit:
        chosen += f" ORDER BY segment, {columns}{piece.limit}"
        condition, parameters = f"(segment, {columns}) IN ({chosen})", piece.parameters
    else:
        condition, parameters = piece.condition, piece.parameters
    number = group_number(first // GROUP)
    into, ordered = f"INSERT INTO {table} (segment, {columns}) SELECT {number}, {columns} FROM", f"ORDER BY {columns}"
    gone = f"DELETE FROM {table} WHERE {condition}"
    with atomic(), connection().cursor() as cursor:
        if not claim(owner, first):
            return None
        if sql.postgres():  # two statements could see different rows
            cursor.execute(
                f"WITH gone AS ({gone} RETURNING {columns}) {into} gone {ordered} ON CONFLICT DO NOTHING", parameters
            )
        else:
            cursor.execute(f"{into} {table} WHERE {condition} {ordered} ON CONFLICT DO NOTHING", parameters)
            cursor.execute(gone, parameters)
        return int(cursor.rowcount)


def _finished(owner: str, first: int) -> int | None:
    """Note that the group is merged, unless keys of it have come meanwhile."""
    if sql.postgres():
        wait_for_writers(limited=True)
    segments = range(first, first + GROUP)
    with atomic():
        if not claim(owner, first):
            return None
        if all(_next_piece(table, segments, GROUP) is None for table in _COLUMNS):
            MergingRow.objects.update(merged_to=first + GROUP)
    return 0
