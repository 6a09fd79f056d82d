"""Acts as they are read from the record: what was intended, and how it ended."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.models import OuterRef, Q, QuerySet, Subquery

from dashboard.auditing.entries import about, resource_of, storable
from dashboard.auditing.reasons import CASE
from dashboard.models import AuditEntry, State
from eventstore.actions import Resource
from eventstore.extent import asked_once
from eventstore.jobs import open_acts

LOOKED_THROUGH = 100_000
"""Entries that one page of a search by a part of a text looks through."""
MOST_PASSED = 20_000
"""Acts that may not be shown, and that one page goes past."""
PIECE = 500
"""Acts that are read at a time, where all are gone through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One act as a person reads it. ``number`` is its first entry's and what ``acts`` takes as ``before``; times are in UTC.

    ``details`` is what was intended, ``outcome`` what the last entry says; ``ended`` is ``None`` while it is open. What was
    noted in one entry has no outcome beside its details.
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


Sees = Callable[[Act], bool]
"""Whether an act may be shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which acts are meant; an empty field takes all.

    ``text`` takes those whose reason or other details hold it, ``ticket`` those with this very ticket, ``on`` those on this
    very resource, or on those that a ``resource_filter`` describes. They begin at ``since`` or later, and before ``until``.
    ``without`` takes out those that it describes.
    """

    actor: str = ""
    action: str = ""
    text: str = ""
    ticket: str = ""
    since: datetime | None = None
    until: datetime | None = None
    on: Resource | Q | None = None
    without: Q | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ActsPage:
    """Acts, newest first. ``older`` is what ``page_of_acts`` takes as ``before`` for the next ones, if there may be any.

    ``looked_back_to`` is the number of the oldest entry that was looked at, where the search went no further.
    """

    acts: Sequence[Act]
    older: int | None = None
    looked_back_to: int | None = None


@asked_once
def acts(
    before: int | None = None,
    limit: int = 50,
    *,
    actor: str = "",
    action: str = "",
    text: str = "",
    on: Resource | Q | None = None,
) -> Sequence[Act]:
    """At most ``limit`` acts, newest first, begun before the act numbered ``before``; see ``Wanted``. Asked once for a page:
    what the page itself notes afterwards is not among them."""
    begun = _begun(Wanted(actor=actor, action=action, text=text, on=on))
    if before is not None:
        begun = begun.filter(number__lt=before)
    return _with_ends(list(begun.order_by("-number")[:limit]))


def page_of_acts(wanted: Wanted, *, before: int | None, limit: int, sees: Sees | None = None) -> ActsPage:
    """A page of acts. No index finds a part of a text, so one page looks through ``LOOKED_THROUGH`` entries for it at most.

    ``sees``: the page is filled with those that it lets pass, and nothing tells of the others, but where there are thousands.
    """
    begun = _begun(wanted)
    if before is not None:
        begun = begun.filter(number__lt=before)
    first = 0
    if wanted.text:
        newest_number = AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0
        first = max(0, (newest_number + 1 if before is None else before) - LOOKED_THROUGH)
        begun = begun.filter(number__gte=first)
    found, passed = _newest_seen(begun, limit + 1, sees)
    on_page = found[:limit]
    if len(found) > limit:
        return ActsPage(acts=on_page, older=on_page[-1].number)
    if passed is not None:
        return ActsPage(acts=on_page, older=passed, looked_back_to=passed)
    return ActsPage(acts=on_page, older=first if first > 1 else None, looked_back_to=first if first > 1 else None)


def _newest_seen(begun: "QuerySet[AuditEntry]", limit: int, sees: Sees | None) -> tuple[list[Act], int | None]:
    """At most ``limit`` acts; and the last one that was looked at, where too many are left out to look further."""
    found: list[Act] = []
    looked, piece = 0, limit
    while True:
        some = _with_ends(list(begun.order_by("-number")[:piece]))
        found += [act for act in some if sees is None or sees(act)]
        if len(some) < piece or len(found) >= limit:
            return found[:limit], None
        looked += piece
        if looked >= MOST_PASSED:
            return found, some[-1].number
        begun, piece = begun.filter(number__lt=some[-1].number), PIECE


def every_act(wanted: Wanted) -> Iterator[Sequence[Act]]:
    """All of them in the order in which they began, some hundreds at a time."""
    after = 0
    while acts := oldest_acts(wanted, after=after, limit=PIECE):
        yield acts
        after = acts[-1].number


def oldest_acts(wanted: Wanted, *, after: int, limit: int) -> Sequence[Act]:
    """Acts in the order in which they began, after the one of this number."""
    return _with_ends(list(_begun(wanted).filter(number__gt=after).order_by("number")[:limit]))


def count_acts(wanted: Wanted, most: int) -> int:
    """How many there are; not counted further than ``most``."""
    return _begun(wanted)[:most].count()


