"""A job's states: by chance, and with a crash at each single step of what a worker or a person does."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from eventstore.jobs import State, lookup, wishes
from eventstore.jobs.job import TRANSITIONS
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import queue
from tests.examples import examples
from tests.jobs.kinds import reachable
from tests.jobs.machine import RESOURCES, Jobs


@pytest.fixture
def own_dead(desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each machine says who is dead; the real answer is back after the test."""
    for module in (queue, wishes, lookup):
        monkeypatch.setattr(module, "is_dead", lambda owner: False)


@pytest.mark.usefixtures("own_dead")
@pytest.mark.parametrize(
    ("many", "steps"), [(60, 12), pytest.param(2_000, 25, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)])]
)
def test_a_jobs_states_survive_people_workers_and_crashes(many: int, steps: int) -> None:
    run_state_machine_as_test(Jobs, settings=settings(max_examples=examples(many), stateful_step_count=steps, deadline=None))


def crash_by_crash() -> Iterator[tuple[Jobs, int]]:
    """A fresh machine with a crash after no step, after one, two … until no crash comes any more. Whatever it did is brought
    to its end, and checked."""
    for crash in count():
        jobs = Jobs()
        jobs.somebody_asks(resource=RESOURCES[0], approval=False, crash=None)
        yield jobs, crash
        crashed = jobs.steps.crashed
        jobs.everything_holds()
        jobs.teardown()
        if not crashed:
            assert crash > 3
            return


@pytest.mark.usefixtures("own_dead")
@pytest.mark.parametrize(
    "script",
    [
        ["step"],
        ["step", "pause"],
        ["step", "cancel"],
        ["step", "stop"],
        ["taken over"],
        ["step", "taken and lost"],
        ["taken and done"],
        ["another comes"],
        ["away"],
        ["step", "refused"],
    ],
    ids=" and ".join,
)
def test_a_worker_may_crash_at_each_step(script: Sequence[str]) -> None:
    for jobs, crash in crash_by_crash():
        jobs.a_worker_works(script=[*script, "step"], crash=crash)


def paused(jobs: Jobs) -> None:
    jobs.wish("pause", only_job())


def failed(jobs: Jobs) -> None:
    jobs.a_worker_works(script=["step", "refused"], crash=None)


def half_done(jobs: Jobs) -> None:
    jobs.a_worker_works(script=["step", "away"], crash=None)


def only_job() -> str:
    return JobRow.objects.get().id


@pytest.mark.usefixtures("own_dead")
@pytest.mark.parametrize(
    ("before", "word"),
    [(None, "pause"), (None, "cancel"), (paused, "resume"), (failed, "resume"), (half_done, "cancel")],
    ids=lambda part: getattr(part, "__name__", str(part)),
)
def test_a_persons_process_may_crash_at_each_step(before: Callable[[Jobs], None] | None, word: str) -> None:
    for jobs, crash in crash_by_crash():
        if before is not None:
            before(jobs)
        jobs.wished(word, only_job(), crash)


@pytest.mark.usefixtures("own_dead")
def test_a_process_that_asks_for_a_job_may_crash_at_each_step() -> None:
    for jobs, crash in crash_by_crash():
        jobs.somebody_asks(resource=RESOURCES[1], approval=False, crash=crash)


def test_every_state_has_its_transitions() -> None:
    assert TRANSITIONS.keys() == set(State)
    assert reachable(State.WAITING) == set(State)
    assert not TRANSITIONS[State.SUCCEEDED] and not TRANSITIONS[State.CANCELLED]
