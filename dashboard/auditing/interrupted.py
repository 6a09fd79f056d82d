"""Acts that a crash left open: found at the next start, and settled as *unknown*."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from dashboard.auditing import resource_locks
from dashboard.auditing.chain import locked_head, same_act, write_next
from dashboard.auditing.entries import canonical, resource_of, storable
from dashboard.models import AuditEntry, State
from eventstore.actions import Ending, Outcome, action_named
from eventstore.model import Fate, Process, fate, this_process

FOREIGN_PATIENCE = timedelta(hours=24)
"""How long an act may stay open if nothing shows from here whether its process still runs. Then it counts as given up."""


def resolve_interrupted(shown: Callable[[AuditEntry], Mapping[str, Any]], under_way: Collection[str] = ()) -> int:
    """Give every act that its process left open an *unknown* entry; returns how many.

    ``shown`` returns what the store shows now of an intended entry. Acts that are ``under_way`` are left alone, since a job
    outlives the process that it was asked of.
    """
    jobs = {UUID(act) for act in under_way}
    return sum(_resolve(entry, shown(entry)) for entry in _left_open() if entry.act not in jobs)


def _resolve(entry: AuditEntry, shown: Mapping[str, Any]) -> int:
    with transaction.atomic(durable=True):
        head = locked_head()
        if _ends_of(entry.act).exists():
            return 0  # another process settled it meanwhile
        outcome = Outcome(ending=Ending.UNKNOWN, facts=shown)
        write_next(head, **same_act(entry), state=State.UNKNOWN, details=canonical(outcome.details()))
    return 1


def _left_open() -> Sequence[AuditEntry]:
    begun = AuditEntry.objects.filter(~Exists(_ends_of(OuterRef("act"))), state=State.INTENDED)
    return [entry for entry in begun.order_by("number") if _given_up(entry)]


def _ends_of(act: Any) -> Any:
    return AuditEntry.objects.filter(act=act).exclude(state=State.INTENDED)


def _given_up(entry: AuditEntry) -> bool:
    """Whether the process that began this act is gone. A process of another boot most likely ran here before a restart. It may
    also run on another host of the same name. Then it holds the act's lock, if the action takes one."""
    process = _process_of(entry)
    seen = fate(process)
    if seen in (Fate.RUNNING, Fate.ENDED):
        return seen is Fate.ENDED
    action = action_named(entry.action)
    if seen is Fate.OTHER_BOOT and action is not None and action.exclusive:
        return not resource_locks.is_held_by(resource_of(entry), process)
    return datetime.now(UTC) - entry.written > FOREIGN_PATIENCE


def _process_of(entry: AuditEntry) -> Process:
    here = this_process()
    host = here.host if entry.host == storable(here.host) else entry.host
    return Process(host=host, pid=entry.pid, start=entry.process_start, namespace=entry.pid_namespace)
