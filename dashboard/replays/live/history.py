"""What happened to a replay, oldest first: acts on the record, its consumers' progress, and what its job went through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from dashboard.auditing.acts import Act, act_of, acts, resource_filter
from dashboard.gateway import desk
from dashboard.jobs.words import unnamed_note_of
from dashboard.rendering import action_text
from dashboard.rendering.text import visible
from dashboard.replays.live.words import events
from eventstore.jobs import JOB, Job, State
from eventstore.replays import Watched

MOST_ACTS = 100
MOST_STEPS = 8
"""Lines about how the consumers got on."""
_ENDED = {State.SUCCEEDED: "Ended: succeeded", State.FAILED: "Ended: failed", State.CANCELLED: "Ended: cancelled"}

_TURNS = {
    "retry": ("Could not continue, and is tried again", "Partition {}: could not continue, and is tried again"),
    "taken_over": ("Taken over: the worker before is gone", "Partition {}: taken over, the worker before is gone"),
    "taken_up": ("Taken up by a worker again", "Partition {}: taken up by a worker again"),
}
"""Of a whole job, and of one of its shares."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """One line of the log. ``who`` and ``why`` are for those who may read the record; else they are empty."""

    at: datetime
    what: str
    who: str = ""
    why: str = ""


def acts_on(job: Job) -> Sequence[Act]:
    """The job's own act on the record, then what people did to it, oldest first."""
    own = act_of(UUID(job.act)) if job.act else None
    later = [act for act in acts(limit=MOST_ACTS, on=resource_filter(name=job.id)) if act.resource.kind == JOB]
    return [*([own] if own is not None else []), *reversed(later)]


def log_of(watched: Watched, found: Sequence[Act], *, named: bool) -> Sequence[Happened]:
    """Everything that is known, oldest first. ``named``: whether it says who did what, and why."""
    return sorted([*_from_acts(found, named), *_from_job(watched, named), *_from_turns(watched.job)], key=lambda one: one.at)


def _from_acts(found: Sequence[Act], named: bool) -> Iterator[Happened]:
    for act in found:
        what = "Asked for" if act.resource.kind != JOB else action_text(act.action).removesuffix(" job")
        who, why = (visible(act.actor), visible(str(act.details.get("reason", "")))) if named else ("", "")
        yield Happened(at=act.begun, what=what, who=who, why=why)


def _from_turns(job: Job) -> Iterator[Happened]:
    for turn in desk().jobs.turns(job):
        of_all, of_share = _TURNS[turn.kind.value]
        yield Happened(at=turn.at, what=of_share.format(turn.share) if turn.share else of_all, why=visible(turn.why))


def _from_job(watched: Watched, named: bool) -> Iterator[Happened]:
    job = watched.job
    if job.started is not None:
        yield Happened(at=job.started, what="Started")
    grown = [later for earlier, later in pairwise(watched.looks.steps) if later[1] > earlier[1]]
    for at, consumed in grown[:: len(grown) // MOST_STEPS + 1][:-1] + grown[-1:]:
        yield Happened(at=at, what=f"{events(consumed)} consumed so far")
    if job.ended is not None:
        yield Happened(
            at=job.ended, what=_ENDED.get(job.state, "Ended"), why=visible(job.problem) if named else unnamed_note_of(job)
        )
