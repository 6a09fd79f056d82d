"""The worker's half of a job's life: it takes one, renews its lease, and gives it back or ends it, under its epoch.

A lease is a row's ``owner`` and ``leased_until``. Each taking increments ``epoch``, and every later statement names it. So a
worker that was paused until its lease had passed to another one changes nothing: it is told that it has lost the job. Times
are the database's. Each step is one statement, or one transaction without a call of anything else in it.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Coalesce, Now

from eventstore.actions.outcome import Ending
from eventstore.index.indexer.lease_owner import is_dead
from eventstore.jobs import history
from eventstore.jobs.history import TurnKind
from eventstore.jobs.job import Job, Progress, State, Wish
from eventstore.jobs.models import JobRow, JobShareRow, JobWorkerRow
from eventstore.jobs.rows import RELEASED, cancelled, ended, facts_json, job_of, noted, storable

LEASE = timedelta(seconds=60)
"""Longer than a single call of a store takes. A worker that is known to be gone is replaced at once, whatever is left."""
MOST_DEATHS = 5
"""Takings in a row without a sign of progress, after which a job counts as one that kills its workers."""
LONGEST_PAUSE = 60
"""Seconds between two tries at most, while a store cannot be reached."""


RESTING = "resting"
"""The owner of a job that no worker has, because its run waits for something else. It is taken again at ``leased_until``."""


class JobLost(Exception):
    """Another worker has the job, or may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    number: int
    owner: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    job: Job
    lease: Lease
    killed: bool
    """Whether it has ended so many workers that it must not be run again."""
    tidy: bool
    """Whether its runs before have left nothing half done, as far as they said."""
    rested: bool = False
    """Whether its run before has left its worker by itself (``rest``)."""


class Told(NamedTuple):
    """What people want of a job now: its wish, and how many events a second it may handle."""

    wish: Wish
    throttle: float | None


def is_anything_running() -> bool:
    return JobRow.objects.filter(state=State.RUNNING).exists()


def is_anything_due_without_a_commit() -> bool:
    """Whether there is a job that may become due by itself: its time comes, or its worker dies."""
    return JobRow.objects.filter(state__in=(State.QUEUED, State.RUNNING)).exists()


def take(owner: str, kinds: Collection[str]) -> Taken | None:
    """Lease the oldest job of these kinds that waits for a worker, or whose worker is gone. Those that rest come last, however
    old they are, unless somebody wants something of them: they wait for something else, and looking for it can wait too."""
    due = _due(owner) & Q(kind__in=sorted(kinds))
    rests_last = Case(When(owner=RESTING, wish=Wish.NONE, then=1), default=0)
    number = JobRow.objects.filter(due).order_by(rests_last, "number").values_list("number", flat=True).first()
    if number is None:
        return None
    with transaction.atomic():
        row = JobRow.objects.select_for_update(skip_locked=True).filter(due).order_by(rests_last, "number").first()
        if row is None:  # another worker was quicker
            return None
        tidy, rested = row.tidy, row.owner == RESTING
        _note_taking(row, owner)
        told = {"state": State.RUNNING, "owner": owner, "not_before": None, "tidy": False, "rate": None}
        counted = {"epoch": F("epoch") + 1, "deaths": F("deaths") + 1}
        timed = {"leased_until": Now() + LEASE, "seen": Now(), "started": Coalesce("started", Now())}
        JobRow.objects.filter(pk=row.pk).update(**told, **counted, **timed)
        for name, value in told.items():
            setattr(row, name, value)
        row.refresh_from_db(fields=[*counted, *timed])
    lease = Lease(number=row.pk, owner=owner, epoch=row.epoch)
    return Taken(job=job_of(row), lease=lease, killed=row.deaths > MOST_DEATHS, tidy=tidy, rested=rested)


def _note_taking(row: JobRow, owner: str) -> None:
    """A run that rests goes on where it was, and one that is tried again was noted as that."""
    if row.owner not in ("", RESTING, owner):
        history.note(row.pk, TurnKind.TAKEN_OVER)
    elif row.epoch and not row.owner and not row.tries:
        history.note(row.pk, TurnKind.TAKEN_UP)


def _due(owner: str) -> Q:
    """A worker that takes has no job, so one that is its own was lost on the way (its database was away). A job that rests is
    due before its time where somebody wants something of it."""
    owners = JobRow.objects.filter(state=State.RUNNING).values_list("owner", flat=True)
    called = Q(owner=RESTING) & ~Q(wish=Wish.NONE)
    return Q(state=State.QUEUED) & IN_TIME | Q(state=State.RUNNING) & (is_left(owner, owners) | called)


