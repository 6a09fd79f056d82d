"""The hooks around a replay: its projection's service is told before the replay begins, and of each end that it comes to."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eventstore.jobs import Interruption, Job, JobInterrupted, State, Worker, lookup
from eventstore.jobs.running.errors import may_pass
from eventstore.jobs.running.queue import JobLost
from eventstore.projections import HookFailed, Projection, ProjectionFace, When
from eventstore.replays.order import ReplayOrder

log = logging.getLogger(__name__)
TOLD = "told_end"
"""The key of the job's checkpoint that says that the service knows of a failure. If it is resumed, it begins anew for it."""
Do = Callable[[Job], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What the hooks of one run are called with."""

    projections: ProjectionFace
    projection: Projection
    order: ReplayOrder
    job: Job
    worker: Worker

    def call(self, when: When, **more: Any) -> None:
        order, job = self.order, self.job
        told = {"job": job.id, "way": order.way.value, "events": order.events, "ticket": order.ticket, "asker": job.asker.name}
        self.projections.call_hook(self.projection, when, {**told, **more})


def with_hooks(around: Around, do: Do) -> Mapping[str, Any]:
    """Call ``before`` unless the replay has begun, then ``do``, and ``after`` when it has ended; return facts for the record.

    A run that is paused owes the call of ``after``: the job runs once more if it is cancelled then. Raises ``HookFailed``
    where ``before`` is refused, and whatever ``do`` raises.
    """
    job, ends = around.job, bool(around.projection.hooks.after)
    begun = bool(job.checkpoint) and TOLD not in job.checkpoint
    called = begun or job.epoch > 1
    try:
        if not begun:
            if around.worker.is_asked_to_end:
                around.worker.save(job.checkpoint, job.progress)
            around.call(When.BEFORE)
            called = True
        facts = do(replace(job, checkpoint={name: noted for name, noted in job.checkpoint.items() if name != TOLD}))
    except JobInterrupted as interrupted:
        if called and ends and interrupted.why is Interruption.CANCEL:
            _tell(around, State.CANCELLED, {})
        interrupted.owes = called and ends and interrupted.why in (Interruption.PAUSE, Interruption.STOP)
        raise
    except Exception as error:
        if called and ends and not isinstance(error, JobLost) and not may_pass(error):
            _tell(around, State.FAILED, {})
            _note_told(around)
        raise
    return {**facts, **_tell(around, _ended(job), facts)} if ends else facts


def _tell(around: Around, state: State, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call the hook after the replay. It cannot undo what was done, so its failure is a fact and not the job's end."""
    try:
        around.call(When.AFTER, state=state.value, facts=dict(facts))
    except HookFailed as failed:
        log.warning("After the replay %s (%s): %s", around.job.id, state, failed)
        return {"hook_after": str(failed)}
    return {}


def _ended(job: Job) -> State:
    return State.FAILED if lookup.get(job.id).progress.failed else State.SUCCEEDED


def _note_told(around: Around) -> None:
    now = lookup.get(around.job.id)
    if now.checkpoint:
        around.worker.note({**now.checkpoint, TOLD: True}, now.progress)
