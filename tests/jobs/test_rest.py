"""A run that waits for something else leaves its worker meanwhile: the job stays running, and another worker may go on."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from eventstore.actions import subscription_resource
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.jobs import Job, Progress, State, Worker
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import queue
from eventstore.model.storage import Storage
from tests.jobs.kinds import BERT, Acts, asked, counting, face_of, kind_of, known


def waiting(storage: Storage, job: Job, work: Worker) -> Mapping[str, Any]:
    """It waits three times for an hour, and then ends."""
    done = int(job.checkpoint.get("done", 0))
    if done < 3:
        work.rest({"done": done + 1}, Progress(done=done + 1, total=3), 3_600)
    work.save(job.checkpoint, Progress(done=done, total=3))
    return {"waited": done}


@pytest.fixture
def job(jobs: JobFace) -> Iterator[Job]:
    kind = kind_of(waiting)
    with known(kind):
        yield asked(jobs, kind)


def an_hour_passes() -> None:
    JobRow.objects.update(leased_until=Now() - timedelta(seconds=1))


def test_a_job_that_rests_is_running_and_takes_up_no_worker(jobs: JobFace, job: Job) -> None:
    said: list[str] = []
    assert jobs.run_until_idle(on_job=said.append) == 1
    resting = jobs.get(job.id)
    assert (resting.state, resting.progress.done) == (State.RUNNING, 1)
    assert [word.rpartition(" ")[2] for word in said] == ["running", "waiting"]


def test_it_goes_on_when_its_time_has_come_however_often_it_rests(jobs: JobFace, job: Job, record: Acts) -> None:
    said: list[str] = []
    for _ in range(4):
        jobs.run_until_idle(on_job=said.append)
        if jobs.get(job.id).state is State.RUNNING:
            an_hour_passes()
    assert (jobs.get(job.id).state, jobs.get(job.id).facts) == (State.SUCCEEDED, {"waited": 3})
    assert record.of(job.act) == ["done"]
    assert [word.rpartition(" ")[2] for word in said] == ["running", "waiting", "succeeded"]


@pytest.mark.parametrize(("wish", "state"), [("pause", State.PAUSED), ("cancel", State.CANCELLED)])
def test_what_a_person_wants_of_it_happens_at_once(jobs: JobFace, job: Job, wish: str, state: State) -> None:
    jobs.run_until_idle()
    getattr(jobs, wish)(BERT, job.id)
    assert jobs.get(job.id).state is State.RUNNING
    jobs.run_until_idle()
    assert jobs.get(job.id).state is state


def test_a_job_that_is_queued_comes_before_those_that_rest(jobs: JobFace, job: Job) -> None:
    """Otherwise replays that wait for their consumers would keep a worker to themselves."""
    jobs.run_until_idle()
    an_hour_passes()
    other = kind_of(counting(1), "other")
    with known(other):
        younger = asked(jobs, other, subscription_resource("letters", "another"))
        taken = [queue.take(new_owner(), ["count", "other"]) for _ in range(2)]
        assert [one and one.job.id for one in taken] == [younger.id, job.id]


def test_what_somebody_wants_of_a_job_that_rests_is_not_put_off(jobs: JobFace, job: Job) -> None:
    jobs.run_until_idle()
    asked(jobs, kind_of(waiting), subscription_resource("letters", "another"))
    jobs.cancel(BERT, job.id)
    taken = queue.take(new_owner(), ["count"])
    assert taken is not None and taken.job.id == job.id


def test_a_job_that_only_waits_ends_though_its_asker_has_lost_the_right(record: Acts, desk_databases: dict[str, str]) -> None:
    may = [True]
    jobs = face_of(record, authorizer=lambda *_: may[0])
    kind = kind_of(waiting)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
        may[0] = False
        for _ in range(3):
            an_hour_passes()
            jobs.run_until_idle()
    assert jobs.get(job.id).state is State.SUCCEEDED, jobs.get(job.id).problem
