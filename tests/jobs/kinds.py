"""Kinds of jobs for tests, and a face of jobs whose record a test can look into."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from eventstore.actions import Actor, Outcome, Resource, Undo, action, subscription_resource
from eventstore.actions.action import register
from eventstore.jobs import Job, JobKind, Progress, State, Worker
from eventstore.jobs.face import JobFace
from eventstore.jobs.job import TRANSITIONS
from eventstore.jobs.kind import Run
from eventstore.jobs.models import JobRow
from eventstore.model.storage import Storage
from tests.safeguards import MemoryLocks, safeguards, yes

ANNA, BERT = Actor(name="anna"), Actor(name="bert")
MAILER = subscription_resource("letters", "mailer")
NO_STORAGE = cast(Storage, object())


@dataclass
class Acts:
    """A record in memory: what was intended by act, and every end that it was told, in order."""

    begun: dict[str, tuple[str, str, Resource, Mapping[str, Any]]] = field(default_factory=dict)
    ends: list[tuple[str, Outcome]] = field(default_factory=list)

    def intended(self, actor: Actor, action: str, resource: Resource, details: Mapping[str, Any]) -> str:
        act = f"act-{len(self.begun) + 1}"
        self.begun[act] = (actor.name, action, resource, dict(details))
        return act

    def ended(self, act: str, outcome: Outcome) -> None:
        if (act, outcome) not in self.ends:  # as the real one
            self.ends.append((act, outcome))

    def newest(self, resource: Resource) -> int:
        return 0

    def acted_since(self, resource: Resource, since: int) -> bool:
        return self.newest(resource) > since

    def of(self, act: str) -> list[str]:
        """How the act ended, each time."""
        return [outcome.ending.value for other, outcome in self.ends if other == act]


def face_of(record: Acts, authorizer: Any = yes) -> JobFace:
    kept = safeguards(cast(Any, record), authorizer=authorizer, locks=MemoryLocks())
    return JobFace(storage=NO_STORAGE, safeguards=kept)


def kind_of(run: Run, name: str = "count", *, exclusive: bool = True) -> JobKind:
    return JobKind(
        name=name,
        acts_on=frozenset({"subscription", "topic"}),
        title="Count",
        doing="is being counted",
        undo=Undo(possible=False, how="It changes nothing."),
        exclusive=exclusive,
        run=run,
    )


@contextmanager
def known(*kinds: JobKind) -> Iterator[None]:
    """These kinds are registered within the block."""
    for kind in kinds:
        register(kind)
    try:
        yield
    finally:
        for kind in kinds:
            action._registered.pop(kind.name)


def counting(to: int, at: Callable[[int], object] = lambda number: None) -> Run:
    """A run that counts to this number, saving each step. ``at`` is called with each number, before it is saved."""

    def run(storage: Storage, job: Job, work: Worker) -> Mapping[str, Any]:
        done = int(job.checkpoint.get("done", 0))
        work.save({"done": done}, Progress(done=done, total=to))
        while done < to:
            at(done + 1)
            done += 1
            work.save({"done": done}, Progress(done=done, total=to))
        return {"counted": done}

    return run


def row_of(job: Job) -> JobRow:
    return JobRow.objects.get(id=job.id)


COUNT = kind_of(counting(3))


def asked(jobs: JobFace, kind: JobKind = COUNT, resource: Resource = MAILER, **more: Any) -> Job:
    """A job that anna has asked for."""
    return jobs.enqueue(kind, resource, {"letters": 3}, actor=ANNA, reason="SUP-1", total=3, **more)


def reachable(state: State) -> set[State]:
    """The states that a job in this state may still come to."""
    found, open_ends = {state}, [state]
    while open_ends:
        new = TRANSITIONS[open_ends.pop()] - found
        found |= new
        open_ends += new
    return found
