"""A kind of job: an action whose work is done by a worker, in the background."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, NoReturn, Protocol

from eventstore.actions.action import Action, Aim, P, Plan, action_named
from eventstore.actions.actor import Actor
from eventstore.actions.resource import Resource
from eventstore.config.loading import Config
from eventstore.jobs.job import Job, Progress, Share
from eventstore.model.events import NOTHING
from eventstore.model.storage import Storage


class Interruption(StrEnum):
    PAUSE = "pause"
    """A person paused the job."""
    CANCEL = "cancel"
    """A person cancelled it."""
    STOP = "stop"
    """The worker's process ends. Another worker goes on."""
    LOST = "lost"
    """The lease has passed, so another worker may have the job. Do nothing more."""
    REST = "rest"
    """The run has nothing to do for a while. A worker that is free then goes on."""


class JobInterrupted(Exception):
    """Ends a run before its work is done. A run lets it pass, once nothing is half done. It is no ``EventStoreError``, so that
    nobody takes it for a failure of the store.

    ``owes``: a run sets it where the job must run once more before it is cancelled, to end what it has begun elsewhere.
    """

    def __init__(self, why: Interruption) -> None:
        super().__init__(why.value)
        self.why = why
        self.owes = False


class Worker(Protocol):
    """What a run knows of the worker that runs it: ``Work`` is the real one.

    A run calls ``save`` (or ``note``) again and again, at least every ``LEASE / 3`` seconds, and before each call that changes
    something. A run that fails before its first save counts as one that has changed nothing.
    """

    @property
    def is_due(self) -> bool:
        """Whether the last save is a second old."""
        ...

    @property
    def throttle(self) -> float | None:
        """How many events a second this run may handle now; ``None`` without a limit. People change it while it runs."""
        ...

    @property
    def config(self) -> Config:
        """This installation's configuration."""
        ...

    @property
    def is_asked_to_end(self) -> bool:
        """Whether the next ``save`` will raise, as far as is known: finish what is half done, take up nothing new."""
        ...

    def save(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        """Note how far the job is, and renew its lease, in one step.

        Raises ``JobInterrupted``: after the note if the job is to be paused or cancelled, or the process ends; without a note
        if another worker may have the job (``LOST``).
        """
        ...

    def note(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        """As ``save``, but it raises for ``LOST`` alone: for the last note of a run that is being interrupted."""
        ...

    def throttled(self, amount: int) -> None:
        """Wait until the job may handle this many more by its throttle, and keep the lease meanwhile. Returns early if the job
        is asked to end. Raises ``JobInterrupted`` for ``LOST`` alone."""
        ...

    def rest(self, checkpoint: Mapping[str, Any], progress: Progress, seconds: float) -> NoReturn:
        """As ``save``, and then leave the worker for so many seconds: for a run that waits for something else, such as for
        consumers, and changes nothing more. The job stays running, and counts as alive. The rights of its people are not
        checked again for it. Always raises ``JobInterrupted``."""
        ...

    def run_shares(self, checkpoint: Mapping[str, Any], totals: Mapping[str, int | None]) -> Sequence[Share]:
        """Have the job's shares of these names done by the kind's ``run_share``: by this worker and by others that are free.

        Returns all of them when they are finished, those that were finished before included. The job's progress is their sum.
        Raises as ``save``, ``StoreUnreachable``, or ``StoreRefused`` if a share cannot be done.
        """
        ...


Run = Callable[[Storage, Job, Worker], Mapping[str, Any] | None]
"""Does the job from ``job.checkpoint`` on, and returns facts for the record: names and counts.

It may be killed between any two steps, and is then called again with what was saved last. So it must recognise what it did
after that. It saves its last progress before it returns. A ``StoreUnreachable``, or a database that does not answer, is tried
again later, however often; any other error ends the job as failed.
"""

RunShare = Callable[[Storage, Job, Share, Worker], None]
"""Does one share of the job from ``share.checkpoint`` on, as ``Run`` does a job. Its ``Worker`` saves the share."""


def job_shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whether the job of an act was queued at all before its process ended."""
    from eventstore.jobs.lookup import exists  # this module is imported before there are models

    return {} if exists(str(details.get("job", ""))) else {"job": "was not queued: nothing was done"}


def open_acts() -> Sequence[str]:
    """The acts on the record of all jobs that have not ended, or whose end the record does not know yet. A job that has failed
    and was resumed is among them, though the record has an end of its act."""
    from eventstore.jobs import settling  # as above

    return settling.open_acts()


def nothing_more(job: Job) -> Sequence[Resource]:
    """For a kind whose jobs touch their own resource only."""
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKind(Action):
    """``exclusive``: while a job of this kind has not ended, nothing else acts on its resource, nor on what it ``holds``."""

    run: Run
    holds: Callable[[Job], Sequence[Resource]] = nothing_more
    """What an exclusive job moves or reads beside its own resource, of the kinds that it acts on: acts on that are refused."""
    takes: Callable[[Job], Sequence[Resource]] = nothing_more
    """The types of aggregates whose events it reads or sends, each as a resource: whoever asks for the job, or approves it,
    must have them in their scope. Others may act on them meanwhile."""
    run_share: RunShare | None = None
    """Set if ``run`` calls ``Worker.run_shares``."""
    shows: Callable[[Storage, Resource, Mapping[str, Any]], Mapping[str, Any]] = job_shown


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """What a confirmed plan asks of a job.

    ``arguments`` is JSON, at most 256,000 characters. ``total`` is what ``Progress`` counts up to. ``throttle`` is in events a
    second.
    """

    arguments: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    total: int | None = None
    throttle: float | None = None
    approve_within: timedelta | None = None
    """Somebody else has to approve the plan, within this time; and the job has to begin within this time after that. ``None``
    if nobody has to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """What somebody agrees to: the ``digest`` of the plan that they have looked at, and how to make that plan again."""

    digest: str
    plan_again: Callable[[], Plan]


def nothing_against(plan: Any, actor: Actor) -> None:
    """For a kind of which anybody who may do it may ask for any plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedJobKind(JobKind, Generic[Aim, P]):
    """A kind whose jobs are previewed, and confirmed by their plan's digest. ``plan`` touches nothing."""

    plan: Callable[[Storage, Resource, Aim], P]
    request: Callable[[P], JobRequest]
    check: Callable[[P, Actor], None] = nothing_against
    """Raises ``JobRefused`` if this person may not have a job with this plan now. Called before anything is recorded."""


def touched(job: Job) -> Sequence[Resource]:
    """All that the job acts on: its resource, and what its kind holds beside that."""
    kind = kind_named(job.kind)
    return [job.resource, *(kind.holds(job) if kind else ())]


def taken(job: Job) -> Sequence[Resource]:
    """The types of aggregates that it takes events of, as its kind tells them."""
    kind = kind_named(job.kind)
    return kind.takes(job) if kind else ()


def kind_named(name: str) -> JobKind | None:
    """The registered kind; ``None`` where this version knows none of that name."""
    action = action_named(name)
    return action if isinstance(action, JobKind) else None
