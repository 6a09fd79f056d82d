"""The kind of job that replays events. Its way says who does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from eventstore.actions import SUBSCRIPTION, Actor, Undo, register
from eventstore.jobs import Job, JobRefused, JobRequest, PlannedJobKind, Worker
from eventstore.local import projection_class
from eventstore.model.errors import NotSupported
from eventstore.model.events import Event, Message
from eventstore.model.storage import Storage
from eventstore.projections import HookFailed, Projection, ProjectionFace, When
from eventstore.replays.holding import held_by
from eventstore.replays.order import ReplayOrder, Way
from eventstore.replays.planning.agreeing import check_limit
from eventstore.replays.planning.aiming import Aim, resource_of
from eventstore.replays.planning.plan import REPLAY, ReplayPlan, plan
from eventstore.replays.sending import replay_by_topic, run_share
from eventstore.replays.watching import is_read_elsewhere
from eventstore.replays.ways import replay_by_cursor, replay_locally, replay_to_generation


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a replay's run needs of the desk beside its store. ``read`` makes an event of a message, by the mappings.
    ``is_external``: whether a topic's subscription keeps its positions outside the store."""

    projections: ProjectionFace
    read: Callable[[Message], Event]
    is_external: Callable[[str, str], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a replay, as its way gets it."""

    storage: Storage
    means: Means
    projection: Projection
    order: ReplayOrder
    job: Job
    worker: Worker

    @property
    def external(self) -> bool:
        return is_read_elsewhere(self.order, self.means.is_external)


def _by_cursor(run: Run) -> Mapping[str, Any]:
    return replay_by_cursor(run.storage, run.order, run.job.id, run.job.checkpoint, run.worker, external=run.external)


def _to_generation(run: Run) -> Mapping[str, Any]:
    topics = [topic.name for topic in run.means.projections.topics(run.projection)]
    return replay_to_generation(
        run.storage, run.order, topics, run.job.id, run.job.checkpoint, run.worker, external=run.external
    )


def _locally(run: Run) -> Mapping[str, Any]:
    kind = projection_class(run.projection.local)
    return replay_locally(run.storage, run.order, run.job.id, run.worker, kind, run.means.read)


def _by_copies(run: Run) -> Mapping[str, Any]:
    return replay_by_topic(run.storage, run.order, run.job.id, run.job.checkpoint, run.worker, external=run.external)


WAYS: Mapping[Way, Callable[[Run], Mapping[str, Any]]] = {
    Way.CURSOR: _by_cursor,
    Way.GENERATION: _to_generation,
    Way.TOPIC: _by_copies,
    Way.LOCAL: _locally,
}
"""Who does a replay. Each goes on from the job's checkpoint, and returns facts for the record."""


def run_with(means: Means) -> Callable[[Storage, Job, Worker], Mapping[str, Any]]:
    """Return the kind's ``run``, with what it needs of the desk."""

    def run(storage: Storage, job: Job, worker: Worker) -> Mapping[str, Any]:
        order = ReplayOrder.of(job.arguments)
        projection = means.projections.get(order.projection)
        told = {"job": job.id, "way": order.way.value, "events": order.events, "ticket": order.ticket, "asker": job.asker.name}
        if not job.checkpoint:
            if worker.is_asked_to_end:
                worker.save(job.checkpoint, job.progress)
            means.projections.call_hook(projection, When.BEFORE, told)
        one = Run(storage=storage, means=means, projection=projection, order=order, job=job, worker=worker)
        facts = WAYS[order.way](one)
        return {**facts, **_told_after(means, projection, {**told, "facts": dict(facts)})}

    return run


def _told_after(means: Means, projection: Projection, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call the hook after the replay. It cannot undo what was done, so its failure is a fact and not the job's end."""
    try:
        means.projections.call_hook(projection, When.AFTER, told)
    except HookFailed as failed:
        return {"hook_after": str(failed)}
    return {}


def without_desk(storage: Storage, job: Job, worker: Worker) -> Mapping[str, Any]:
    """A desk runs it with ``run_with``."""
    raise NotSupported("A replay needs the projections of this installation. Run it with the command run_jobs.")


def request(plan: ReplayPlan) -> JobRequest:
    hours = plan.limits.approval_hours
    return JobRequest(
        arguments=plan.order().as_json(),
        total=plan.events,
        approve_within=timedelta(hours=hours) if plan.approval else None,
    )


def check(plan: ReplayPlan, actor: Actor) -> None:
    """Raise ``JobRefused`` for a plan that takes nothing, that something stops, or that is too much for one person."""
    if plan.stops is not None:
        raise JobRefused(plan.stops.text)
    if not plan.choice.topics or plan.events == 0:
        raise JobRefused("There is no event to replay. Choose others.")
    events = plan.looked_at if plan.events is None else plan.events
    check_limit(actor, REPLAY, plan.resource, events, plan.limits.events_a_day)


REPLAY_EVENTS: PlannedJobKind[Aim, ReplayPlan] = register(
    PlannedJobKind(
        name=REPLAY,
        acts_on=frozenset({SUBSCRIPTION}),
        title="Replay events",
        doing="is being given events again",
        undo=Undo(
            possible=False,
            how="What the projection was given again cannot be taken back. The job can be paused and cancelled.",
        ),
        plan=plan,
        request=request,
        check=check,
        run=without_desk,
        run_share=run_share,
        holds=held_by,
    )
)

__all__ = ["REPLAY_EVENTS", "WAYS", "Aim", "Means", "ReplayPlan", "Run", "resource_of", "run_with"]
