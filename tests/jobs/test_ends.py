"""How a job ends, and that no end takes the worker or the other jobs with it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError

from eventstore.actions import Outcome
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.jobs import Job, JobRefused, Progress, State, Worker
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import queue
from eventstore.model.errors import ResourceBusy, StoreRefused
from eventstore.model.storage import Storage
from tests.jobs.kinds import ANNA, BERT, COUNT, MAILER, Acts, asked, face_of, kind_of, known, row_of
from tests.jobs.test_leases import Clock, work_of
from tests.safeguards import no


def run_of(act: Callable[[Worker], Any]) -> Any:
    """A run that does just this."""
    return kind_of(lambda storage, job, work: act(work))


def test_facts_that_cannot_be_kept_are_named_and_the_job_has_succeeded(jobs: JobFace, record: Acts) -> None:
    facts = {"sent": 1, "all": "x" * 70_000, "share": float("nan"), "at": datetime(2026, 1, 1, tzinfo=UTC), "last": 2}
    kind = run_of(lambda work: facts)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    assert jobs.get(job.id).state is State.SUCCEEDED
    assert jobs.get(job.id).facts == {"sent": 1, "last": 2, "not_kept": ["all", "share", "at"]}
    assert record.of(job.act) == ["done"]


def test_an_end_that_cannot_be_written_is_the_jobs_failure_and_not_the_workers(jobs: JobFace, record: Acts) -> None:
    kind = run_of(lambda work: ["no facts"])
    with known(kind):
        job = asked(jobs, kind)
        assert jobs.run_until_idle() == 1
    assert jobs.get(job.id).state is State.FAILED
    assert record.of(job.act) == ["unknown"]


class Deaf(Acts):
    """It does not know the first act any more."""

    def ended(self, act: str, outcome: Outcome) -> None:
        if act == "act-1":
            raise LookupError(act)
        super().ended(act, outcome)


def test_an_end_that_the_record_does_not_take_keeps_no_other_job_waiting(desk_databases: dict[str, str]) -> None:
    record = Deaf()
    jobs = face_of(record)
    kind = kind_of(COUNT.run, exclusive=False)
    with known(kind):
        first, second = asked(jobs, kind), asked(jobs, kind)
        assert jobs.run_until_idle() == 2
    assert [jobs.get(job.id).state for job in (first, second)] == [State.SUCCEEDED] * 2
    assert record.of(second.act) == ["done"]
    assert list(jobs.open_acts()) == [first.act]


def test_a_worker_survives_whatever_one_job_does_to_it(
    jobs: JobFace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, take, calls = threading.Event(), queue.take, list[str]()

    def strange(owner: str, kinds: Any) -> Any:
        calls.append(owner)
        if len(calls) == 1:
            raise KeyError("strange")
        stop.set()
        return take(owner, kinds)

    monkeypatch.setattr(queue, "take", strange)
    jobs.run(stop)
    assert len(calls) == 2
    assert "trying again. Something that Eventdesk cannot handle (KeyError" in caplog.text


@pytest.mark.parametrize("error", [IntegrityError("UNIQUE"), DataError("NUL"), OperationalError("no such table: x")])
def test_a_database_that_refuses_a_statement_ends_the_job_and_one_that_is_away_does_not(
    jobs: JobFace, record: Acts, error: Exception
) -> None:
    def run(work: Worker) -> None:
        raise error

    kind = run_of(run)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    away = isinstance(error, OperationalError)
    assert jobs.get(job.id).state is (State.QUEUED if away else State.FAILED)
    assert record.of(job.act) == ([] if away else ["unknown"])
    assert (jobs.open_on(MAILER) is not None) is away


def save_and_refuse(work: Worker, progress: Progress) -> None:
    work.save({}, progress)
    raise StoreRefused("The broker has fenced the producer.")


def refuse(work: Worker) -> None:
    raise StoreRefused("The broker refuses the producer.")


@pytest.mark.parametrize(
    ("run", "ending"),
    [
        (refuse, "failed"),
        (lambda work: save_and_refuse(work, Progress(total=3)), "unknown"),
        (lambda work: save_and_refuse(work, Progress(skipped=1)), "unknown"),
        (lambda work: save_and_refuse(work, Progress(done=1)), "partly done"),
        (lambda work: work.save({}, Progress(failed=3)), "failed"),
    ],
)
def test_a_failed_job_has_changed_nothing_only_if_it_had_not_begun(
    jobs: JobFace, record: Acts, run: Callable[[Worker], Any], ending: str
) -> None:
    kind = run_of(run)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    assert jobs.get(job.id).state is State.FAILED
    assert record.of(job.act) == [ending]


def test_what_a_killed_worker_may_have_left_is_unknown_although_the_next_run_does_not_begin(
    desk_databases: dict[str, str], record: Acts
) -> None:
    jobs = face_of(record)
    with known(COUNT):
        killed = asked(jobs)
        owner = new_owner()
        assert queue.take(owner, [COUNT.name]) is not None
        JobRow.objects.update(leased_until=killed.asked)
        assert face_of(record, no).run_until_idle() == 1
    assert record.of(killed.act) == ["unknown"]


def test_a_cancelled_job_that_recognised_what_was_done_before_is_not_said_to_have_changed_nothing(
    jobs: JobFace, record: Acts
) -> None:
    def run(storage: Storage, job: Job, work: Worker) -> None:
        jobs.cancel(BERT, job.id)
        work.save({}, Progress(skipped=1))

    kind = kind_of(run)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    assert (jobs.get(job.id).state, record.of(job.act)) == (State.CANCELLED, ["unknown"])


def test_a_job_that_ends_its_workers_after_the_same_save_each_time_is_ended(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs)
        for _ in range(queue.MOST_DEATHS + 2):
            taken = queue.take("worker", [COUNT.name])
            if taken is None or taken.killed:
                break
            queue.save(taken.lease, {"at": 1}, Progress(done=1), None)
        assert taken is not None and taken.killed
    assert row_of(job).done == 1


def test_a_throttled_job_learns_of_a_pause_within_a_second_or_two(jobs: JobFace) -> None:
    with known(COUNT):
        job = asked(jobs, throttle=0.001)
        clock, taken = Clock(), queue.take(new_owner(), [COUNT.name])
        assert taken is not None
        work = work_of(taken, clock)
        work.throttled(1)
        jobs.pause(BERT, job.id)
    begun = clock.now
    work.throttled(1)
    assert work.is_asked_to_end
    assert clock.now - begun <= 2


def failed_job(jobs: JobFace) -> tuple[Any, Job]:
    def run(storage: Storage, job: Job, work: Worker) -> None:
        if job.epoch == 1:
            raise StoreRefused("No.")

    kind = kind_of(run)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    return kind, job


def test_a_failed_job_is_not_resumed_while_something_else_acts_on_its_resource(jobs: JobFace, record: Acts) -> None:
    kind, job = failed_job(jobs)
    with known(kind):
        lease = jobs._safeguards.locks.acquire(MAILER, BERT, "is being reset")
        with pytest.raises(ResourceBusy, match="by bert"):
            jobs.resume(ANNA, job.id)
        assert jobs.get(job.id).state is State.FAILED
        assert [act[1] for act in record.begun.values()] == ["count"]
        lease.release()
        assert jobs.resume(ANNA, job.id).state is State.QUEUED
        with pytest.raises(ResourceBusy, match="by the job"):
            jobs._safeguards.locks.acquire(MAILER, BERT, "is being reset")


def test_a_job_that_was_resumed_before_its_failure_was_on_the_record_keeps_that_entry(
    jobs: JobFace, record: Acts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # the process ends between the job's end and its entry
        patched.setattr("eventstore.jobs.running.worker.settle", lambda record: 0)
        kind, job = failed_job(jobs)
    assert record.of(job.act) == []
    with known(kind):
        jobs.resume(ANNA, job.id)
        jobs.run_until_idle()
    assert record.of(job.act) == ["failed", "done"]


def test_a_failure_that_the_record_does_not_take_is_not_resumed(desk_databases: dict[str, str]) -> None:
    jobs = face_of(Deaf())
    kind, job = failed_job(jobs)
    with known(kind), pytest.raises(JobRefused, match="failure is not on the record yet"):
        jobs.resume(ANNA, job.id)
    assert jobs.get(job.id).state is State.FAILED
