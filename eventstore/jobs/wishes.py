"""A person's half of a job's life: pause, resume, cancel, approve, change the speed.

Each changes the row at once if no worker has the job, and otherwise leaves a wish that its run finds at the next save. Each is
one transaction, and raises ``JobRefused``, with nothing changed, where the job is in no state for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from eventstore.index.indexer.lease_owner import is_dead
from eventstore.jobs.job import Job, JobRefused, State, UnknownJob, Wish
from eventstore.jobs.kind import kind_named
from eventstore.jobs.lookup import rows_of
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import cancelled, checked_throttle, job_of, storable, wake
from eventstore.model.errors import ResourceBusy

Change = Callable[[JobRow, str], Mapping[str, Any]]
"""The columns that change, of a row that is locked, by the wish of the person of this name; or ``JobRefused``."""


def pause(row: JobRow, by: str) -> Mapping[str, Any]:
    if row.wish == Wish.CANCEL:
        raise JobRefused(f"It is being cancelled by {row.stopped_by}.")
    if row.state == State.QUEUED:
        return {"state": State.PAUSED, "stopped_by": by}
    if row.state == State.RUNNING and row.wish == Wish.NONE:
        return {"wish": Wish.PAUSE, "stopped_by": by}
    raise JobRefused(f"It is {_now(row)}, so it cannot be paused.")


def resume(row: JobRow, by: str) -> Mapping[str, Any]:
    if row.state == State.RUNNING and row.wish == Wish.PAUSE:
        return {"wish": Wish.NONE, "stopped_by": ""}
    if row.state == State.PAUSED:
        return {"state": State.QUEUED, "stopped_by": "", "not_before": None}
    if row.state == State.QUEUED and row.not_before is not None:
        return {"not_before": None}
    if row.state == State.FAILED:
        raise JobRefused("It has failed meanwhile. Look at its error, then resume it.")
    raise JobRefused(f"It is {_now(row)}, so it cannot be resumed.")


def resume_failed(row: JobRow, by: str) -> Mapping[str, Any]:
    """For a caller that holds the lock of the job's resource, which nothing has kept since the job failed."""
    if row.state != State.FAILED:
        raise JobRefused(f"It is {_now(row)}: someone has resumed it already.")
    if not row.recorded:
        raise JobRefused("Its failure is not on the record yet. Try again in a moment.")
    again = {"state": State.QUEUED, "ended": None, "ending": "", "problem": "", "facts": "{}"}
    return {**again, "busy": row.resource_key if is_exclusive(row.kind) else None, "deaths": 0, "tries": 0}


def cancel(row: JobRow, by: str) -> Mapping[str, Any]:
    if row.wish == Wish.CANCEL or State(row.state).has_ended:
        raise JobRefused(f"It is {_now(row)}, so it cannot be cancelled.")
    row.stopped_by = by
    if row.state != State.RUNNING and row.tidy:
        return {**cancelled(row, tidy=True), "stopped_by": by}
    if kind_named(row.kind) is None and _is_free(row):  # nobody here could bring it to a good end
        return {**cancelled(row, tidy=False), "stopped_by": by}
    state = State.QUEUED if row.state == State.PAUSED else State(row.state)
    return {"wish": Wish.CANCEL, "stopped_by": by, "state": state, "not_before": None}


def approve(row: JobRow, by: str, *, via: str = "") -> Mapping[str, Any]:
    """From now on it has as long to begin as it had to be approved."""
    if row.state != State.WAITING:
        raise JobRefused(f"It is {_now(row)}: nothing is to be approved.")
    if row.asker == by:
        raise JobRefused("You asked for it yourself. Another person has to approve it.")
    if row.approve_by is not None and row.approve_by <= timezone.now():
        raise JobRefused("The time in which it could be approved is over. Its plan has to be made and confirmed again.")
    begins_by = None if row.approve_by is None else Now() + (row.approve_by - row.asked)
    return {"state": State.QUEUED, "approver": by, "approver_via": via, "approved": Now(), "approve_by": begins_by}


def lapse() -> int:
    """End the jobs that nobody has approved in time; return how many these were."""
    late = JobRow.objects.filter(state=State.WAITING, approve_by__lte=Now())
    return sum(_lapsed(row) for row in list(late))


def _lapsed(row: JobRow) -> bool:
    columns = {**cancelled(row, tidy=True), "problem": "It was not approved in time. Nothing was done."}
    return JobRow.objects.filter(pk=row.pk, state=State.WAITING).update(**columns) == 1


def throttle(per_second: float | None) -> Change:
    """Return the change to so many events a second; ``None`` takes the limit away. ``ValueError`` for what is no speed."""
    wanted = checked_throttle(per_second)

    def change(row: JobRow, by: str) -> Mapping[str, Any]:
        if State(row.state).has_ended or row.wish == Wish.CANCEL:
            raise JobRefused(f"It is {_now(row)}, so its speed cannot be changed.")
        return {"throttle": wanted}

    return change


def check(id: str, change: Change, by: str) -> Job:
    """The job, if the change could be made now. Raises ``UnknownJob`` or ``JobRefused``."""
    row = rows_of(id).first()
    if row is None:
        raise UnknownJob("There is no job of this id.")
    change(row, storable(by))
    return job_of(row)


def apply(id: str, change: Change, by: str) -> Job:
    """Make the change; return the job as it is then. Raises ``ResourceBusy`` where another job has the resource now."""
    try:
        with transaction.atomic():
            row = rows_of(id).select_for_update().first()
            if row is None:
                raise UnknownJob("There is no job of this id.")
            JobRow.objects.filter(pk=row.pk).update(**change(row, storable(by)))
            wake()
            row.refresh_from_db()
    except IntegrityError as error:
        raise ResourceBusy("Another job on the same resource has not ended. Wait for it, or cancel it.") from error
    return job_of(row)


def _now(row: JobRow) -> str:
    being = {Wish.PAUSE: "being paused", Wish.CANCEL: "being cancelled"}
    words = being.get(Wish(row.wish), row.state)
    return f"{words} by {row.stopped_by}" if row.stopped_by and row.state != State.FAILED else words


def is_exclusive(name: str) -> bool:
    """Whether jobs of this kind are; of those that this version does not know, all."""
    kind = kind_named(name)
    return kind is None or kind.exclusive


def _is_free(row: JobRow) -> bool:
    if row.state != State.RUNNING or is_dead(row.owner):
        return True
    return JobRow.objects.filter(pk=row.pk, leased_until__lte=Now()).exists()
