"""The audit record: append-only, each entry chained to the one before by a hash over all of it.

An act is its entries: *intended* before anything is touched, then *done*, *partly done*, *failed* or *unknown*. What a crash
left open is settled as *unknown* at the next start. Verifying the chain finds a changed, removed or reordered entry. It cannot
find that the newest entries were cut off and the head row turned back: that takes seals kept elsewhere. Details hold names,
positions and counts, never a value of an event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from dashboard.auditing import acts
from dashboard.auditing.entries import HASH_VERSION, canonical, columns_of, hash_of, process_columns, storable
from dashboard.auditing.old_entries import RESOURCE_COLUMNS
from dashboard.models import AuditEntry, AuditHead, State
from eventstore.actions import Actor, Outcome, Resource
from eventstore.model import EventStoreError, this_process

BEGINNING = "0" * 64
"""What the first entry has for its previous hash."""


class RecordDamaged(EventStoreError):
    """Nothing can be recorded, so nothing is done."""


class DatabaseRecord:
    """``eventstore.actions.Record`` on the database ``default``. Any thread of any process may write."""

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        act = uuid4()
        append(
            act=act,
            state=State.INTENDED,
            actor=storable(actor.name),
            via=storable(actor.via),
            action=storable(action),
            details=canonical(details),
            **columns_of(resource),
        )
        return str(act)

    def ended(self, act: str, outcome: Outcome) -> None:
        """Write how the act ended, unless its last entry says just that: a job's end is told again after a crash."""
        begun = AuditEntry.objects.get(act=UUID(act), state=State.INTENDED)
        state, details = State(outcome.ending.value), canonical(outcome.details())
        with transaction.atomic(durable=True):
            head = locked_head()
            last = AuditEntry.objects.filter(act=begun.act).order_by("-number")[0]
            if (last.state, last.details) != (state, details):
                write_next(head, **same_act(begun), state=state, details=details)

    def newest(self, resource: Resource) -> int:
        act = acts.newest(resource)
        return act.number if act else 0


def append(**fields: Any) -> None:
    """One entry at the end of the chain. Durable: inside another transaction it could be rolled back, and is refused."""
    with transaction.atomic(durable=True):
        write_next(locked_head(), **fields)


def same_act(entry: AuditEntry) -> dict[str, Any]:
    """What every entry of an act repeats of its first one."""
    return {name: getattr(entry, name) for name in ("act", "actor", "via", "action", *RESOURCE_COLUMNS)}


def locked_head() -> AuditHead:
    """The head row under its lock: PostgreSQL's row lock; on SQLite the transaction itself is the only writer."""
    head, made = AuditHead.objects.select_for_update().get_or_create(id=1, defaults={"number": 0, "hash": BEGINNING})
    if made and AuditEntry.objects.exists():
        raise RecordDamaged("The audit record has lost its head row, so nothing can be recorded and nothing was done.")
    return head


def write_next(head: AuditHead, **fields: Any) -> None:
    """Write the entry that follows the head, which the caller holds, and move the head."""
    entry = AuditEntry(
        number=head.number + 1,
        hash_version=HASH_VERSION,
        written=datetime.now(UTC),
        previous=head.hash,
        **process_columns(this_process()),
        **fields,
    )
    entry.hash = hash_of(entry)
    entry.save(force_insert=True)
    head.number, head.hash = entry.number, entry.hash
    head.save()
