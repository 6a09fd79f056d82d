"""What a person may do to a job as it is now."""

from dashboard.access import policy
from dashboard.models import Person
from eventstore.jobs import APPROVE_JOB, CANCEL_JOB, PAUSE_JOB, RESUME_JOB, THROTTLE_JOB, Job, State, Wish

Acting = dict[str, bool]


def acting(person: Person, job: Job) -> Acting:
    """Whether they may ``pause``, ``resume``, ``cancel``, ``throttle`` and ``approve`` it."""
    cancelling = job.wish is Wish.CANCEL
    possible = {
        PAUSE_JOB.name: job.state is State.QUEUED or (job.state is State.RUNNING and job.wish is Wish.NONE),
        RESUME_JOB.name: job.state in (State.PAUSED, State.FAILED)
        or job.wish is Wish.PAUSE
        or (job.state is State.QUEUED and job.not_before is not None),
        CANCEL_JOB.name: not job.state.has_ended,
        THROTTLE_JOB.name: not job.state.has_ended,
        APPROVE_JOB.name: job.state is State.WAITING and job.asker.name != person.username,
    }
    return {
        action.removesuffix("_job"): can and not cancelling and policy.allows(person, action)
        for action, can in possible.items()
    }
