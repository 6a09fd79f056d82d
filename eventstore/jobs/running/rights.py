"""Whether a job may run now: its people's rights are checked again whenever a worker takes it."""

from datetime import UTC

from django.utils import timezone

from eventstore.actions.perform import Safeguards
from eventstore.jobs.job import Job
from eventstore.jobs.kind import taken, touched
from eventstore.jobs.person_actions import APPROVE_JOB, job_resource


def why_not(safeguards: Safeguards, job: Job) -> str:
    """Why it may not run, as a sentence; empty if it may.

    Whoever asked for it must still be allowed to, on all that it acts on, and so must whoever has approved it. A job that has
    begun in the time of its approval goes on after that.
    """
    types = taken(job)
    if not all(safeguards.authorizer(job.asker, job.kind, resource) for resource in (*touched(job), *types)):
        return f"{job.asker.name} may not do this any more ({job.kind})."
    if job.digest and (job.approver is None or job.approver.name == job.asker.name):
        return "It was not approved by another person. Its plan has to be made and confirmed again."
    agreed_to = (job_resource(job), *types)
    if job.approver and not all(safeguards.authorizer(job.approver, APPROVE_JOB.name, each) for each in agreed_to):
        return f"{job.approver.name}, who approved it, may not approve jobs any more. Its plan has to be confirmed again."
    begun = bool(job.checkpoint) or job.progress.handled > 0
    if job.approve_by is not None and not begun and job.approve_by <= timezone.now():
        until = f"{job.approve_by.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"Its approval was good until {until}, and it had not begun by then. Its plan has to be confirmed again."
    return ""