IN_TIME = Q(not_before=None) | Q(not_before__lte=Now())
"""What does not wait for its next try."""


def is_left(owner: str, owners: Iterable[str]) -> Q:
    """What nobody has any more, of jobs or of shares: its lease has passed, or it is one of those ``owners`` that are gone.
    ``owner`` is whoever takes."""
    gone = [owner, *(other for other in set(owners) if is_dead(other))]
    return Q(leased_until__lte=Now()) | Q(owner__in=gone)


def save(lease: Lease, checkpoint: Mapping[str, Any], progress: Progress, rate: float | None) -> Told:
    """Note the progress and renew the lease; return what people want of the job. Raises ``JobLost``."""
    _update(lease, leased_until=Now() + LEASE, seen=Now(), **noted(checkpoint, progress, rate))
    return _told(lease)


def renew(lease: Lease) -> Told:
    """Renew the lease; return what people want of the job. Raises ``JobLost``."""
    _update(lease, leased_until=Now() + LEASE, seen=Now())
    return _told(lease)


def give_back(lease: Lease, *, owes: bool = False) -> State:
    """Nothing is half done, unless a share of it is: cancel, pause or queue the job, as people want now. Returns its state.
    ``owes``: it is not cancelled before it has run once more. Raises ``JobLost``."""
    with transaction.atomic():
        row = _locked(lease)
        tidy = not owes and not JobShareRow.objects.filter(job=row, tidy=False).exists()
        wish = Wish(row.wish)
        if wish is Wish.CANCEL and not owes:
            JobRow.objects.filter(pk=row.pk).update(**cancelled(row, tidy=tidy))
            return State.CANCELLED
        kept = wish if wish is Wish.CANCEL else Wish.NONE
        state = State.PAUSED if wish is Wish.PAUSE else State.QUEUED
        _update(lease, **RELEASED, state=state, wish=kept, deaths=0, tidy=tidy)
        return state


def rest(lease: Lease, seconds: float) -> State:
    """Leave the job to whoever is free in so many seconds. It stays running. Raises ``JobLost``."""
    _update(lease, owner=RESTING, leased_until=Now() + timedelta(seconds=seconds), deaths=0)
    return State.RUNNING


def try_again(lease: Lease, problem: str) -> None:
    """Queue the job for later, since the store could not be reached; the pauses double. Raises ``JobLost``."""
    with transaction.atomic():
        row = _locked(lease)
        paused = row.wish == Wish.PAUSE
        _update(
            lease,
            **RELEASED,
            state=State.PAUSED if paused else State.QUEUED,
            wish=Wish.NONE if paused else row.wish,
            not_before=Now() + timedelta(seconds=min(LONGEST_PAUSE, 2**row.tries)),
            tries=min(row.tries + 1, 10),
            deaths=0,
            problem=storable(problem),
        )
        history.note(row.pk, TurnKind.RETRY, why=problem)


def end(
    lease: Lease,
    state: State,
    ending: Ending,
    *,
    problem: str = "",
    facts: Mapping[str, Any] | None = None,
    tidy: bool = False,
) -> None:
    """End the job. The record does not know it yet. ``tidy``: nothing of it is half done. Raises ``JobLost``."""
    _update(lease, **RELEASED, **ended(state, ending), problem=storable(problem), facts=facts_json(facts or {}), tidy=tidy)


def heartbeat(owner: str, kinds: Collection[str]) -> None:
    """Note that this worker is there."""
    rows = JobWorkerRow.objects
    values = {"kinds": json.dumps(sorted(kinds)), "until": Now() + LEASE}
    if not rows.filter(owner=owner).update(**values):
        rows.bulk_create([JobWorkerRow(owner=owner, **values)])
        rows.filter(until__lte=Now() - 10 * LEASE).delete()


def leave(owner: str) -> None:
    JobWorkerRow.objects.filter(owner=owner).delete()


def _update(lease: Lease, **values: Any) -> None:
    if not _mine(lease).update(**values):
        raise JobLost


def _told(lease: Lease) -> Told:
    wish, throttle = _mine(lease).values_list("wish", "throttle").first() or ("", None)
    return Told(Wish(wish), throttle)


def _locked(lease: Lease) -> JobRow:
    row = _mine(lease).select_for_update().first()
    if row is None:
        raise JobLost
    return row


def _mine(lease: Lease) -> "QuerySet[JobRow]":
    return JobRow.objects.filter(pk=lease.number, owner=lease.owner, epoch=lease.epoch, state=State.RUNNING)
