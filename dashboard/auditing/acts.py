"""Acts as they are read from the record: what was intended, and how it ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from dashboard.auditing.entries import about, resource_of, storable
from dashboard.models import AuditEntry, State
from eventstore.actions import Resource
from eventstore.jobs import open_acts


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One act as a person reads it. ``number`` is its first entry's and what ``acts`` takes as ``before``; times are in UTC.

    ``details`` is what was intended, ``outcome`` what the last entry says; ``ended`` is ``None`` while it is open.
    """

    number: int
    act: UUID
    actor: str
    via: str
    action: str
    resource: Resource
    state: State
    begun: datetime
    ended: datetime | None
    details: Mapping[str, Any]
    outcome: Mapping[str, Any]


def number_in(text: str) -> int | None:
    """An act's number as a form sends it; ``None`` for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def acts(
    before: int | None = None,
    limit: int = 50,
    *,
    actor: str = "",
    action: str = "",
    text: str = "",
    on: Resource | Q | None = None,
) -> Sequence[Act]:
    """At most ``limit`` acts, newest first, begun before the act numbered ``before``; an empty filter takes all.

    ``text`` takes those whose reason or other details hold it, ``on`` those on this very resource, or on those that a
    ``resource_filter`` describes.
    """
    wanted = {name: storable(value) for name, value in {"actor": actor, "action": action}.items() if value}
    begun = AuditEntry.objects.filter(state=State.INTENDED, **wanted)
    if on is not None:
        begun = begun.filter(about(on) if isinstance(on, Resource) else on)
    if text:
        begun = begun.filter(details__icontains=json.dumps(text)[1:-1])  # as ``entries.canonical`` wrote it
    if before is not None:
        begun = begun.filter(number__lt=before)
    return _with_ends(list(begun.order_by("-number")[:limit]))


def act_of(id: UUID) -> Act | None:
    """The act of this id."""
    return next(iter(_with_ends(list(AuditEntry.objects.filter(act=id, state=State.INTENDED)))), None)


def newest(resource: Resource) -> Act | None:
    """The newest act that has, or may have, changed this resource. One that failed has not, unless it was done after all (its
    last entry counts), or its job has been resumed and is under way."""
    under_way = Q(act__in=[UUID(act) for act in open_acts()])
    last = AuditEntry.objects.filter(act=OuterRef("act")).order_by("-number").values("state")[:1]
    begun = AuditEntry.objects.filter(about(resource), state=State.INTENDED).alias(last=Subquery(last))
    return next(iter(_with_ends(list(begun.exclude(Q(last=State.FAILED) & ~under_way).order_by("-number")[:1]))), None)


def resource_filter(*, topics: Sequence[str] = (), name: str = "") -> Q:
    """Acts on one of these topics and on what lies in them, on a subscription, aggregate, account or token of this name, or,
    where both are given, on what has this name in these topics."""
    chosen = Q()
    if topics:
        chosen &= Q(topic__in=[storable(topic) for topic in topics])
    if name:
        wanted = storable(name)
        chosen &= Q(subscription=wanted) | Q(aggregate_id=wanted) | Q(name=wanted)
    return chosen


def aggregate_types() -> Sequence[str]:
    """The types of the aggregates that were ever acted on."""
    return list(AuditEntry.objects.exclude(aggregate_type="").order_by().values_list("aggregate_type", flat=True).distinct())


def _with_ends(begun: Sequence[AuditEntry]) -> Sequence[Act]:
    ends = AuditEntry.objects.filter(act__in=[entry.act for entry in begun]).exclude(state=State.INTENDED)
    last = {entry.act: entry for entry in ends.order_by("number")}
    return [_act(entry, last.get(entry.act)) for entry in begun]


def _act(entry: AuditEntry, last: AuditEntry | None) -> Act:
    return Act(
        number=entry.number,
        act=entry.act,
        actor=entry.actor,
        via=entry.via,
        action=entry.action,
        resource=resource_of(entry),
        state=State(last.state if last else entry.state),
        begun=entry.written,
        ended=last.written if last else None,
        details=json.loads(entry.details),
        outcome=json.loads(last.details) if last else {},
    )
