"""The audit record: append-only, each entry chained to the one before by a hash over all of it.

An act is its entries: *intended* before anything is touched, then *done* or *failed*; what a crash left open is settled as
*unknown* at the next start. The chain shows a changed, removed or reordered entry to whoever verifies it. It cannot show that
its newest entries were cut off together with the head row: that takes seals kept elsewhere. Details hold names, positions and
counts, never a value of an event.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from dashboard.auditing.process_identity import Process, alive, this_process
from dashboard.models import AuditEntry, AuditHead, State
from eventstore.actions import Actor, reason_of
from eventstore.model import EventStoreError, Position

BEGINNING = "0" * 64
"""What the first entry has for its previous hash."""
FOREIGN_PATIENCE = timedelta(hours=24)
"""How long an act of another host may stay open before it counts as given up: from here nobody can see that process."""
STEP = 1000
"""Entries read at a time by ``verify``."""
LONGEST = 500
"""Characters kept of a name: what an index of PostgreSQL takes in any script."""


class DatabaseRecord:
    """``eventstore.actions.perform.Record`` on the database ``default``. Any thread of any process may write."""

    def intended(self, actor: Actor, action: str, scope: str, details: Mapping[str, Any]) -> str:
        act = uuid4()
        _append(
            act=act,
            state=State.INTENDED,
            actor=_storable(actor.name),
            via=_storable(actor.via),
            action=_storable(action),
            scope=_storable(scope),
            details=canonical(details),
        )
        return str(act)

    def done(self, act: str, details: Mapping[str, Any]) -> None:
        _end(act, State.DONE, details)

    def failed(self, act: str, reason: str) -> None:
        _end(act, State.FAILED, {"reason": reason})

    def unknown(self, act: str, reason: str) -> None:
        _end(act, State.UNKNOWN, {"reason": reason})


def resolve_interrupted(inspect: Callable[[AuditEntry], Mapping[str, Any]]) -> int:
    """Give every act that its process left open an *unknown* entry; answers how many.

    ``inspect`` answers what the store shows now of an intended entry; where the store cannot be asked, that is recorded.
    """
    settled = 0
    for entry in _left_open():
        try:
            shown = dict(inspect(entry))
        except EventStoreError as error:
            shown = {"store": f"could not be asked: {reason_of(error)}"}
        settled += _settle_one(entry, shown)
    return settled


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """The first entry at which the chain does not hold. ``number`` is where it was noticed."""

    number: int
    reason: str


def verify() -> Break | None:
    """Walk the whole chain, ``STEP`` entries in memory; the first break, or ``None`` where every entry stands as written."""
    head = AuditHead.objects.filter(id=1).first() or AuditHead(number=0, hash=BEGINNING)
    number, previous = 0, BEGINNING
    while entries := list(AuditEntry.objects.filter(number__gt=number).order_by("number")[:STEP]):
        for entry in entries:
            if entry.number != number + 1:
                return Break(number=number + 1, reason=_missing(number + 1, entry.number - 1))
            if entry.previous != previous:
                return Break(number=entry.number, reason="it does not continue the entry before it: moved or replaced")
            if entry.hash != hash_of(entry):
                return Break(number=entry.number, reason="its content was changed after it was written")
            if entry.number == head.number and entry.hash != head.hash:
                return Break(number=entry.number, reason="it is not the entry that the head row names")
            number, previous = entry.number, entry.hash
    if number < head.number:
        return Break(number=number + 1, reason=_missing(number + 1, head.number))
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One act as a person reads it. ``number`` is its first entry's and the cursor for ``acts``; times are in UTC.

    ``details`` is what was intended, ``outcome`` what the last entry says; ``ended`` is ``None`` while it is open.
    """

    number: int
    act: UUID
    actor: str
    via: str
    action: str
    scope: str
    state: State
    begun: datetime
    ended: datetime | None
    details: Mapping[str, Any]
    outcome: Mapping[str, Any]


def acts(
    before: int | None = None,
    limit: int = 50,
    *,
    actor: str = "",
    action: str = "",
    scope: str = "",
    under: Collection[str] = (),
) -> Sequence[Act]:
    """At most ``limit`` acts, newest first, begun before the act numbered ``before``; an empty filter takes all.

    ``under`` takes each of these scopes and what lies in it: a topic and its subscriptions ("topic subscription").
    """
    wanted = {"actor": _storable(actor), "action": _storable(action), "scope": _storable(scope)}
    begun = AuditEntry.objects.filter(state=State.INTENDED, **{name: value for name, value in wanted.items() if value})
    if under:
        begun = begun.filter(_under(under))
    if before is not None:
        begun = begun.filter(number__lt=before)
    first = list(begun.order_by("-number")[:limit])
    ends = AuditEntry.objects.filter(act__in=[entry.act for entry in first]).exclude(state=State.INTENDED)
    last = {entry.act: entry for entry in ends.order_by("number")}
    return [_act(entry, last.get(entry.act)) for entry in first]


