"""The kind of job that replays events. Its way says who does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from eventstore.actions import SUBSCRIPTION, Actor, Undo, register
from eventstore.jobs import Job, JobRefused, JobRequest, PlannedJobKind, Worker
from eventstore.letters.face import LetterFace
from eventstore.local import projection_class
from eventstore.model.errors import NotSupported
from eventstore.model.events import Event, Message
from eventstore.model.storage import Storage
from eventstore.projections import Projection, ProjectionFace
from eventstore.replays.holding import held_by, types_taken
from eventstore.replays.hooking import Around, with_hooks
from eventstore.replays.order import ReplayOrder, Way
from eventstore.replays.planning.agreeing import check_limit
from eventstore.replays.planning.aiming import Aim, resource_of
from eventstore.replays.planning.plan import REPLAY, ReplayPlan, plan
from eventstore.replays.sending import replay_by_topic, run_share
from eventstore.replays.watching import dead_letters_of, is_read_elsewhere
from eventstore.replays.ways import replay_by_cursor, replay_locally, replay_to_generation


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What a replay's run needs of the desk beside its store. ``read`` makes an event of a message, by the mappings.
    ``is_external``: whether a topic's subscription keeps its positions outside the store."""

    projections: ProjectionFace
    read: Callable[[Message], Event]
    is_external: Callable[[str, str], bool]
    letters: LetterFace


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
    facts = replay_by_topic(run.storage, run.order, run.job.id, run.job.checkpoint, run.worker, external=run.external)
    return {**facts, **_given_up(run)} if "consumed" in facts else facts


def _given_up(run: Run) -> Mapping[str, Any]:
    """The copies that are consumed only because they were given up. The projection lacks them."""
    found = dead_letters_of(run.storage.log, run.means.letters, run.order, run.job)
    if found.cut:
        return {"given_up_at_least": len(found.letters)}
    return {"given_up": len(found.letters)} if found.letters else {}


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
        one = Run(storage=storage, means=means, projection=projection, order=order, job=job, worker=worker)
        around = Around(projections=means.projections, projection=projection, order=order, job=job, worker=worker)
        return with_hooks(around, lambda job: WAYS[order.way](replace(one, job=job)))

    return run


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


class UnreadHazards(JobRefused):
    """Whoever confirms has not said that they have read each grave hazard that there is now."""


def check(plan: ReplayPlan, actor: Actor) -> None:
    """Raise ``JobRefused`` for a plan that takes nothing, that something stops, whose grave hazards nobody has read, or that
    is too much for one person."""
    if plan.stops is not None:
        raise JobRefused(plan.stops.text)
    if not plan.choice.topics or plan.events == 0:
        raise JobRefused("There is no event to replay. Choose others.")
    if plan.unread:
        raise UnreadHazards(f"Read what may go wrong, and say that you have: {' '.join(one.text for one in plan.unread)}")
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
        takes=types_taken,
    )
)

__all__ = ["REPLAY_EVENTS", "WAYS", "Aim", "Means", "ReplayPlan", "Run", "UnreadHazards", "resource_of", "run_with"]
