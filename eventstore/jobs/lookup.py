"""Looking at jobs."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, When
from django.db.models.functions import Now

from eventstore.actions.resource import Resource
from eventstore.index.indexer.lease_owner import is_dead
from eventstore.jobs.job import ENDED, Job, State, UnknownJob
from eventstore.jobs.models import JobRow, JobShareRow, JobWorkerRow
from eventstore.jobs.rows import job_of, storable


def rows_of(id: str) -> "QuerySet[JobRow]":
    """The row of this id, or none. What can be no id is not asked of the database: some refuse a NUL."""
    return JobRow.objects.filter(id=id) if id.isalnum() and id.isascii() else JobRow.objects.none()


def exists(id: str) -> bool:
    return rows_of(id).exists()


def get(id: str) -> Job:
    row = rows_of(id).first()
    if row is None:
        raise UnknownJob("There is no job of this id.")
    return job_of(row)


def newest(
    *, limit: int, before: int | None, states: Collection[State], kind: str, on: Resource | Collection[Resource] | None
) -> Sequence[Job]:
    rows = JobRow.objects.order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    if states:
        rows = rows.filter(state__in=sorted(states))
    if kind:
        rows = rows.filter(kind=kind)
    if on is not None:
        resources = [on] if isinstance(on, Resource) else on
        rows = rows.filter(resource_key__in=[one.key for one in resources])
    return [job_of(row) for row in rows[:limit]]


def open_on(resource: Resource) -> Job | None:
    row = JobRow.objects.filter(busy=resource.key).first()
    return job_of(row) if row else None


def id_of_open(resource: Resource) -> str:
    """The id of ``open_on``; empty if there is none."""
    return JobRow.objects.filter(busy=resource.key).values_list("id", flat=True).first() or ""


def asked_for(asker: str, *, kind: str, on: Resource, since: datetime) -> int:
    """How much this person has asked for since then with jobs of this kind on the resource: what they are to handle, and of
    those that have ended what they have handled. A failed one can be resumed, and counts with all that it was to handle."""
    rows = JobRow.objects.filter(asker=storable(asker), kind=kind, resource_key=on.key, asked__gte=since)
    handled = F("done") + F("skipped") + F("failed")
    ended = Q(total=None) | Q(state__in=sorted(ENDED - {State.FAILED}))
    amount = Case(When(ended, then=handled), default=F("total"), output_field=BigIntegerField())
    return int(rows.aggregate(amount=Sum(amount))["amount"] or 0)


def counts() -> dict[State, int]:
    """How many jobs are in each state; a state that none is in is missing."""
    return {State(state): number for state, number in JobRow.objects.values_list("state").annotate(number=Count("pk"))}


def workers(kind: str) -> int:
    """A worker that has a job, or a share of one, renews its lease there, and not its own row."""
    leading = JobRow.objects.filter(state=State.RUNNING, leased_until__gt=Now()).values_list("owner", flat=True)
    helping = JobShareRow.objects.filter(leased_until__gt=Now()).values_list("owner", flat=True)
    there = JobWorkerRow.objects.filter(until__gt=Now()) | JobWorkerRow.objects.filter(owner__in=[*leading, *helping])
    return sum(1 for row in there if not is_dead(row.owner) and (not kind or kind in json.loads(row.kinds)))
