"""Who changes the keys of older events, and who moves them, wait for each other.

On SQLite that is the file's own lock. On PostgreSQL it is one row's: otherwise a key that is deleted could be moved at the
same moment, and stay.
"""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from eventstore.index.models import IndexedPartition, MergingRow
from eventstore.index.tables import sql
from eventstore.index.tables.database import atomic

LEASE = timedelta(seconds=15)
"""For so long nobody else merges after a piece."""
LONGEST_WAIT = 1.0
"""Seconds for which who merges waits for another transaction on PostgreSQL. Its process may hang, and others write."""
ROW = 1


def hold() -> int:
    """In a transaction: let no key be moved until it ends. Return the first segment that is not merged."""
    lock = " FOR SHARE" if sql.postgres() else ""
    statement = f"SELECT merged_to FROM index_mergingrow WHERE id = %s{lock}"
    rows = sql.query(statement, [ROW])
    if not rows:
        MergingRow.objects.bulk_create([MergingRow(pk=ROW)], ignore_conflicts=True)
        rows = sql.query(statement, [ROW])
    return int(rows[0][0])


def claim(owner: str, merged: int) -> bool:
    """In a transaction: be the only one who moves or changes keys until it ends, and the only one who merges for a while.

    Return false if another one merges now, or has merged further than to segment ``merged``. Raises an error that ``is_held``
    if another one changes keys for too long.
    """
    _limit_waiting()
    mine = MergingRow.objects.filter(Q(owner__in=("", owner)) | Q(leased_until__lte=Now()), pk=ROW, merged_to=merged)
    if mine.update(owner=owner, leased_until=Now() + LEASE):
        return True
    if MergingRow.objects.filter(pk=ROW).exists():
        return False
    MergingRow.objects.bulk_create([MergingRow(pk=ROW)], ignore_conflicts=True)
    return bool(mine.update(owner=owner, leased_until=Now() + LEASE))


def wait_for_writers(*, limited: bool = False) -> None:
    """Wait for the end of every batch that is being written, ``limited``: for at most ``LONGEST_WAIT`` each. Then raises an
    error that ``is_held``.

    Most rows are not locked, and are looked at together. The others are waited for one at a time, so that no two who wait can
    wait for each other.
    """
    rows = IndexedPartition.objects.order_by("pk")
    every = list(rows.values_list("pk", flat=True))
    with atomic():
        free = set(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
    for pk in every:
        if pk not in free:
            with atomic():
                if limited:
                    _limit_waiting()
                list(rows.select_for_update().filter(pk=pk).values_list("pk"))


def _limit_waiting() -> None:
    """Let the open transaction wait no longer than that for a lock. SQLite's connection has a limit."""
    if sql.postgres():
        sql.execute(f"SET LOCAL lock_timeout = {round(LONGEST_WAIT * 1000)}", [])
