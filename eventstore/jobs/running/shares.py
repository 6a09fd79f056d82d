"""The shares of a job in the database: each has a lease, an epoch and a checkpoint of its own, as a job has.

A share is taken while its job is running. Its saves read what people want of the job, and end the share when the job has
ended, or is paused or cancelled. A job that is queued again, because its own worker ended or could not reach the store, has
another one soon: its shares go on meanwhile.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from eventstore.index.indexer.lease_owner import is_dead
from eventstore.jobs import history
from eventstore.jobs.history import TurnKind
from eventstore.jobs.job import Job, Progress, Share, State, Wish
from eventstore.jobs.models import JobRow, JobShareRow
from eventstore.jobs.rows import job_of, noted, storable, wake
from eventstore.jobs.running.queue import IN_TIME, LEASE, LONGEST_PAUSE, MOST_DEATHS, JobLost, Told, is_left

GOES_ON = (State.RUNNING, State.QUEUED)
"""The states of a job in which a share that a worker has may go on."""
FREE: Mapping[str, Any] = {"leased_until": None, "rate": None}
KILLER = f"Its part %s has ended its worker {MOST_DEATHS} times in a row without any progress."


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareLease:
    number: int
    job: int
    owner: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenShare:
    job: Job
    share: Share
    lease: ShareLease


def make(job: int, totals: Mapping[str, int | None]) -> None:
    """Make those shares of the job that are not there yet. What a share was refused for, is tried again."""
    rows = JobShareRow.objects
    rows.bulk_create(
        [JobShareRow(job_id=job, name=name, total=total) for name, total in totals.items()], ignore_conflicts=True
    )
    rows.filter(job_id=job, refused=True).update(refused=False, deaths=0, problem="", not_before=None)
    wake()


def of_job(job: int) -> Sequence[Share]:
    return [share_of(row) for row in JobShareRow.objects.filter(job_id=job).order_by("pk")]


def share_of(row: JobShareRow) -> Share:
    return Share(
        name=row.name,
        checkpoint=json.loads(row.checkpoint),
        progress=Progress(done=row.done, skipped=row.skipped, failed=row.failed, total=row.total),
        held=row.leased_until is not None and not is_dead(row.owner),
        finished=row.finished,
        epoch=row.epoch,
        owner=row.owner,
        rate=row.rate,
        problem=row.problem,
    )


def progress(job: int) -> Progress:
    """The shares together."""
    rows = JobShareRow.objects.filter(job_id=job).values_list("done", "skipped", "failed", "total")
    return Progress.sum_of(
        Progress(done=done, skipped=skipped, failed=failed, total=total) for done, skipped, failed, total in rows
    )


def refusal(job: int) -> str:
    """Why a share of the job cannot be done; empty if all can, as far as is known."""
    return JobShareRow.objects.filter(job_id=job, refused=True).values_list("problem", flat=True).first() or ""


def are_finished(job: int) -> bool:
    return not JobShareRow.objects.filter(job_id=job, finished=False).exists()


def take(owner: str, *, job: int | None = None, kinds: Collection[str] = (), untidy: bool = False) -> TakenShare | None:
    """Lease a free share: of this job, which the owner has, or of any running job of these kinds.

    ``untidy``: only one that a worker has left half done, whatever people want of the job, and none that ends its workers.
    """
    due = _due(owner) & (Q(job=job) if job is not None else _of_jobs(kinds))
    due &= Q(tidy=False, deaths__lt=MOST_DEATHS) if untidy else Q(finished=False, refused=False)
    if not JobShareRow.objects.filter(due).exists():
        return None
    with transaction.atomic():
        row = JobShareRow.objects.select_for_update(skip_locked=True, of=("self",)).filter(due).order_by("pk").first()
        if row is None:  # another worker was quicker
            return None
        if row.leased_until is not None and row.owner != owner:
            history.note(row.job_id, TurnKind.TAKEN_OVER, share=row.name)
        JobShareRow.objects.filter(pk=row.pk).update(
            owner=owner,
            epoch=F("epoch") + 1,
            leased_until=Now() + LEASE,
            not_before=None,
            deaths=F("deaths") + 1,
            tidy=False,
            rate=None,
        )
        row.refresh_from_db()
        if row.deaths > MOST_DEATHS:
            JobShareRow.objects.filter(pk=row.pk).update(**FREE, refused=True, problem=KILLER % row.name)
            return None
    lease = ShareLease(number=row.pk, job=row.job_id, owner=owner, epoch=row.epoch)
    return TakenShare(job=job_of(row.job), share=share_of(row), lease=lease)


def _of_jobs(kinds: Collection[str]) -> Q:
    return Q(job__state=State.RUNNING, job__wish=Wish.NONE, job__kind__in=sorted(kinds))


def _due(owner: str) -> Q:
    """Whoever takes has no share, so one that is its own was lost on the way."""
    owners = JobShareRow.objects.exclude(leased_until=None).values_list("owner", flat=True)
    return (Q(leased_until=None) | is_left(owner, owners)) & IN_TIME


def save(lease: ShareLease, checkpoint: Mapping[str, Any], progress: Progress, rate: float | None) -> Told:
    """Note the share's progress and renew its lease; return what people want of the job. Raises ``JobLost``."""
    _update(lease, leased_until=Now() + LEASE, **noted(checkpoint, progress, rate))
    return _told(lease)


