"""What a person may do to a job, as actions: each is allowed or refused, and on the record."""

from eventstore.actions.action import Action, Undo, register
from eventstore.actions.resource import Resource
from eventstore.jobs.job import Job

JOB = "job"
"""The kind of resource that a job is."""

PAUSE_JOB = register(
    Action(
        name="pause_job",
        acts_on=frozenset({JOB}),
        title="Pause job",
        doing="is being paused",
        undo=Undo(possible=True, how="Resume the job. It continues where it was."),
    )
)
RESUME_JOB = register(
    Action(
        name="resume_job",
        acts_on=frozenset({JOB}),
        title="Resume job",
        doing="is being resumed",
        undo=Undo(possible=True, how="Pause or cancel the job. What it has done meanwhile stays done."),
    )
)
CANCEL_JOB = register(
    Action(
        name="cancel_job",
        acts_on=frozenset({JOB}),
        title="Cancel job",
        doing="is being cancelled",
        undo=Undo(possible=False, how="A cancelled job cannot be resumed. What it has done stays done."),
    )
)
APPROVE_JOB = register(
    Action(
        name="approve_job",
        acts_on=frozenset({JOB}),
        title="Approve job",
        doing="is being approved",
        undo=Undo(possible=True, how="Cancel the job. What it has done meanwhile stays done."),
    )
)

THROTTLE_JOB = register(
    Action(
        name="throttle_job",
        acts_on=frozenset({JOB}),
        title="Change a job's speed",
        doing="is being given another speed",
        undo=Undo(possible=True, how="Set the speed that it had before. What it has done meanwhile stays done."),
    )
)


def job_resource(job: Job) -> Resource:
    """The job as what is acted on. It keeps the names of what the job itself acts on, so that the record of a topic or
    subscription finds it."""
    of = job.resource
    return Resource(
        kind=JOB,
        topic=of.topic,
        subscription=of.subscription,
        aggregate_type=of.aggregate_type,
        aggregate_id=of.aggregate_id,
        name=job.id,
    )
