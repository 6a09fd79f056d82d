"""A job from its being asked for to its end: runs, pauses, cancellations, and what is on the record."""

import threading
from typing import Any

import pytest

from eventstore.actions import Action, Ending, Undo
from eventstore.actions.perform import perform
from eventstore.jobs import Job, JobRefused, State, Wish
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.model.errors import (
    EventStoreError,
    NotAllowed,
    NotLetIn,
    NotPermitted,
    NotTrusted,
    ResourceBusy,
    StoreRefused,
    StoreUnreachable,
)
from tests.jobs.kinds import ANNA, BERT, COUNT, MAILER, Acts, asked, counting, face_of, kind_of, known, row_of
from tests.safeguards import no


def test_a_job_that_was_asked_for_is_queued_and_on_the_record(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs, throttle=50, details={"letters": 3})
    assert (job.state, job.progress.total, job.throttle, job.asker.name) == (State.QUEUED, 3, 50, "anna")
    assert record.begun == {job.act: ("anna", "count", MAILER, {"letters": 3, "job": job.id, "reason": "SUP-1"})}
    assert record.ends == []
    assert jobs.get(job.id) == job
    assert jobs.open_on(MAILER) == job
    assert list(jobs.open_acts()) == [job.act]


def test_a_job_runs_to_its_end_and_the_record_is_told_once(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs)
        assert jobs.run_until_idle() == 1
        assert jobs.run_until_idle() == 0
    job = jobs.get(job.id)
    assert (job.state, job.progress.done, job.ending, job.epoch) == (State.SUCCEEDED, 3, Ending.DONE, 1)
    assert [(act, dict(end.facts)) for act, end in record.ends] == [
        (job.act, {"counted": 3, "done": 3, "total": 3, "job": job.id})
    ]
    assert jobs.open_on(MAILER) is None
    assert list(jobs.open_acts()) == []


def test_whoever_may_not_do_it_queues_nothing(desk_databases: dict[str, str], record: Acts) -> None:
    with known(COUNT), pytest.raises(NotAllowed):
        asked(face_of(record, no))
    assert (record.begun, JobRow.objects.count()) == ({}, 0)


def test_while_a_job_has_not_ended_nothing_else_acts_on_its_resource(jobs: JobFace, record: Acts) -> None:
    reset = Action(
        name="reset", acts_on=frozenset({"subscription"}), title="", doing="is being reset", undo=Undo(possible=False, how="")
    )
    with known(COUNT):
        job = asked(jobs)
        jobs.pause(BERT, job.id)
        with pytest.raises(ResourceBusy, match=f"mailer is being counted by the job {job.id}, for which anna asked"):
            asked(jobs)
        with pytest.raises(ResourceBusy), perform(jobs._safeguards, BERT, reset, MAILER, {}):
            raise AssertionError("not reached")
        jobs.cancel(BERT, job.id, reason="SUP-2")
        with perform(jobs._safeguards, BERT, reset, MAILER, {}):
            pass
        assert asked(jobs).state is State.QUEUED


def test_a_queued_job_is_paused_and_resumed_at_once(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs)
        assert jobs.pause(BERT, job.id).state is State.PAUSED
        assert jobs.run_until_idle() == 0
        with pytest.raises(JobRefused, match="It is paused by bert, so it cannot be paused"):
            jobs.pause(ANNA, job.id)
        assert jobs.resume(ANNA, job.id).state is State.QUEUED
        assert jobs.run_until_idle() == 1
    assert [act[:2] for act in record.begun.values()] == [("anna", "count"), ("bert", "pause_job"), ("anna", "resume_job")]
    assert jobs.get(job.id).state is State.SUCCEEDED


def test_a_running_job_is_paused_at_its_next_save_and_goes_on_from_there(jobs: JobFace, record: Acts) -> None:
    steps: list[int] = []

    def at(step: int) -> None:
        steps.append(step)
        if steps == [1, 2]:
            assert jobs.pause(BERT, job.id).wish is Wish.PAUSE

    kind = kind_of(counting(4, at))
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
        paused = jobs.get(job.id)
        assert (paused.state, paused.checkpoint, paused.stopped_by, paused.wish) == (State.PAUSED, {"done": 2}, "bert", "")
        jobs.resume(ANNA, job.id)
        jobs.run_until_idle()
    assert steps == [1, 2, 3, 4]
    assert record.of(job.act) == ["done"]


def test_a_pause_that_is_taken_back_before_the_next_save_changes_nothing(jobs: JobFace) -> None:
    def at(step: int) -> None:
        if step == 2:
            jobs.pause(BERT, job.id)
            jobs.resume(BERT, job.id)

    kind = kind_of(counting(4, at))
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    assert (jobs.get(job.id).state, jobs.get(job.id).epoch) == (State.SUCCEEDED, 1)


def test_a_running_job_is_cancelled_at_its_next_save_and_what_was_done_is_on_the_record(jobs: JobFace, record: Acts) -> None:
    def at(step: int) -> None:
        if step == 2:
            assert jobs.cancel(BERT, job.id, reason="SUP-2").wish is Wish.CANCEL
            with pytest.raises(JobRefused, match="It is being cancelled by bert"):
                jobs.pause(ANNA, job.id)
            with pytest.raises(JobRefused, match="It is being cancelled by bert"):
                jobs.cancel(ANNA, job.id)

    kind = kind_of(counting(4, at))
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    job = jobs.get(job.id)
    assert (job.state, job.progress.done, job.problem) == (State.CANCELLED, 2, "Cancelled by bert.")
    assert record.of(job.act) == ["partly done"]


