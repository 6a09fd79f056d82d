"""While an exclusive job has not ended, nothing else acts on its resource."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from django.db.models import Q

from eventstore.actions.action import registered
from eventstore.actions.actor import Actor
from eventstore.actions.lock import Lease, Locks
from eventstore.actions.perform import Safeguards
from eventstore.actions.resource import Resource
from eventstore.jobs.job import State
from eventstore.jobs.kind import JobKind, kind_named, nothing_more
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import job_of
from eventstore.jobs.wishes import lapse
from eventstore.model.errors import ResourceBusy


def guarded(safeguards: Safeguards) -> Safeguards:
    """The safeguards, with locks that a job's resource refuses."""
    return replace(safeguards, locks=JobLocks(locks=safeguards.locks))


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLocks:
    """``eventstore.actions.Locks``. A job is queued under the lock of its resource, so that no other act comes between."""

    locks: Locks

    def acquire(self, resource: Resource, actor: Actor, doing: str) -> Lease:
        lease = self.locks.acquire(resource, actor, doing)
        try:
            _refuse_busy(resource)
        except BaseException:
            lease.release()
            raise
        return lease


def _refuse_busy(resource: Resource) -> None:
    row = _holder(resource)
    if row is not None and row.state == State.WAITING and lapse():
        row = _holder(resource)
    if row is None:
        return
    kind = kind_named(row.kind)
    doing = kind.doing if kind else "is being worked on"
    since = f"{row.asked.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    raise ResourceBusy(
        f"{resource.title} {doing} by the job {row.id}, for which {row.asker} asked at {since}. "
        "Wait until it has ended, or cancel it."
    )


def _holder(resource: Resource) -> JobRow | None:
    """The job that has not ended and acts on this resource, or holds it beside its own."""
    what = resource.kind
    kinds = [one for one in registered() if isinstance(one, JobKind) and what in one.acts_on and one.holds is not nothing_more]
    holding = Q(busy__isnull=False, kind__in=[one.name for one in kinds])
    rows = list(JobRow.objects.filter(Q(busy=resource.key) | holding).order_by("number"))
    own = next((row for row in rows if row.busy == resource.key), None)
    return own or next((row for row in rows if resource in _held(row)), None)


def _held(row: JobRow) -> Sequence[Resource]:
    kind = kind_named(row.kind)
    return kind.holds(job_of(row)) if kind else ()
