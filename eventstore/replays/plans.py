"""The desk's face for planning replays: what one would do, asking for it, and agreeing to what somebody else has asked for."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from eventstore.actions import Actor, Confirmation, Resource, no_limit
from eventstore.jobs import Approval, Job, JobRefused, State
from eventstore.jobs.face import JobFace
from eventstore.projections import Projection, ProjectionFace
from eventstore.replays.kind import REPLAY_EVENTS, Aim, ReplayPlan, resource_of
from eventstore.replays.order import ReplayOrder, Way, What
from eventstore.replays.planning.agreeing import check_said, check_throttle

Until = Mapping[str, Mapping[int, int]]


class ReplayPlanFace:
    """``desk.replay_plans``. Planning raises ``InvalidReplay``, ``UnknownProjection``, ``UnknownTopic``, ``InvalidFilter``."""

    def __init__(
        self,
        *,
        jobs: JobFace,
        projections: ProjectionFace,
        is_external: Callable[[str, str], bool],
        unapproved: Callable[[Actor, str], int | None] = no_limit,
    ) -> None:
        """``is_external``: whether a topic's subscription keeps its positions outside the store. ``unapproved``: as
        ``Safeguards``."""
        self._jobs, self._projections, self._is_external = jobs, projections, is_external
        self._unapproved = unapproved

    def aim(
        self,
        projection: Projection,
        way: Way,
        what: What,
        *,
        until: Until | None = None,
        ticket: str = "",
        canary_of: str = "",
        left_out: tuple[str, str] = ("", ""),
        only: tuple[str, str] = ("", ""),
    ) -> Aim:
        """What is asked for. ``until``: the ends that an earlier plan of the same has frozen (``ReplayPlan.until``). ``only``:
        try this aggregate first; ``rest_of`` is then the rest of the same plan."""
        return Aim(
            projections=self._projections,
            is_external=self._is_external,
            projection=projection,
            way=way,
            what=what,
            until=until,
            ticket=ticket,
            canary_of=canary_of,
            left_out=left_out,
            only=only,
        )

    def resource(self, projection: Projection) -> Resource:
        """What a replay to this projection acts on."""
        return resource_of(self._projections, projection)

    def plan(self, aim: Aim, actor: Actor | None = None) -> ReplayPlan:
        """What it would do if this person asked for it. Nothing is touched, and nothing recorded."""
        return self._jobs.plan(REPLAY_EVENTS, self.resource(aim.projection), self._asked_by(aim, actor))

    def _asked_by(self, aim: Aim, actor: Actor | None) -> Aim:
        return aim if actor is None else replace(aim, unapproved=self._unapproved(actor, REPLAY_EVENTS.name))

    def confirm(
        self,
        actor: Actor,
        aim: Aim,
        *,
        confirmation: Confirmation,
        reason: str,
        throttle: float | None = None,
        read: Collection[str] = (),
    ) -> Job:
        """Queue it as planned and confirmed, or have it wait for a second person. ``aim.until`` is the plan's. ``read``: the
        codes of the hazards that this person has read. Raises as ``JobFace.confirm``, ``JobRefused`` without a reason or a
        ticket, or for a speed where the way has none, and ``UnreadHazards`` for grave ones that are not among ``read``."""
        check_said(reason, aim.ticket)
        check_throttle(aim.way, throttle)
        resource, aim = self.resource(aim.projection), replace(self._asked_by(aim, actor), read=frozenset(read))
        return self._jobs.confirm(
            actor, REPLAY_EVENTS, resource, aim, confirmation=confirmation, reason=reason, throttle=throttle
        )

    def aim_of(self, job: Job) -> Aim:
        """What this job was asked for, to plan it again. ``JobRefused`` for another kind of job."""
        if job.kind != REPLAY_EVENTS.name:
            raise JobRefused("This job is no replay.")
        order = ReplayOrder.of(job.arguments)
        return Aim(
            projections=self._projections,
            is_external=self._is_external,
            projection=self._projections.get(order.projection),
            way=order.way,
            what=order.what,
            until=order.until,
            ticket=order.ticket,
            job=job.id,
            canary_of=order.canary_of,
            left_out=order.left_out,
            only=order.only,
        )

    def rest_of(self, job: Job, *, ticket: str = "") -> Aim:
        """What the plan takes beside the aggregate that this job has tried first, up to the same ends. ``JobRefused`` if the
        job tried none, or has not succeeded."""
        aim = self.aim_of(job)
        if aim.only == ("", "") or job.state is not State.SUCCEEDED:
            raise JobRefused("The rest can be replayed once a replay of one aggregate of it has succeeded. This one is none.")
        return replace(aim, job="", canary_of=job.id, left_out=aim.only, only=("", ""), ticket=ticket)

    def plan_of(self, job: Job) -> ReplayPlan:
        """The job's plan, made again as things are now."""
        return self.plan(self.aim_of(job))

    def approve(self, actor: Actor, id: str, *, digest: str, reason: str = "", since: int | None = None) -> Job:
        """Agree to the plan with this digest, which the job must have. Raises as ``JobFace.approve``."""
        job = self._jobs.get(id)
        approval = Approval(digest=digest, plan_again=lambda: self.plan_of(job))
        return self._jobs.approve(actor, id, reason=reason, since=since, approval=approval)
