"""The audit record: append-only, each entry chained to the one before by a hash over all of it.

An act is its entries: *intended* before anything is touched, then *done*, *partly done*, *failed* or *unknown*. What a crash
left open is settled as *unknown* at the next start. What needs no two entries, such as a login, is one (``noted``). Verifying
the chain finds a changed, removed or reordered entry. Seals, which are kept elsewhere, show that the newest entries were cut
off or the chain was computed anew. Details hold names, positions and counts, never a value of an event.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from dashboard.auditing import acts
from dashboard.auditing.entries import (
    HASH_VERSION,
    Row,
    canonical,
    columns_of,
    columns_said,
    content_of,
    hash_of,
    process_columns,
    storable,
)
from dashboard.auditing.old_entries import RESOURCE_COLUMNS
from dashboard.auditing.one_statement import append_at_once
from dashboard.auditing.reasons import with_case
from dashboard.models import AuditEntry, AuditHead, State
from eventstore.actions import Actor, Outcome, Resource
from eventstore.model import EventStoreError, this_process

BEGINNING = "0" * 64
"""What the first entry has for its previous hash."""
_NOTHING = {"number": 0, "previous": "", "hash": "", "begins": False, "scope": "", "reason": "", "ticket": ""}


class RecordDamaged(EventStoreError):
    """Nothing can be recorded, so nothing is done."""


class DatabaseRecord:
    """``eventstore.actions.Record`` on the database ``default``. Any thread of any process may write."""

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        return noted(actor, action, resource, details, State.INTENDED)

    def ended(self, act: str, outcome: Outcome) -> None:
        """Write how the act ended, unless its last entry says just that: a job's end is told again after a crash."""
        entries = list(AuditEntry.objects.filter(act=UUID(act)).order_by("number").values_list(*Row._fields))
        if not entries:
            raise AuditEntry.DoesNotExist(f"There is no act {act}.")
        first, last = Row._make(entries[0]), Row._make(entries[-1])
        state, details = State(outcome.ending.value), canonical(outcome.details())
        if (last.state, last.details) != (state, details):
            append(**same_act(first), state=state, details=details)

    def newest(self, resource: Resource) -> int:
        act = acts.newest(resource)
        return act.number if act else 0


def noted(actor: Actor, action: str, resource: Resource, details: Mapping[str, Any], state: State = State.DONE) -> str:
    """Write an act's first entry, which is its only one unless it is ``INTENDED``; returns the act's id.

    ``details`` hold names, counts, a ``reason`` and a ``ticket``; never a value of an event. Refused, with ``RuntimeError``,
    within a transaction, which could take it back.
    """
    act, details = uuid4(), with_case(details, actor.name)
    append(
        act=act,
        state=state,
        begins=True,
        actor=storable(actor.name),
        via=storable(actor.via),
        action=storable(action),
        details=canonical(details),
        **columns_of(resource),
        **columns_said(details),
    )
    return str(act)


def append(**fields: Any) -> None:
    """One entry at the end of the chain. Durable: inside another transaction it could be rolled back, and is refused."""
    entry = _entry(fields)
    if connection.vendor == "postgresql" and connection.get_autocommit() and append_at_once(entry, content_of(entry)):
        return
    with transaction.atomic(durable=True):
        _write(locked_head(), entry)


def same_act(entry: AuditEntry | Row) -> dict[str, Any]:
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
    _write(head, _entry(fields))


def _entry(fields: Mapping[str, Any]) -> Row:
    """An entry that has no place in the chain yet."""
    said = {**_NOTHING, **fields, "state": State(fields["state"]).value, **process_columns(this_process())}
    return Row(**said, hash_version=HASH_VERSION, written=datetime.now(UTC))


def _write(head: AuditHead, entry: Row) -> None:
    entry = entry._replace(number=head.number + 1, previous=head.hash)
    entry = entry._replace(hash=hash_of(entry))
    AuditEntry(**entry._asdict()).save(force_insert=True)
    head.number, head.previous, head.hash = entry.number, entry.previous, entry.hash
    head.save()
