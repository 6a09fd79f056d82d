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

from django.db import transaction

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
from dashboard.auditing.one_call import append_at_once, lock_appending
from dashboard.auditing.reasons import with_case
from dashboard.models import AuditEntry, AuditHead, State
from eventstore.actions import Actor, Outcome, Resource
from eventstore.model import EventStoreError, this_process

BEGINNING = "0" * 64
"""What the first entry has for its previous hash."""
MOST_BEGUN = 1_000
_begun: dict[str, dict[str, Any]] = {}
"""What the entries of an act repeat, by its id, of acts that this process began: not read again to end them."""
SAME_IN_ACT = ("act", "actor", "via", "action", *RESOURCE_COLUMNS)
"""What every entry of an act repeats of its first one."""
_NOTHING = {"number": 0, "previous": "", "hash": "", "begins": False, "scope": "", "reason": "", "ticket": ""}


class RecordDamaged(EventStoreError):
    """Nothing can be recorded, so nothing is done."""


class DatabaseRecord:
    """``eventstore.actions.Record`` on the database ``default``. Any thread of any process may write."""

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        first = _first_entry(actor, action, resource, details, State.INTENDED)
        append(**first)
        act = str(first["act"])
        if len(_begun) >= MOST_BEGUN:
            _begun.clear()
        _begun[act] = {name: first[name] for name in SAME_IN_ACT}
        return act

    def ended(self, act: str, outcome: Outcome) -> None:
        """Write how the act ended, unless its last entry says just that: a job's end is told again after a crash."""
        same = _begun.pop(act, None) or _same_as_first(act)
        append(once=True, **same, state=State(outcome.ending.value), details=canonical(outcome.details()))

    def newest(self, resource: Resource) -> int:
        act = acts.newest(resource)
        return act.number if act else 0

    def acted_since(self, resource: Resource, since: int) -> bool:
        return acts.newest_since(resource, since) is not None


def _same_as_first(act: str) -> dict[str, Any]:
    first = AuditEntry.objects.filter(act=UUID(act)).order_by("number").first()
    if first is None:
        raise AuditEntry.DoesNotExist(f"There is no act {act}.")
    return same_act(first)


def noted(actor: Actor, action: str, resource: Resource, details: Mapping[str, Any], state: State = State.DONE) -> str:
    """Write an act's first entry, which is its only one unless it is ``INTENDED``; returns the act's id.

    ``details`` hold names, counts, a ``reason`` and a ``ticket``; never a value of an event. Refused, with ``RuntimeError``,
    within a transaction, which could take it back.
    """
    first = _first_entry(actor, action, resource, details, state)
    append(**first)
    return str(first["act"])


def _first_entry(actor: Actor, action: str, resource: Resource, details: Mapping[str, Any], state: State) -> dict[str, Any]:
    details = with_case(details, actor.name)
    return {
        "act": uuid4(),
        "state": state,
        "begins": True,
        "actor": storable(actor.name),
        "via": storable(actor.via),
        "action": storable(action),
        "details": canonical(details),
        **columns_of(resource),
        **columns_said(details),
    }


def append(*, once: bool = False, **fields: Any) -> None:
    """One entry at the end of the chain. Durable: inside another transaction it could be rolled back, and is refused.

    ``once``: nothing is written if the act's last entry has this state and these details.
    """
    entry = _entry(fields)
    if append_at_once(content_of(entry), once=once):
        return
    with transaction.atomic(durable=True):
        head = locked_head()
        if not (once and _is_said(entry)):
            _write(head, entry)


def _is_said(entry: Row) -> bool:
    last = AuditEntry.objects.filter(act=entry.act).order_by("-number").values_list("state", "details").first()
    return last == (entry.state, entry.details)


def same_act(entry: AuditEntry) -> dict[str, Any]:
    """What every entry of an act repeats of its first one."""
    return {name: getattr(entry, name) for name in SAME_IN_ACT}


def locked_head() -> AuditHead:
    """The head row, for the caller alone until its transaction ends. On SQLite the transaction itself is the only writer."""
    lock_appending()
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
