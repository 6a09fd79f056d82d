"""Remove a build that is no longer read, in pieces so small that no writer has to wait.

The partition's own row stays, marked as removed: segments are numbered by all events that the index has ever taken in, so that
their numbers only grow.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F, QuerySet

from eventstore.index.indexer import leases
from eventstore.index.models import IndexedPartition
from eventstore.index.segments.holding import hold
from eventstore.index.segments.numbers import numbers_of
from eventstore.index.tables import sql
from eventstore.index.tables.database import atomic, connection

PIECE = 5_000
"""Rows removed in one transaction."""
BLOCKS = 200
LONGEST_PAUSE = 0.5

REMOVING, REMOVED = "removing", "removed"
"""Stand in place of the topic's kind in the rows of builds that are being removed, or were."""


def to_be_removed(topic: str = "") -> "QuerySet[IndexedPartition]":
    """Return the rows of the builds that are being removed, of this topic or of all topics."""
    rows = IndexedPartition.objects.filter(live=False, kind=REMOVING).order_by("pk")
    return rows.filter(topic=topic) if topic else rows


def abandon(rows: "QuerySet[IndexedPartition]") -> None:
    """Mark these rows for removal, so that they are never continued."""
    rows.update(live=False, kind=REMOVING, owner="", leased_until=None, epoch=F("epoch") + 1)


def segments_of(row: IndexedPartition) -> int:
    """Return how many segments the removal of this row's build goes through. Merged ones count as one."""
    return len(numbers_of(0, row.segment))


def remove(row: IndexedPartition, owner: str, on_segment: Callable[[int], object], stop: threading.Event) -> bool:
    """Remove the build of this row, which ``owner`` has leased. Return false if it was stopped; the next call removes the
    rest.

    ``on_segment`` is called with 1 after each segment.
    """
    pacer = _Pacer(owner, stop)
    for number in numbers_of(0, row.segment):
        for table, columns, is_its_own in _KEY_TABLES:
            if not _remove_keys(table, columns, is_its_own, number, row.pk, pacer):
                return False
        on_segment(1)
    if not _remove_streams(row.pk, pacer):
        return False
    for statement in _OTHER_TABLES:
        if not pacer.until_none(statement, [row.pk]):
            return False
    # ``next_ordinal`` stays, because segments are numbered by it.
    IndexedPartition.objects.filter(pk=row.pk, owner=owner).update(kind=REMOVED, checkpoint="")
    return True


_KEY_TABLES = (
    ("index_idkey", ("hash", "partition_id", "ordinal"), "partition_id = %s"),
    ("index_linkkey", ("hash", "partition_id", "ordinal"), "partition_id = %s"),
    (
        "index_streamkey",
        ("stream_id", "ordinal"),
        "EXISTS (SELECT 1 FROM index_streamrow s WHERE s.id = stream_id AND s.partition_id = %s)",
    ),
)
"""Each with its columns behind the segment, and which of its rows are a partition row's."""

_OTHER_TABLES = (
    f"DELETE FROM index_anomalyrow WHERE id IN (SELECT id FROM index_anomalyrow WHERE partition_id = %s LIMIT {PIECE})",
    "DELETE FROM index_anomalycount WHERE partition_id = %s",
    "DELETE FROM index_typecount WHERE partition_id = %s",
    "DELETE FROM index_secondpassrow WHERE partition_id = %s",
    "DELETE FROM index_hourcount WHERE (partition_id, type_id, hour) IN "
    f"(SELECT partition_id, type_id, hour FROM index_hourcount WHERE partition_id = %s LIMIT {PIECE})",
    "DELETE FROM index_blockrow WHERE (partition_id, first_ordinal) IN "
    f"(SELECT partition_id, first_ordinal FROM index_blockrow WHERE partition_id = %s LIMIT {BLOCKS})",
)


def _remove_keys(table: str, columns: Sequence[str], is_its_own: str, number: int, partition: int, pacer: "_Pacer") -> bool:
    """Go through the keys under this number once, a piece after the other, and remove those of the partition row."""
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    after: Sequence[int] = [-1] * len(columns)
    while True:
        behind = f"segment = %s AND ({names}) > ({marks})"
        last = sql.query(
            f"SELECT {names} FROM {table} WHERE {behind} ORDER BY {names} LIMIT 1 OFFSET {PIECE - 1}", [number, *after]
        )
        upto = f" AND ({names}) <= ({marks})" if last else ""
        statement = f"DELETE FROM {table} WHERE {behind}{upto} AND {is_its_own}"
        parameters = [number, *after, *(last[0] if last else ()), partition]
        if pacer.piece(statement, parameters, of_keys=True) is None:
            return False
        if not last:
            return True
        after = last[0]


def _remove_streams(partition: int, pacer: "_Pacer") -> bool:
    last = 0
    while True:
        rows = sql.query(
            f"SELECT id FROM index_streamrow WHERE id > %s AND partition_id = %s ORDER BY id LIMIT {PIECE}", [last, partition]
        )
        if not rows:
            return True
        ids = [row[0] for row in rows]
        if pacer.piece(f"DELETE FROM index_streamrow WHERE id IN {sql.in_list()}", [sql.as_list(ids)]) is None:
            return False
        last = ids[-1]


class _Pacer:
    """Runs one piece after the other. After each, it pauses for as long as the piece took, so that others can write."""

    def __init__(self, owner: str, stop: threading.Event) -> None:
        self.owner, self.stop = owner, stop
        self._renew_at = 0.0

    def until_none(self, statement: str, parameters: Sequence[Any]) -> bool:
        """Run the statement until it removes nothing. Return false if it was stopped."""
        while True:
            removed = self.piece(statement, parameters)
            if not removed:
                return removed is not None

    def piece(self, statement: str, parameters: Sequence[Any], *, of_keys: bool = False) -> int | None:
        """Run the statement once, and return how many rows it removed; ``None`` if it was stopped. ``of_keys``: of rows that
        somebody may move to another segment."""
        if self.stop.is_set():
            return None
        if time.monotonic() >= self._renew_at:
            leases.renew(self.owner)
            self._renew_at = time.monotonic() + leases.LEASE.total_seconds() / 4
        begun = time.monotonic()
        with atomic(), connection().cursor() as cursor:
            if of_keys:
                hold()
            cursor.execute(statement, parameters)
            removed = int(cursor.rowcount)
        if removed:
            self.stop.wait(min(LONGEST_PAUSE, time.monotonic() - begun))
        return removed
