"""Acts that a crash left open: found at the next start, or while another process runs, and settled as *unknown*."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from dashboard.auditing import resource_locks
from dashboard.auditing.chain import locked_head, same_act, write_next
from dashboard.auditing.entries import canonical, resource_of, storable
from dashboard.models import AuditEntry, AuditHead, State
from eventstore.actions import Ending, Outcome, action_named
from eventstore.model import Fate, Process, fate, this_process

FOREIGN_PATIENCE = timedelta(hours=24)
"""How long an act may stay open if nothing shows from here whether its process still runs. Then it counts as given up."""


def resolve_interrupted(
    shown: Callable[[AuditEntry], Mapping[str, Any]],
    under_way: Callable[[], Collection[str]] = lambda: (),
    *,
    since: int = 0,
) -> int:
    """Give every act that its process left open an *unknown* entry; returns how many. ``since``: see ``first_open``.

    ``shown`` returns what the store shows now of an intended entry. If it raises, that act stays open, the others are settled,
    and the first error is raised then. Acts that are ``under_way`` are left alone, since a job
    outlives the process that it was asked of. That is asked after the acts were found: a job is there before its process ends.
    """
    found = _left_open(since)
    jobs = {UUID(act) for act in under_way()} if found else set()
    errors: list[Exception] = []
    settled = sum(_settled(entry, shown, errors) for entry in found if entry.act not in jobs)
    if errors:
        raise errors[0]
    return settled


def first_open(since: int = 0) -> int:
    """The number of the first act from ``since`` on that has not ended, or of the next act. Who looks again and again need not
    go through the whole record."""
    written = AuditHead.objects.filter(id=1).values_list("number", flat=True).first() or 0
    first = _open_acts(since).values_list("number", flat=True).first()
    return max(since, written + 1) if first is None else first


def _settled(entry: AuditEntry, shown: Callable[[AuditEntry], Mapping[str, Any]], errors: list[Exception]) -> int:
    try:
        return _resolve(entry, shown(entry))
    except Exception as error:  # noqa: BLE001 - raised once the others are settled
        errors.append(error)
        return 0


def _resolve(entry: AuditEntry, shown: Mapping[str, Any]) -> int:
    with transaction.atomic(durable=True):
        head = locked_head()
        if _ends_of(entry.act).exists():
            return 0  # another process settled it meanwhile
        outcome = Outcome(ending=Ending.UNKNOWN, facts=shown)
        write_next(head, **same_act(entry), state=State.UNKNOWN, details=canonical(outcome.details()))
    return 1


def _left_open(since: int) -> Sequence[AuditEntry]:
    return [entry for entry in _open_acts(since) if _given_up(entry)]


def _open_acts(since: int) -> "QuerySet[AuditEntry]":
    begun = AuditEntry.objects.filter(~Exists(_ends_of(OuterRef("act"))), state=State.INTENDED, number__gte=since)
    return begun.order_by("number")


def _ends_of(act: Any) -> Any:
    return AuditEntry.objects.filter(act=act).exclude(state=State.INTENDED)


def _given_up(entry: AuditEntry) -> bool:
    """Whether the process that began this act is gone.

    One that cannot be seen from here, on another host or before a restart of this one, holds the act's lock for as long as it
    acts, if the action takes one. One that has lost it writes its end all the same, and the last entry counts.
    """
    process = _process_of(entry)
    seen = fate(process)
    if seen in (Fate.RUNNING, Fate.ENDED):
        return seen is Fate.ENDED
    action = action_named(entry.action)
    if action is not None and action.exclusive:
        return not resource_locks.is_held_by(resource_of(entry), process)
    return datetime.now(UTC) - entry.written > FOREIGN_PATIENCE


def _process_of(entry: AuditEntry) -> Process:
    here = this_process()
    host = here.host if entry.host == storable(here.host) else entry.host
    return Process(host=host, pid=entry.pid, start=entry.process_start, namespace=entry.pid_namespace)
