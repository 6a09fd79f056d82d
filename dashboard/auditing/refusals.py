"""Refusals on the record: what somebody tried who may not. Bounded, or a client without a login could fill the record.

Of the same person at the same place, the first refusal is an entry at once. Those that follow within ten minutes are counted,
become one entry when the time is over, of the same case. Who is not logged in is one person, wherever requests come from.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, transaction
from django.db.models import DateTimeField, F

from dashboard.access.actors import page_actor
from dashboard.access.command_actions import REFUSED, place
from dashboard.auditing.chain import locked_head, noted, write_next
from dashboard.auditing.entries import canonical, columns_of, storable
from dashboard.auditing.reasons import with_case
from dashboard.models import Refusal, State
from eventstore.actions import Actor, Resource
from eventstore.prepared import Prepared

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=10)
NOBODY = page_actor("(not logged in)")
"""Whoever has proven to be nobody; no account's name holds a space."""


def note_refusal(actor: Actor, where: str | Resource, wanted: str = "", **details: Any) -> None:
    """Record it, or count it; within a transaction, once that is committed. What cannot be written is logged.

    ``where`` names a page, a websocket or a command, never its address, which may hold a value. ``wanted`` is what is not
    allowed. ``details`` are kept of the first time alone.
    """
    resource = place(where) if isinstance(where, str) else where
    transaction.on_commit(partial(_note_or_log, actor, resource, wanted, details))


def _note_or_log(actor: Actor, resource: Resource, wanted: str, details: Mapping[str, Any]) -> None:
    try:
        write_ended()
        _note(actor, resource, wanted, details)
    except DatabaseError as error:
        log.warning("A refusal could not be recorded: %s", type(error).__name__)


def write_ended() -> int:
    """Write the counts whose time is over; returns how many entries that made."""
    return sum(_write(refusal) for refusal in _OVER(now=datetime.now(UTC)))


_OVER = Prepared(lambda now: Refusal.objects.filter(until__lte=now).order_by("until"), now=DateTimeField())


def _note(actor: Actor, resource: Resource, wanted: str, details: Mapping[str, Any]) -> None:
    said = with_case({"wanted": wanted} if wanted else {}, actor.name)
    _count(actor, REFUSED.name, resource, said, State.FAILED, details)


def _count(
    actor: Actor,
    action: str,
    resource: Resource,
    said: Mapping[str, Any],
    state: State,
    first: Mapping[str, Any] | None = None,
) -> None:
    """Record it now, unless it is being counted already. ``first``: details of the entry that is made now alone."""
    counted_by = [action, actor.name, actor.via, resource.key, canonical(said)]
    key = hashlib.sha256(json.dumps(counted_by).encode()).hexdigest()
    if Refusal.objects.filter(key=key).update(more=F("more") + 1):
        return
    of_whom = {"actor": storable(actor.name), "via": storable(actor.via), **columns_of(resource)}
    entry = json.dumps({"action": action, "state": state.value, **of_whom, "details": dict(said)})
    until = datetime.now(UTC) + WINDOW
    if Refusal.objects.get_or_create(key=key, defaults={"until": until, "entry": entry})[1]:
        noted(actor, action, resource, {**said, **(first or {})}, state)
    else:
        Refusal.objects.filter(key=key).update(more=F("more") + 1)


def _write(refusal: Refusal) -> int:
    """End one count, in one transaction with its entry: of several processes, one writes it."""
    with transaction.atomic(durable=True):
        head = locked_head()
        current = Refusal.objects.filter(key=refusal.key, until=refusal.until).first()
        if current is None:
            return 0
        Refusal.objects.filter(key=refusal.key).delete()
        if not current.more:
            return 0
        entry = json.loads(current.entry)
        minutes = WINDOW // timedelta(minutes=1)
        details = {**entry.pop("details"), "times": current.more, "until": current.until, "within_minutes": minutes}
        write_next(head, act=uuid4(), begins=True, details=canonical(details), **entry)
    return 1


def note_counted(actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> None:
    """Record what was done and may be done very often, as refusals are: the first at once, those that follow as a count."""
    write_ended()
    _count(actor, action, resource, details, State.DONE)
