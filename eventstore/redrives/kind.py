"""The kind of job that redrives dead letters."""

from collections.abc import Mapping
from typing import Any

from eventstore.actions import SUBSCRIPTION, Undo, register
from eventstore.jobs import Job, JobRequest, PlannedJobKind, Worker
from eventstore.model.storage import Storage
from eventstore.redrives.choosing import Aim
from eventstore.redrives.order import Order
from eventstore.redrives.plan import RedrivePlan, plan
from eventstore.redrives.sending import redrive
from eventstore.redrives.state import State


def run(storage: Storage, job: Job, worker: Worker) -> Mapping[str, Any]:
    order, state = Order.of(job.id, job.arguments), State.of(job.checkpoint)
    return redrive(storage, order, state, worker, total=job.progress.total, throttle=job.throttle)


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
