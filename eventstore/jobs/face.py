"""The desk's face for jobs: asking for one, looking at them, what a person may do to one, and running them."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

from eventstore.actions.action import Action, Aim, P
from eventstore.actions.actor import Actor
from eventstore.actions.perform import Confirmation, Safeguards, perform
from eventstore.actions.resource import Resource
from eventstore.config.loading import Config
from eventstore.jobs import asking, lookup, wishes
from eventstore.jobs.guarding import guarded
from eventstore.jobs.history import Turn, turns_of
from eventstore.jobs.job import Job, JobRefused, Share, State
from eventstore.jobs.kind import Approval, JobKind, JobRequest, PlannedJobKind, Run, touched
from eventstore.jobs.person_actions import APPROVE_JOB, CANCEL_JOB, PAUSE_JOB, RESUME_JOB, THROTTLE_JOB, job_resource
from eventstore.jobs.running import shares
from eventstore.jobs.running.worker import Runner, run_until_idle, run_until_stopped
from eventstore.jobs.settling import open_acts, settle
from eventstore.model.errors import StalePlan
from eventstore.model.events import NOTHING
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)
NO_RUNS: Mapping[str, Run] = MappingProxyType({})


class JobFace:
    """``desk.jobs``."""

    def __init__(
        self, *, storage: Storage, safeguards: Safeguards, config: Config | None = None, runs: Mapping[str, Run] = NO_RUNS
    ) -> None:
        """``config`` is what runs of jobs see of this installation's configuration; the defaults without one. ``runs``: what
        to run instead of a kind's own ``run``, by its name."""
        self._storage, self._safeguards, self._runs = storage, guarded(safeguards), runs
        self._config = config or Config()

    def plan(self, kind: PlannedJobKind[Aim, P], resource: Resource, aim: Aim) -> P:
        """What the job would do. Nothing is touched, and nothing recorded."""
        return kind.plan(self._storage, resource, aim)

    def confirm(
        self,
        actor: Actor,
        kind: PlannedJobKind[Aim, P],
        resource: Resource,
        aim: Aim,
        *,
        confirmation: Confirmation,
        reason: str,
        throttle: float | None = None,
    ) -> Job:
        """Queue what was planned and confirmed; it waits for approval if the plan says that somebody else has to agree.

        Raises ``StalePlan`` where that is no longer what would happen, ``NotAllowed``, ``ResourceBusy``, or ``JobRefused``
        where the kind has something against it (``PlannedJobKind.check``), all before anything is recorded. ``throttle``: as
        ``enqueue``; else what the plan asks for.
        """
        return asking.confirm(
            self._safeguards,
            self._storage,
            actor,
            kind,
            resource,
            aim,
            confirmation=confirmation,
            reason=reason,
            throttle=throttle,
        )

    def enqueue(
        self,
        kind: JobKind,
        resource: Resource,
        arguments: Mapping[str, Any],
        *,
        actor: Actor,
        reason: str,
        total: int | None = None,
        throttle: float | None = None,
        details: Mapping[str, Any] = NOTHING,
        approval: bool = False,
    ) -> Job:
        """Queue a job that needs no plan. ``throttle`` is in events a second. ``details`` are names and counts for the record.

        With ``approval`` it waits until somebody else has approved it. Raises ``NotAllowed`` or ``ResourceBusy``.
        """
        request = JobRequest(arguments=arguments, total=total, throttle=throttle)
        return asking.enqueue(
            self._safeguards, actor, kind, resource, request, reason=reason, details=details, approval=approval
        )

    # -- looking

    def get(self, id: str) -> Job:
        """The job of this id. Raises ``UnknownJob``."""
        return lookup.get(id)

    def newest(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        states: Collection[State] = (),
        kind: str = "",
        on: Resource | Collection[Resource] | None = None,
    ) -> Sequence[Job]:
        """At most ``limit`` jobs, newest first, with a number below ``before``; an empty filter takes all.
        ``on``: acting on this, or on one of these."""
        return lookup.newest(limit=limit, before=before, states=states, kind=kind, on=on)

    def open_on(self, resource: Resource) -> Job | None:
        """The exclusive job on this resource that has not ended."""
        return lookup.open_on(resource)

    counts = staticmethod(lookup.counts)

    def workers(self, kind: str = "") -> int:
        """How many workers are running that know this kind, or any."""
        return lookup.workers(kind)

    def open_acts(self) -> Collection[str]:
        """The acts on the record that belong to jobs under way: their processes may be gone, and they are not left open."""
        return open_acts()

    def shares(self, job: Job) -> Sequence[Share]:
        """The parts of the job that workers take, in order; none before it has begun, and of a kind that has none."""
        return shares.of_job(job.number)

    def touched(self, job: Job) -> Sequence[Resource]:
        """All that the job acts on."""
        return touched(job)

    def turns(self, job: Job) -> Sequence[Turn]:
        """What it went through by itself, oldest first: tries that come again, and changes of its worker."""
        return turns_of(job.number)

    # -- acting

    def newest_act(self, job: Job) -> int:
        """The number of the newest act on this job: what ``since`` is compared with."""
        return self._safeguards.record.newest(job_resource(job))

    def pause(self, actor: Actor, id: str, *, reason: str = "", since: int | None = None) -> Job:
        """Pause it: at once if it is queued, else at its run's next save. Raises ``JobRefused``, ``NotAllowed``.

        ``since``: the ``newest_act`` at which the person looked. If the job was acted on since, this is refused.
        """
        return self._act(actor, PAUSE_JOB, wishes.pause, id, reason, since)

    def resume(self, actor: Actor, id: str, *, reason: str = "", since: int | None = None, failed: bool | None = None) -> Job:
        """Queue a paused or failed job again, or try one now that waits for its next try. Raises as ``pause``.

        ``failed``: whether the person saw a failed job; ``None`` takes it as it is. A failed one is resumed under the lock of
        what it acts on, and raises ``ResourceBusy`` where something else acts on that.
        """
        settle(self._safeguards.record)
        job = lookup.get(id)
        if not (job.state is State.FAILED if failed is None else failed):
            return self._act(actor, RESUME_JOB, wishes.resume, id, reason, since)
        with self._kept_from_others(actor, job):
            return self._act(actor, RESUME_JOB, wishes.resume_failed, id, reason, since)

    def cancel(self, actor: Actor, id: str, *, reason: str = "") -> Job:
        """End it: at once if nothing of it is half done, else as soon as its run has seen to that. Raises as ``pause``."""
        return self._act(actor, CANCEL_JOB, wishes.cancel, id, reason)

    def approve(
        self, actor: Actor, id: str, *, reason: str = "", since: int | None = None, approval: Approval | None = None
    ) -> Job:
        """Queue a job that waits for approval. Raises as ``pause``, also where the actor asked for it themselves.

        ``approval``: the plan that is agreed to, which a job with a plan needs. Raises ``JobRefused`` if it is of another
        plan, and ``StalePlan`` if the plan is no longer what would happen.
        """
        wishes.lapse()
        change = partial(wishes.approve, via=actor.via)
        return self._act(actor, APPROVE_JOB, change, id, reason, since, check=lambda job: _agreed(job, approval))

    def throttle(self, actor: Actor, id: str, per_second: float | None, *, reason: str = "", since: int | None = None) -> Job:
        """Let it handle so many events a second from now on, its workers together; ``None``: as many as they can. A run
        follows at its next save. Raises as ``pause``, and ``ValueError`` for what is no speed."""
        change = wishes.throttle(per_second)
        speed = {"before": lookup.get(id).throttle, "per_second": per_second}
        return self._act(actor, THROTTLE_JOB, change, id, reason, since, speed)

    def _act(
        self,
        actor: Actor,
        action: Action,
        change: wishes.Change,
        id: str,
        reason: str,
        since: int | None = None,
        more: Mapping[str, Any] = NOTHING,
        *,
        check: Callable[[Job], object] = lambda job: None,
    ) -> Job:
        """What can be seen to be refused is refused before the record is written."""
        job = wishes.check(id, change, actor.name)
        details = {"job": job.id, "kind": job.kind, **more, **({"reason": reason} if reason else {})}

        def check_now() -> None:
            check(job)
            if since is not None and self._safeguards.record.acted_since(job_resource(job), since):
                raise JobRefused("Someone has acted on it since you looked. This is how it is now.")

        with perform(self._safeguards, actor, action, job_resource(job), details, check=check_now) as act:
            act.renew()
            changed = wishes.apply(id, change, actor.name)
            act.facts |= {"state": changed.state.value}
        if changed.state.has_ended:
            settle(self._safeguards.record)
        return changed

    @contextmanager
    def _kept_from_others(self, actor: Actor, job: Job) -> Iterator[None]:
        """Under the lock of what the job acts on, if its kind is exclusive."""
        if not wishes.is_exclusive(job.kind):
            yield
            return
        lease = self._safeguards.locks.acquire(job.resource, actor, "has a job that is being resumed")
        try:
            yield
        finally:
            lease.release()

    # -- running

    def run(self, stop: threading.Event, on_job: Callable[[str], object] | None = None) -> None:
        """Be a worker until ``stop`` is set. A job that is running then is given back at its next save."""
        run_until_stopped(self._runner(stop, on_job))

    def run_until_idle(self, stop: threading.Event | None = None, on_job: Callable[[str], object] | None = None) -> int:
        """Run every job that is due; return how many runs that took."""
        return run_until_idle(self._runner(stop or threading.Event(), on_job))

    def _runner(self, stop: threading.Event, on_job: Callable[[str], object] | None) -> Runner:
        say = on_job or log.info
        return Runner(
            storage=self._storage,
            safeguards=self._safeguards,
            stop=stop,
            config=self._config,
            runs=self._runs,
            on_job=say,
        )


def _agreed(job: Job, approval: Approval | None) -> None:
    """Raise if a job that has a plan is approved without that plan, or with another, or if it is not what would happen now."""
    if not job.digest:
        return
    if approval is None:
        raise JobRefused("Its plan has to be looked at first. Approve it on the page that shows the plan.")
    if approval.digest != job.digest:
        raise JobRefused("That is not the plan of this job. Look at its plan, and approve that.")
    if not approval.plan_again().confirmed_by(job.digest):
        raise StalePlan("It has changed since it was asked for. Nothing was approved: cancel it, and make a new plan.")