def _under(scopes: Collection[str]) -> Q:
    found = Q()
    for scope in map(_storable, scopes):
        found |= Q(scope=scope) | Q(scope__startswith=f"{scope} ")
    return found


def canonical(details: Mapping[str, Any]) -> str:
    """Details as the one JSON text that is stored and hashed: sorted keys, no spaces, ASCII."""
    return json.dumps(_plain(details), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def hash_of(entry: AuditEntry) -> str:
    """SHA-256 over the canonical JSON of every field but the hash."""
    fields = {
        "number": entry.number,
        "act": str(entry.act),
        "state": str(entry.state),
        "actor": entry.actor,
        "via": entry.via,
        "action": entry.action,
        "scope": entry.scope,
        "details": entry.details,
        "written": entry.written.astimezone(UTC).isoformat(timespec="microseconds"),
        "host": entry.host,
        "pid": entry.pid,
        "process_start": entry.process_start,
        "previous": entry.previous,
    }
    return hashlib.sha256(canonical(fields).encode("ascii")).hexdigest()


def _append(*, act: UUID, state: State, actor: str, via: str, action: str, scope: str, details: str) -> None:
    """One entry at the end of the chain. Durable: inside another transaction it could be rolled back, and is refused."""
    with transaction.atomic(durable=True):
        head = _locked_head()
        _chain(head, act=act, state=state, actor=actor, via=via, action=action, scope=scope, details=details)


def _end(act: str, state: State, details: Mapping[str, Any]) -> None:
    entry = AuditEntry.objects.get(act=UUID(act), state=State.INTENDED)
    _append(**_same_act(entry), state=state, details=canonical(details))


def _settle_one(entry: AuditEntry, shown: Mapping[str, Any]) -> int:
    with transaction.atomic(durable=True):
        head = _locked_head()
        if AuditEntry.objects.filter(act=entry.act).exclude(state=State.INTENDED).exists():
            return 0  # another process settled it meanwhile
        _chain(head, **_same_act(entry), state=State.UNKNOWN, details=canonical(shown))
    return 1


def _locked_head() -> AuditHead:
    """The head row under its lock: PostgreSQL's row lock; on SQLite the transaction itself is the only writer."""
    head, _ = AuditHead.objects.select_for_update().get_or_create(id=1, defaults={"number": 0, "hash": BEGINNING})
    return head


def _chain(head: AuditHead, **fields: Any) -> None:
    process = this_process()
    entry = AuditEntry(
        number=head.number + 1,
        written=datetime.now(UTC),
        host=_storable(process.host),
        pid=process.pid,
        process_start=process.start,
        previous=head.hash,
        **fields,
    )
    entry.hash = hash_of(entry)
    entry.save(force_insert=True)
    head.number, head.hash = entry.number, entry.hash
    head.save()


def _same_act(entry: AuditEntry) -> dict[str, Any]:
    return {"act": entry.act, "actor": entry.actor, "via": entry.via, "action": entry.action, "scope": entry.scope}


def _left_open() -> Sequence[AuditEntry]:
    ended = AuditEntry.objects.filter(act=OuterRef("act")).exclude(state=State.INTENDED)
    return [entry for entry in AuditEntry.objects.filter(~Exists(ended), state=State.INTENDED) if _given_up(entry)]


def _given_up(entry: AuditEntry) -> bool:
    if entry.host != _storable(this_process().host):
        return datetime.now(UTC) - entry.written > FOREIGN_PATIENCE
    return not alive(Process(host=entry.host, pid=entry.pid, start=entry.process_start))


def _act(entry: AuditEntry, last: AuditEntry | None) -> Act:
    return Act(
        number=entry.number,
        act=entry.act,
        actor=entry.actor,
        via=entry.via,
        action=entry.action,
        scope=entry.scope,
        state=State(last.state if last else entry.state),
        begun=entry.written,
        ended=last.written if last else None,
        details=json.loads(entry.details),
        outcome=json.loads(last.details) if last else {},
    )


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _storable(text: str) -> str:
    """Text that every database can hold and index: NUL and lone surrogates as escapes, and cut where it is very long."""
    text = "".join(rf"\u{ord(c):04x}" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _plain(value: Any) -> Any:
    """Details as JSON's own types. What nobody foresaw is recorded by its class: it might be a value of an event."""
    if value is None or isinstance(value, str | bool | int | float):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(str(part) for part in value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value.encode() if isinstance(value, Position) else type(value).__name__
