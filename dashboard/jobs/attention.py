"""The jobs that need somebody's attention: for the overview."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboard.gateway import desk
from dashboard.jobs.words import JobLine, job_line
from eventstore.jobs import Job, State

LATELY = timedelta(days=7)
"""How long a failed job is listed. The page of jobs lists it always."""
MOST_READ = 50
WAITS_AFTER = timedelta(seconds=30)
"""How long a job may wait for a worker."""


def jobs_to_attend_to(now: datetime, *, named: bool) -> Sequence[JobLine]:
    """Jobs that wait for approval or for a worker, that wait to be retried, that are paused, or that failed within a week, the
    newest first. ``named``: as for ``job_line``."""
    states = (State.WAITING, State.QUEUED, State.PAUSED, State.FAILED)
    found = desk().jobs.newest(limit=MOST_READ, states=states)
    return [job_line(job, now, named=named) for job in found if _needs_attention(job, now)]


def _needs_attention(job: Job, now: datetime) -> bool:
    if job.state is State.FAILED:
        return job.ended is not None and now - job.ended < LATELY
    if job.state is State.QUEUED and job.not_before is None:
        return now - job.asked > WAITS_AFTER and not desk().jobs.workers(job.kind)
    return True
