"""The hooks around a replay, however its job ends: the service is told of each end of what it was told would begin."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from django.db.models.functions import Now

from eventstore.config.projections import Hooks, Projection
from eventstore.jobs import Job, Progress, State, Worker
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.storage import Storage
from eventstore.projections import HookFailed, ProjectionFace, When
from eventstore.replays import Kind, ReplayOrder, Way, What
from eventstore.replays.hooking import Around, with_hooks
from tests.jobs.kinds import ANNA, BERT, Acts, asked, kind_of, known
from tests.jobs.test_leases import dead_owner

ORDER = ReplayOrder(projection="p", way=Way.TOPIC, what=What(kind=Kind.EVERYTHING), topics={}, subscription="p", target="t")
HOOKS = Hooks(before="http://localhost/before", after="http://localhost/after")


@dataclass
class Replay:
    """A job that does ``steps`` one after the other, noting each, between the calls of its projection's hooks."""

    jobs: JobFace
    hooks: Hooks = HOOKS
    steps: list[Callable[[], object]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refuses: str = ""
    job: Job = field(init=False)

    def call_hook(self, projection: Projection, when: When, told: Mapping[str, Any]) -> None:
        self.said.append(f"{when} {told.get('state', '')}".strip())
        if self.refuses and self.said[-1].startswith(self.refuses):
            raise HookFailed("No.")

    def run(self, storage: Storage, job: Job, work: Worker) -> Mapping[str, Any]:
        projection = Projection(name="p", purpose="", topics=("t",), subscription="p", hooks=self.hooks)
        faces = cast(ProjectionFace, self)
        return with_hooks(Around(projections=faces, projection=projection, order=ORDER, job=job, worker=work), self.do(work))

    def do(self, work: Worker) -> Callable[[Job], Mapping[str, Any]]:
        def do(job: Job) -> Mapping[str, Any]:
            assert set(job.checkpoint) <= {"done"}
            for done in range(int(job.checkpoint.get("done", 0)), len(self.steps)):
                work.save({"done": done}, Progress(done=done, total=len(self.steps)))
                self.steps[done]()
                work.save({"done": done + 1}, Progress(done=done + 1, total=len(self.steps)))
            return {"steps": len(self.steps)}

        return do

    def carry_out(self, *steps: Callable[[], object]) -> State:
        self.steps += steps
        self.jobs.run_until_idle()
        return self.jobs.get(self.job.id).state


@pytest.fixture
def replay(jobs: JobFace) -> Iterator[Replay]:
    made = Replay(jobs=jobs)
    kind = kind_of(made.run)
    with known(kind):
        made.job = asked(jobs, kind)
        yield made


def nothing() -> None:
    return None


def test_the_service_is_told_that_it_has_succeeded(replay: Replay) -> None:
    assert replay.carry_out(nothing) is State.SUCCEEDED
    assert replay.said == ["before", "after succeeded"]


def test_the_service_is_told_that_it_was_cancelled_while_it_ran(replay: Replay) -> None:
    assert replay.carry_out(lambda: replay.jobs.cancel(BERT, replay.job.id)) is State.CANCELLED
    assert replay.said == ["before", "after cancelled"]


def test_the_service_is_told_that_it_was_cancelled_while_it_was_paused(replay: Replay) -> None:
    """No worker has it then, so it runs once more."""
    assert replay.carry_out(lambda: replay.jobs.pause(BERT, replay.job.id)) is State.PAUSED
    assert replay.said == ["before"]
    assert replay.jobs.cancel(BERT, replay.job.id).state is State.QUEUED
    assert replay.carry_out(nothing) is State.CANCELLED
    assert replay.said == ["before", "after cancelled"]


def test_the_service_is_told_of_a_failure_and_again_before_it_is_resumed(replay: Replay) -> None:
    def refuse() -> None:
        if "after failed" not in replay.said:
            raise StoreRefused("The broker refuses a copy.")

    assert replay.carry_out(nothing, refuse) is State.FAILED
    assert replay.said == ["before", "after failed"]
    replay.jobs.resume(ANNA, replay.job.id)
    assert replay.carry_out() is State.SUCCEEDED
    assert replay.said == ["before", "after failed", "before", "after succeeded"]


def test_a_store_that_is_away_for_a_while_ends_nothing(replay: Replay) -> None:
    away = [True]

    def leave() -> None:
        if away.pop():
            raise StoreUnreachable("The broker does not answer.")

    assert replay.carry_out(leave) is State.QUEUED
    away.append(False)
    replay.jobs.resume(ANNA, replay.job.id)
    assert replay.carry_out() is State.SUCCEEDED
    assert replay.said == ["before", "after succeeded"]


def test_a_job_that_is_cancelled_after_its_worker_died_in_the_first_call_does_not_begin(replay: Replay) -> None:
    JobRow.objects.update(state=State.RUNNING, owner=dead_owner(), leased_until=Now(), epoch=1, tidy=False)
    replay.jobs.cancel(BERT, replay.job.id)
    assert replay.carry_out(nothing) is State.CANCELLED
    assert replay.said == ["after cancelled"]


def test_a_service_that_does_not_agree_is_not_told_of_an_end(replay: Replay) -> None:
    replay.refuses = "before"
    assert replay.carry_out(nothing) is State.FAILED
    assert replay.said == ["before"]


def test_a_service_that_cannot_be_told_does_not_change_how_it_ended(replay: Replay, record: Acts) -> None:
    replay.refuses = "after"
    assert replay.carry_out(nothing) is State.SUCCEEDED
    assert replay.jobs.get(replay.job.id).facts == {"steps": 1, "hook_after": "No."}


def test_a_paused_job_without_such_a_hook_is_cancelled_at_once(replay: Replay) -> None:
    replay.hooks = Hooks(before=HOOKS.before)
    assert replay.carry_out(lambda: replay.jobs.pause(BERT, replay.job.id)) is State.PAUSED
    assert replay.jobs.cancel(BERT, replay.job.id).state is State.CANCELLED
