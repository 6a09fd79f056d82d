"""Asking for a job: allowed, planned once more, on the record, and queued, under the lock of its resource."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db.models.functions import Now

from eventstore.actions.action import Aim, P
from eventstore.actions.actor import Actor
from eventstore.actions.outcome import outcome_of_error
from eventstore.actions.perform import Confirmation, Safeguards, confirmed, permitted
from eventstore.actions.resource import Resource
from eventstore.jobs.job import Job, State
from eventstore.jobs.kind import JobKind, JobRequest, PlannedJobKind
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import MOST_ARGUMENTS, as_json, checked_throttle, job_of, resource_json, storable, wake
from eventstore.model.storage import Storage


def enqueue(
    safeguards: Safeguards,
    actor: Actor,
    kind: JobKind,
    resource: Resource,
    request: JobRequest,
    *,
    reason: str,
    details: Mapping[str, Any],
    approval: bool = False,
) -> Job:
    with permitted(safeguards, actor, kind, resource):
        return _insert(safeguards, actor, kind, resource, request, reason=reason, details=details, approval=approval)


def confirm(
    safeguards: Safeguards,
    storage: Storage,
    actor: Actor,
    kind: PlannedJobKind[Aim, P],
    resource: Resource,
    aim: Aim,
    *,
    confirmation: Confirmation,
    reason: str,
    throttle: float | None,
) -> Job:
    with permitted(safeguards, actor, kind, resource):
        plan = confirmed(safeguards.record, resource, confirmation, lambda: kind.plan(storage, resource, aim))
        kind.check(plan, actor)
        request = kind.request(plan)
        beyond = _is_beyond(safeguards.unapproved(actor, kind.name), request.total)
        if throttle is not None:
            request = replace(request, throttle=throttle)
        return _insert(
            safeguards,
            actor,
            kind,
            resource,
            request,
            reason=reason,
            details=plan.details(),
            approval=request.approve_within is not None or beyond,
            digest=plan.digest if request.approve_within is not None else "",
        )


def _is_beyond(most: int | None, events: int | None) -> bool:
    """Whether so many events need a second person because of who asks. If their number is not known, they do."""
    return most is not None and (events is None or events > most)


def _insert(
    safeguards: Safeguards,
    actor: Actor,
    kind: JobKind,
    resource: Resource,
    request: JobRequest,
    *,
    reason: str,
    details: Mapping[str, Any],
    approval: bool = False,
    digest: str = "",
) -> Job:
    """On the record first: what a crash leaves between the two is an act without a job, which did nothing."""
    row = _row(actor, kind, resource, request, reason)
    row.digest = digest
    row.state = State.WAITING if approval else State.QUEUED
    said = {**details, "job": row.id, **({"reason": reason} if reason else {})}
    row.act = safeguards.record.intended(actor, kind.name, resource, said)
    try:
        row.save(force_insert=True)
        wake()
        row.refresh_from_db(fields=["asked", "approve_by"])  # which the database has told
    except BaseException as error:
        safeguards.record.ended(row.act, outcome_of_error(error, (), {}))
        raise
    return job_of(row)


def _row(actor: Actor, kind: JobKind, resource: Resource, request: JobRequest, reason: str) -> JobRow:
    return JobRow(
        id=secrets.token_hex(6),
        kind=kind.name,
        resource=resource_json(resource),
        resource_key=resource.key,
        busy=resource.key if kind.exclusive else None,
        arguments=as_json(request.arguments, MOST_ARGUMENTS, "arguments"),
        total=request.total,
        throttle=checked_throttle(request.throttle),
        asker=storable(actor.name),
        via=storable(actor.via),
        reason=storable(reason),
        asked=Now(),
        approve_by=None if request.approve_within is None else Now() + request.approve_within,
    )
