"""Who asks the store about all subscriptions: one process at a time, by a lease in the index's database.

As with the index's partitions, each new owner increments ``epoch``, and nothing is written under another one. So a process
that was killed halfway is replaced within seconds, and one that was only paused writes nothing over what its successor found.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from eventstore.index.indexer.lease_owner import is_dead
from eventstore.index.models import BacklogRow
from eventstore.index.tables.database import atomic
from eventstore.prepared import Prepared

LEASE = timedelta(seconds=15)
ALL = ""
"""The topic of the row that stands for all topics."""


class LeaseLost(Exception):
    """Another process asks now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    owner: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """``fresh``: what is stored is young enough, or a poller has promised to ask in time. ``taken``: somebody asks now.
    ``reason``: why the store could not be asked, the last time that somebody tried."""

    fresh: bool
    taken: bool
    reason: str


def situation(max_age: timedelta, *, trusting: bool = True) -> Situation:
    """``trusting``: a promise counts, too, not age alone."""
    found = _of_all(max_age, trusting)()
    if not found:
        return Situation(fresh=False, taken=False, reason="")
    young, leased, owner, reason = found[0]
    return Situation(fresh=young, taken=bool(owner) and leased and not is_dead(owner), reason=reason)


@lru_cache(maxsize=64)
def _of_all(max_age: timedelta, trusting: bool) -> "Prepared[tuple[bool, bool, str, str]]":
    fresh = Q(asked_at__gt=Now() - max_age)
    if trusting:
        fresh |= Q(promised_until__gt=Now())
    rows = BacklogRow.objects.filter(topic=ALL).annotate(fresh=_told(fresh), leased=_told(Q(leased_until__gt=Now())))
    return Prepared(lambda: rows.values_list("fresh", "leased", "owner", "reason")[:1])


def take(owner: str, max_age: timedelta, *, trusting: bool = True) -> Lease | None:
    """Lease the right to ask. ``None`` if another process has it, or has just asked."""
    now = situation(max_age, trusting=trusting)
    if now.fresh or now.taken:
        return None
    BacklogRow.objects.bulk_create([BacklogRow(topic=ALL)], ignore_conflicts=True)
    with atomic():
        row = BacklogRow.objects.select_for_update(skip_locked=True).filter(topic=ALL).first()
        now = situation(max_age, trusting=trusting)
        if row is None or now.fresh or now.taken:
            return None
        BacklogRow.objects.filter(topic=ALL).update(owner=owner, epoch=F("epoch") + 1, leased_until=Now() + LEASE)
        return Lease(owner=owner, epoch=row.epoch + 1)


def renew(lease: Lease) -> None:
    """Raises ``LeaseLost``."""
    if not _mine(lease).update(leased_until=Now() + LEASE):
        raise LeaseLost


def require(lease: Lease) -> None:
    """Lock the lease to the end of the transaction. Raises ``LeaseLost``."""
    if not _mine(lease).select_for_update().exists():
        raise LeaseLost


def finish(lease: Lease, *, reason: str = "", promised: timedelta | None = None, ago: timedelta = timedelta(0)) -> None:
    """Give the lease back: the store was asked (so long ago), or could not be, for this reason."""
    until = None if promised is None else Now() + (promised - ago)
    _mine(lease).update(owner="", leased_until=None, asked_at=Now() - ago, reason=reason, promised_until=until)


def give_up(lease: Lease) -> None:
    """Give the lease back as if nobody had asked."""
    _mine(lease).update(owner="", leased_until=None)


def forget() -> None:
    """Let the next one who wants figures ask the store."""
    BacklogRow.objects.filter(topic=ALL).update(asked_at=None, promised_until=None)


def _mine(lease: Lease) -> "QuerySet[BacklogRow]":
    return BacklogRow.objects.filter(topic=ALL, owner=lease.owner, epoch=lease.epoch)


def _told(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