def _begun(wanted: Wanted) -> "QuerySet[AuditEntry]":
    names = {name: storable(value) for name, value in {"actor": wanted.actor, "action": wanted.action}.items() if value}
    begun = AuditEntry.objects.filter(begins=True, **names)
    if wanted.on is not None:
        begun = begun.filter(about(wanted.on) if isinstance(wanted.on, Resource) else wanted.on)
    if wanted.without is not None:
        begun = begun.exclude(wanted.without)
    if wanted.ticket:
        ticket = storable(wanted.ticket)
        begun = begun.filter(ticket__in={ticket, ticket.upper(), ticket.lower()})
    if wanted.since is not None:
        begun = begun.filter(written__gte=wanted.since)
    if wanted.until is not None:
        begun = begun.filter(written__lt=wanted.until)
    if wanted.text:
        begun = begun.filter(details__icontains=json.dumps(wanted.text)[1:-1])  # as ``entries.canonical`` wrote it
    return begun


def act_of(id: UUID) -> Act | None:
    """The act of this id."""
    return next(iter(_with_ends(list(AuditEntry.objects.filter(act=id, begins=True)))), None)


def acts_of_case(number: int, *, actor: str, after: int, until: datetime) -> Sequence[Act]:
    """What this person began under this case, the oldest first: among the entries after this number, written by then."""
    begun = AuditEntry.objects.filter(
        begins=True,
        actor=storable(actor),
        number__gt=after,
        written__lte=until,
        details__contains=f'"{CASE}":{number}',
    )
    found = _with_ends(list(begun.order_by("number")))
    return [act for act in found if act.details.get(CASE) == number]


def newest(resource: Resource) -> Act | None:
    """The newest act that has, or may have, changed this resource. One that failed has not, unless it was done after all (its
    last entry counts), or its job has been resumed and is under way."""
    under_way = Q(act__in=[UUID(act) for act in open_acts()])
    last = AuditEntry.objects.filter(act=OuterRef("act")).order_by("-number").values("state")[:1]
    begun = AuditEntry.objects.filter(about(resource), begins=True, state=State.INTENDED).alias(last=Subquery(last))
    return next(iter(_with_ends(list(begun.exclude(Q(last=State.FAILED) & ~under_way).order_by("-number")[:1]))), None)


def same_digest(details: Mapping[str, Any], digest: str) -> bool:
    """Whether the act with these details is what a confirmation with this digest asked for."""
    return details.get("digest") == digest


def newest_since(resource: Resource, since: int | None) -> Act | None:
    """The newest act on the resource, if it came after the one of this number, which a preview knew as the newest.

    Mostly there is none: then one plain question tells, for which people wait after their click.
    """
    if since is None or not AuditEntry.objects.filter(about(resource), begins=True, number__gt=since).exists():
        return None
    last = newest(resource)
    return last if last is not None and last.number > since else None


def asked_before(
    resource: Resource,
    since: int | None,
    actor: str,
    digest: str,
    *,
    is_confirmed: Callable[[Mapping[str, Any], str], bool] = same_digest,
) -> Act | None:
    """The newest act on the resource, if this very confirmation has asked for it, however it ended: the button was pressed
    twice. ``since`` and ``digest`` are what the confirmation says, ``actor`` is whose it is."""
    last = newest_since(resource, since)
    return last if last is not None and last.actor == actor and is_confirmed(last.details, digest) else None


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
    """The types of the aggregates that were ever acted on, in order."""
    return _ever("aggregate_type")


def topics() -> Sequence[str]:
    """The topics that were ever acted on, or in which something was, in order."""
    return _ever("topic")


_STEPS = """
WITH RECURSIVE step(told) AS (
    SELECT (SELECT COLUMN FROM dashboard_auditentry WHERE begins AND COLUMN > '' ORDER BY COLUMN LIMIT 1)
    UNION ALL
    SELECT (SELECT COLUMN FROM dashboard_auditentry WHERE begins AND COLUMN > told ORDER BY COLUMN LIMIT 1)
    FROM step WHERE told IS NOT NULL
)
SELECT told FROM step WHERE told IS NOT NULL
"""


def _ever(column: str) -> Sequence[str]:
    """What acts begin with in this column, but for nothing. Each is one step along its index: there are few, and many
    entries."""
    with connections[router.db_for_read(AuditEntry)].cursor() as cursor:
        cursor.execute(_STEPS.replace("COLUMN", column))
        return [told for (told,) in cursor.fetchall()]


def _with_ends(begun: Sequence[AuditEntry]) -> Sequence[Act]:
    ends = AuditEntry.objects.filter(act__in=[entry.act for entry in begun], begins=False)
    last = {entry.act: entry for entry in ends.order_by("number")}
    return [_act(entry, last.get(entry.act)) for entry in begun]


def _act(entry: AuditEntry, last: AuditEntry | None) -> Act:
    ended = entry.written if entry.state != State.INTENDED else None
    return Act(
        number=entry.number,
        act=entry.act,
        actor=entry.actor,
        via=entry.via,
        action=entry.action,
        resource=resource_of(entry),
        state=State(last.state if last else entry.state),
        begun=entry.written,
        ended=last.written if last else ended,
        details=json.loads(entry.details),
        outcome=json.loads(last.details) if last else {},
    )