def renew(lease: ShareLease) -> Told:
    _update(lease, leased_until=Now() + LEASE)
    return _told(lease)


def _told(lease: ShareLease) -> Told:
    """The throttle is that of the job, divided among the workers that have shares of it now. Where a share cannot be done, the
    job is to fail: the others end as for a pause."""
    state, wish, throttle = JobRow.objects.values_list("state", "wish", "throttle").get(pk=lease.job)
    if state == State.PAUSED or (not wish and refusal(lease.job)):
        wish = Wish.PAUSE
    elif state not in GOES_ON:
        wish = Wish.CANCEL
    if throttle:
        throttle /= max(1, len(held(lease.job)))
    return Told(Wish(wish), throttle)


def held(job: int) -> Sequence[str]:
    """The workers that have shares of the job now."""
    rows = JobShareRow.objects.filter(job_id=job, leased_until__gt=Now())
    return [owner for owner in rows.values_list("owner", flat=True) if not is_dead(owner)]


def finish(lease: ShareLease) -> None:
    _update(lease, **FREE, finished=True, tidy=True, deaths=0)


def give_back(lease: ShareLease, *, tidy: bool) -> None:
    """``tidy``: nothing of it is half done."""
    _update(lease, **FREE, tidy=tidy, deaths=0)


def try_again(lease: ShareLease, problem: str) -> None:
    """The store could not be reached: leave the share for a while, longer each time."""
    tries, name = JobShareRow.objects.filter(pk=lease.number).values_list("tries", "name").get()
    pause = timedelta(seconds=min(LONGEST_PAUSE, 2**tries))
    with transaction.atomic():
        _update(lease, **FREE, not_before=Now() + pause, tries=min(tries + 1, 10), deaths=0, problem=storable(problem))
        history.note(lease.job, TurnKind.RETRY, share=name, why=problem)


def refuse(lease: ShareLease, problem: str) -> None:
    """It cannot be done: its job fails."""
    _update(lease, **FREE, refused=True, problem=storable(problem))


def _update(lease: ShareLease, **values: Any) -> None:
    if not _mine(lease).update(**values):
        raise JobLost


def _mine(lease: ShareLease) -> "QuerySet[JobShareRow]":
    rows = JobShareRow.objects.filter(pk=lease.number, owner=lease.owner, epoch=lease.epoch)
    return rows.exclude(leased_until=None)