def test_a_queued_job_is_cancelled_at_once_and_has_changed_nothing(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = jobs.cancel(BERT, asked(jobs).id, reason="SUP-2")
        assert jobs.run_until_idle() == 0
        with pytest.raises(JobRefused, match="It is cancelled by bert, so it cannot be resumed"):
            jobs.resume(ANNA, job.id)
    assert (job.state, record.of(job.act)) == (State.CANCELLED, ["failed"])


@pytest.mark.parametrize("error", [StoreUnreachable, NotLetIn, NotTrusted, NotPermitted])
def test_a_store_that_is_away_is_tried_again_later_and_at_once_if_somebody_says_so(
    jobs: JobFace, record: Acts, error: type[EventStoreError]
) -> None:
    tries: list[int] = []

    def at(step: int) -> None:
        tries.append(step)
        if len(tries) < 3:
            raise error("The broker does not answer.")

    kind = kind_of(counting(1, at))
    with known(kind):
        job = asked(jobs, kind)
        assert jobs.run_until_idle() == 1
        waiting = jobs.get(job.id)
        assert (waiting.state, waiting.problem) == (State.QUEUED, "The broker does not answer.")
        assert waiting.not_before is not None
        assert record.of(job.act) == []
        jobs.resume(ANNA, job.id)
        assert jobs.run_until_idle() == 1
        jobs.resume(ANNA, job.id)
        assert jobs.run_until_idle() == 1
    done = jobs.get(job.id)
    assert (done.state, done.problem, row_of(done).tries) == (State.SUCCEEDED, "", 0)


def test_a_job_that_may_have_left_something_half_done_is_run_once_more_before_it_is_cancelled(jobs: JobFace) -> None:
    runs: list[Wish] = []

    def run(storage: Any, job: Job, work: Any) -> None:
        runs.append(job.wish)
        if len(runs) == 1:
            raise StoreUnreachable("The broker does not answer.")
        work.save({"seen": "to"}, job.progress)

    kind = kind_of(run)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
        jobs.pause(ANNA, job.id)
        wanted = jobs.cancel(BERT, job.id)
        assert (wanted.state, wanted.wish) == (State.QUEUED, Wish.CANCEL)
        jobs.run_until_idle()
    ended = jobs.get(job.id)
    assert (runs, ended.state, ended.checkpoint) == ([Wish.NONE, Wish.CANCEL], State.CANCELLED, {"seen": "to"})


@pytest.mark.parametrize(
    ("error", "problem", "ending"),
    [
        (StoreRefused("The broker refuses the producer."), "The broker refuses the producer.", "unknown"),
        (ValueError("a payload"), "Something that Eventdesk cannot handle (ValueError at test_life.py:", "unknown"),
    ],
)
def test_a_failed_job_says_why_without_a_payload_and_can_be_resumed(
    jobs: JobFace, record: Acts, error: Exception, problem: str, ending: str
) -> None:
    def at(step: int) -> None:
        if not fails.is_set():
            fails.set()
            raise error

    fails = threading.Event()
    kind = kind_of(counting(2, at))
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
        failed = jobs.get(job.id)
        assert (failed.state, failed.problem.startswith(problem)) == (State.FAILED, True), failed.problem
        assert "a payload" not in failed.problem
        assert record.of(job.act) == [ending]
        assert jobs.open_on(MAILER) is None
        jobs.resume(BERT, job.id)
        assert jobs.open_on(MAILER) is not None
        jobs.run_until_idle()
    assert jobs.get(job.id).state is State.SUCCEEDED
    assert record.of(job.act) == [ending, "done"]


def test_a_failed_job_is_not_resumed_while_another_one_has_its_resource(jobs: JobFace, record: Acts) -> None:
    def at(step: int) -> None:
        raise StoreRefused("No.")

    kind = kind_of(counting(2, at))
    with known(kind):
        failed = asked(jobs, kind)
        jobs.run_until_idle()
        asked(jobs, kind)
        with pytest.raises(ResourceBusy):
            jobs.resume(BERT, failed.id)
    assert jobs.get(failed.id).state is State.FAILED


def test_a_job_of_which_a_part_failed_has_failed(jobs: JobFace, record: Acts) -> None:
    def run(storage: Any, job: Job, work: Any) -> None:
        work.save({}, type(job.progress)(done=7, failed=2, skipped=1, total=10))

    kind = kind_of(run)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
    job = jobs.get(job.id)
    assert (job.state, job.problem, record.of(job.act)) == (State.FAILED, "2 of 10 failed.", ["partly done"])


def test_a_job_whose_asker_may_not_do_it_any_more_is_not_run(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs)
        assert face_of(record, no).run_until_idle() == 1
    job = jobs.get(job.id)
    assert (job.state, job.progress.done) == (State.FAILED, 0)
    assert job.problem == "anna may not do this any more (count)."


def test_a_kind_that_this_version_does_not_know_is_left_to_others_and_can_be_cancelled(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs)
    assert jobs.run_until_idle() == 0
    assert jobs.get(job.id).state is State.QUEUED
    JobRow.objects.update(tidy=False)
    assert jobs.cancel(BERT, job.id).state is State.CANCELLED
    assert record.of(job.act) == ["unknown"]


def test_a_job_that_waits_for_approval_is_queued_by_somebody_else(jobs: JobFace, record: Acts) -> None:
    with known(COUNT):
        job = asked(jobs, approval=True)
        assert (job.state, jobs.run_until_idle()) == (State.WAITING, 0)
        with pytest.raises(JobRefused, match="Another person has to approve it"):
            jobs.approve(ANNA, job.id)
        jobs.approve(BERT, job.id)
        assert jobs.run_until_idle() == 1
        with pytest.raises(JobRefused):
            jobs.approve(BERT, job.id)
    assert jobs.get(job.id).state is State.SUCCEEDED
