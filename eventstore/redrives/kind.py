"""The kind of job that redrives dead letters."""

from collections.abc import Mapping
from typing import Any

from eventstore.actions import SUBSCRIPTION, Undo, register
from eventstore.jobs import Job, JobRequest, PlannedJobKind, Progress, Worker
from eventstore.model.errors import StoreRefused
from eventstore.model.storage import Storage
from eventstore.redrives.choosing import Aim
from eventstore.redrives.order import Order
from eventstore.redrives.plan import RedrivePlan, plan
from eventstore.redrives.sending import redrive
from eventstore.redrives.state import State

GONE = (
    "Of the letters that were to be sent, {} were no longer there: retention removed them, or somebody cleared the topic. All "
    "others were sent and acknowledged."
)


def run(storage: Storage, job: Job, worker: Worker) -> Mapping[str, Any]:
    """Raises ``StoreRefused`` at the end where letters were gone: a job that has lost some has not succeeded."""
    order, state = Order.of(job.id, job.arguments), State.of(job.checkpoint)
    total = job.progress.total
    facts = redrive(storage, order, state, worker, total=total)
    gone = (total or 0) - state.sent - state.skipped
    if gone > 0:
        worker.note(state.as_json(), Progress(done=state.sent, skipped=state.skipped, failed=gone, total=total))
        raise StoreRefused(GONE.format(f"{gone:,} of {total:,}"))
    return facts


def request(plan: RedrivePlan) -> JobRequest:
    return JobRequest(arguments=plan.order("").as_json(), total=plan.letters)


REDRIVE_LETTERS: PlannedJobKind[Aim, RedrivePlan] = register(
    PlannedJobKind(
        name="redrive_letters",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Redrive dead letters",
        doing="is being redriven",
        undo=Undo(
            possible=False,
            how="What was sent cannot be taken back. The letters stay in their topic until retention removes them.",
        ),
        plan=plan,
        request=request,
        run=run,
    )
)
