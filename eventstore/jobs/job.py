"""A job as it is read: what was asked, by whom, and how far it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from eventstore.actions.actor import Actor
from eventstore.actions.outcome import Ending
from eventstore.actions.resource import Resource
from eventstore.model.errors import EventStoreError


class UnknownJob(EventStoreError):
    """There is no job of this id."""


class JobRefused(EventStoreError):
    """The job is in a state in which this cannot be done to it. Nothing was changed."""


class State(StrEnum):
    """A plan is no state: until somebody confirms it, nothing is stored. Only ``TRANSITIONS`` happen."""

    WAITING = "waiting for approval"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It can be resumed: it then goes on where it was."""
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.WAITING: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.QUEUED, State.PAUSED, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.SUCCEEDED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Wish(StrEnum):
    """What a person wants of a job while a worker has it. The run ends itself at its next save."""

    NONE = ""
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Counts of what the job works on (letters, events). ``total`` is ``None`` where it is not known.

    ``done``, ``skipped`` (there was nothing to do) and ``failed`` do not overlap.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    total: int | None = None

    @property
    def handled(self) -> int:
        return self.done + self.skipped + self.failed

    @staticmethod
    def sum_of(parts: "Iterable[Progress]") -> "Progress":
        """The parts together. Their total is not known if that of one of them is not."""
        known = list(parts)
        totals = [part.total for part in known if part.total is not None]
        return Progress(
            done=sum(part.done for part in known),
            skipped=sum(part.skipped for part in known),
            failed=sum(part.failed for part in known),
            total=sum(totals) if len(totals) == len(known) else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A part of a job. Each worker has one at a time, so that several of them work at one job.

    ``name`` is the only one of its job. ``held``: a worker has it. ``owner`` is that worker, or the one that had it last.
    ``rate``: events a second in the last half minute. ``problem`` says why it cannot be done, or why it is tried again.
    """

    name: str
    checkpoint: Mapping[str, Any]
    progress: Progress
    held: bool
    finished: bool
    epoch: int
    owner: str
    rate: float | None
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """``id`` is a text of 12 hexadecimal digits that no other job has; ``number`` orders jobs by when they were asked for.

    ``throttle`` is in events a second. ``act`` is its entry on the record. ``epoch`` counts how often a worker has taken it.
    Times are in UTC. ``rate``: events a second in the last half minute of a run. ``problem`` says why it failed, or why it
    waits to be tried again at ``not_before``. ``stopped_by`` is who paused or cancelled it. ``facts``: what its run returned.
    """

    id: str
    number: int
    kind: str
    state: State
    resource: Resource
    arguments: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    progress: Progress
    throttle: float | None
    asker: Actor
    reason: str
    act: str
    wish: Wish
    epoch: int
    asked: datetime
    started: datetime | None
    seen: datetime | None
    """When its worker was last heard of."""
    ended: datetime | None
    not_before: datetime | None
    rate: float | None
    problem: str
    stopped_by: str
    ending: Ending | None
    facts: Mapping[str, Any]
    digest: str = ""
    """The digest of its plan, if somebody else had to approve that; else empty."""
    approve_by: datetime | None = None
    """Until when it may be approved. Once it is: until when it must have begun."""
    approver: Actor | None = None
    approved: datetime | None = None

    @property
    def seconds_to_go(self) -> float | None:
        """At the rate of the last half minute; ``None`` if it is not running, or its amount or rate is not known."""
        total = self.progress.total
        if self.state is not State.RUNNING or total is None or not self.rate:
            return None
        return max(0, total - self.progress.handled) / self.rate
