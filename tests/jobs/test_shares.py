"""Several workers at one job: its shares, who has them, what becomes of those of a worker that is gone, and its speed."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now

from eventstore.index.indexer.lease_owner import new_owner
from eventstore.jobs import Job, JobKind, Progress, Share, State, Worker
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow, JobShareRow
from eventstore.jobs.running import queue, shares
from eventstore.jobs.running.queue import JobLost, Taken
from eventstore.jobs.running.shares import TakenShare
from eventstore.jobs.running.sharing import hold_of_share, taken_by_another
from eventstore.jobs.running.work import Work
from eventstore.jobs.running.worker import Runner, run_next
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.storage import Storage
from tests.jobs.kinds import ANNA, BERT, NO_STORAGE, Acts, asked, kind_of, known
from tests.jobs.test_leases import Clock, dead_owner
from tests.safeguards import MemoryLocks, safeguards

NAMES = ("0", "1", "2", "3")
EACH = 3
At = Callable[[str, int], object]


def run(storage: Storage, job: Job, work: Worker) -> Mapping[str, Any]:
    done = work.run_shares({"phase": "sharing"}, dict.fromkeys(NAMES, EACH))
    return {"shares": len(done)}


def sharing(at: At = lambda name, number: None) -> JobKind:
    """A kind whose shares count to ``EACH``, saving each step. ``at`` is called with each number, before it is saved."""

    def run_share(storage: Storage, job: Job, share: Share, work: Worker) -> None:
        done = int(share.checkpoint.get("done", 0))
        work.throttled(EACH - done)
        work.save({"done": done}, Progress(done=done, total=EACH))
        while done < EACH:
            at(share.name, done + 1)
            done += 1
            work.save({"done": done}, Progress(done=done, total=EACH))

    kind = kind_of(run)
    return JobKind(
        **{name: getattr(kind, name) for name in ("name", "acts_on", "title", "doing", "undo", "exclusive", "run")},
        run_share=run_share,
    )


@contextmanager
def a_job_that_is_led(jobs: JobFace, kind: JobKind | None = None) -> Iterator[tuple[Job, Taken]]:
    """A job whose worker has made the shares, and does nothing more."""
    with known(kind or sharing()):
        job = asked(jobs, kind or sharing())
        lead = queue.take(new_owner(), ["count"])
        assert lead is not None
        shares.make(lead.lease.number, dict.fromkeys(NAMES, EACH))
        yield job, lead


def taken(owner: str | None = None) -> TakenShare:
    found = shares.take(owner or new_owner(), kinds=["count"])
    assert found is not None
    return found


def helper(record: Acts, stop: threading.Event | None = None) -> bool:
    """Another worker that looks once."""
    kept = safeguards(record, locks=MemoryLocks())  # type: ignore[arg-type]
    runner = Runner(storage=NO_STORAGE, safeguards=kept, stop=stop or threading.Event())
    return run_next(runner, new_owner())


def test_one_worker_alone_does_all_shares_and_the_job_counts_their_sum(jobs: JobFace, record: Acts) -> None:
    with known(sharing()):
        job = asked(jobs, sharing())
        jobs.run_until_idle()
    done = jobs.get(job.id)
    assert (done.state, done.progress, done.facts) == (State.SUCCEEDED, Progress(done=12, total=12), {"shares": 4})
    assert [(one.name, one.finished, one.progress.done) for one in jobs.shares(done)] == [(name, True, 3) for name in NAMES]
    assert record.of(job.act) == ["done"]


def test_free_workers_take_shares_of_a_running_job_each_once(jobs: JobFace, record: Acts) -> None:
    """Each waits in its first number until all four are there."""
    counted, all_there = defaultdict[str, list[int]](list), threading.Barrier(4, timeout=60)

    def at(name: str, number: int) -> None:
        if number == 1:
            all_there.wait()
        counted[name].append(number)

    def work() -> None:
        while not jobs.get(job.id).state.has_ended:
            helper(record)
        connections.close_all()

    with known(sharing(at)):
        job = asked(jobs, sharing(at))
        workers = [threading.Thread(target=work) for _ in NAMES]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    done = jobs.get(job.id)
    assert (done.state, done.progress.done, done.epoch) == (State.SUCCEEDED, 12, 1)
    assert counted == {name: [1, 2, 3] for name in NAMES}
    assert len({one.owner for one in jobs.shares(done)}) == 4


def test_the_share_of_a_worker_that_is_gone_is_taken_over_where_it_was(jobs: JobFace, record: Acts) -> None:
    counted: list[tuple[str, int]] = []
    kind = sharing(lambda name, number: counted.append((name, number)))
    with known(kind):
        job = asked(jobs, kind)
        lead = queue.take(dead_owner(), ["count"])
        assert lead is not None
        shares.make(lead.lease.number, dict.fromkeys(NAMES, EACH))
        shares.save(taken(dead_owner()).lease, {"done": 2}, Progress(done=2, total=EACH), None)
        jobs.run_until_idle()
    assert [number for name, number in counted if name == "0"] == [3]
    assert (jobs.get(job.id).state, jobs.get(job.id).progress.done) == (State.SUCCEEDED, 12)


def test_a_worker_whose_share_went_to_another_one_changes_nothing_more(jobs: JobFace) -> None:
    with a_job_that_is_led(jobs):
        late = taken()
        JobShareRow.objects.update(leased_until=Now() - timedelta(seconds=1))
        other = taken()
        assert (other.share.name, other.share.epoch) == ("0", 2)
        for call in (
            lambda: shares.save(late.lease, {"done": 3}, Progress(done=3), None),
            lambda: shares.renew(late.lease),
            lambda: shares.finish(late.lease),
            lambda: shares.give_back(late.lease, tidy=True),
            lambda: shares.refuse(late.lease, "No."),
        ):
            with pytest.raises(JobLost):
                call()
        assert not JobShareRow.objects.filter(finished=True).exists()


@pytest.mark.parametrize(("word", "state"), [("pause", State.PAUSED), ("cancel", State.CANCELLED)])
def test_a_job_that_is_stopped_ends_its_shares_first_wherever_they_are(
    jobs: JobFace, record: Acts, word: str, state: State
) -> None:
    """One share was cut off with its worker: it is run once more before the job is cancelled or paused, and counts nothing."""
    counted: list[int] = []

    def at(name: str, number: int) -> None:
        counted.append(number)
        if len(counted) == 1:
            getattr(jobs, word)(BERT, job.id)

    kind = sharing(at)
    with known(kind):
        job = asked(jobs, kind)
        shares.make(job.number, dict.fromkeys(NAMES, EACH))
        JobShareRow.objects.filter(name="3").update(owner=dead_owner(), leased_until=Now() + timedelta(minutes=1), tidy=False)
        jobs.run_until_idle()
        assert (jobs.get(job.id).state, jobs.get(job.id).progress.done) == (state, 1)
        assert not JobShareRow.objects.filter(tidy=False).exists()
        assert JobShareRow.objects.filter(leased_until=None).count() == len(NAMES)
        if state is State.PAUSED:
            jobs.resume(ANNA, job.id)
            jobs.run_until_idle()
            assert (jobs.get(job.id).state, jobs.get(job.id).progress.done) == (State.SUCCEEDED, 12)


def test_a_helper_ends_its_share_when_the_job_is_paused_and_goes_on_while_it_has_no_lead(jobs: JobFace) -> None:
    with a_job_that_is_led(jobs) as (job, lead):
        mine = taken()
        queue.give_back(lead.lease)
        assert shares.renew(mine.lease).wish == "", "a job that is queued again has a lead soon"
        jobs.pause(BERT, job.id)
        assert jobs.get(job.id).state is State.PAUSED
        assert shares.renew(mine.lease).wish == "pause"
        cancelled = jobs.cancel(BERT, job.id)
        assert cancelled.state is State.QUEUED, "something of a share may be half done"
        assert shares.renew(mine.lease).wish == "cancel"


@pytest.mark.parametrize("where", ["lead", "helper"])
def test_a_share_that_cannot_be_done_fails_the_job_and_is_tried_again_when_it_is_resumed(
    jobs: JobFace, record: Acts, where: str
) -> None:
    broken = threading.Event()
    broken.set()

    def at(name: str, number: int) -> None:
        if name == "1" and broken.is_set():
            raise StoreRefused("The broker refuses the producer.")

    kind = sharing(at)
    with known(kind):
        job = asked(jobs, kind)
        if where == "helper":
            lead = queue.take(dead_owner(), ["count"])
            assert lead is not None
            JobRow.objects.update(owner=new_owner())
            shares.make(lead.lease.number, dict.fromkeys(NAMES, EACH))
            assert helper(record) and helper(record)
            JobRow.objects.update(owner=dead_owner())
        jobs.run_until_idle()
        failed = jobs.get(job.id)
        assert (failed.state, failed.problem) == (State.FAILED, "The broker refuses the producer.")
        broken.clear()
        jobs.resume(ANNA, job.id)
        jobs.run_until_idle()
    assert (jobs.get(job.id).state, jobs.get(job.id).progress.done) == (State.SUCCEEDED, 12)


def test_a_store_that_is_away_is_tried_again_later_by_whoever_had_the_share(jobs: JobFace, record: Acts) -> None:
    away = threading.Event()
    away.set()

    def at(name: str, number: int) -> None:
        if away.is_set():
            raise StoreUnreachable("The broker does not answer.")

    kind = sharing(at)
    with known(kind):
        with_lead = asked(jobs, kind)
        jobs.run_until_idle()
        waiting = jobs.get(with_lead.id)
        assert (waiting.state, waiting.problem) == (State.QUEUED, "The broker does not answer.")
        JobRow.objects.update(state=State.RUNNING, owner=new_owner(), leased_until=Now() + timedelta(minutes=1))
        assert helper(record)
        assert JobShareRow.objects.exclude(not_before=None).count() == 1
        away.clear()
        JobShareRow.objects.update(not_before=None)
        JobRow.objects.update(owner=dead_owner())
        jobs.run_until_idle()
    assert (jobs.get(with_lead.id).state, jobs.get(with_lead.id).progress.done) == (State.SUCCEEDED, 12)


def test_a_share_that_ends_its_workers_again_and_again_fails_the_job(jobs: JobFace, record: Acts) -> None:
    with a_job_that_is_led(jobs):
        JobShareRow.objects.exclude(name="0").update(finished=True)
        for _ in range(queue.MOST_DEATHS):
            taken(dead_owner())
        assert shares.take(new_owner(), kinds=["count"]) is None
        assert "has ended its worker 5 times" in shares.refusal(JobRow.objects.get().number)


def test_the_speed_of_a_job_is_divided_among_its_workers_and_changes_while_it_runs(jobs: JobFace) -> None:
    with a_job_that_is_led(jobs) as (job, _):
        jobs.throttle(BERT, job.id, 12.0)
        first = taken()
        assert shares.renew(first.lease).throttle == 12.0
        second = taken()
        assert shares.renew(first.lease).throttle == shares.renew(second.lease).throttle == 6.0
        jobs.throttle(BERT, job.id, None)
        assert shares.renew(first.lease).throttle is None
        with pytest.raises(ValueError, match="events a second above 0"):
            jobs.throttle(BERT, job.id, 0.0)


def test_many_small_shares_keep_to_the_speed_together(jobs: JobFace, record: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is let through at once."""
    clock = Clock()
    begun = clock.now
    monkeypatch.setattr("eventstore.jobs.running.sharing.Work", partial(Work, clock=clock))
    with known(sharing()):
        asked(jobs, sharing(), throttle=2)
        assert helper(record, clock.stop(threading.Event()))
    assert clock.now - begun == pytest.approx(len(NAMES) * EACH / 2)


def test_a_run_that_waits_for_a_slow_throttle_follows_a_faster_one_within_a_second(jobs: JobFace) -> None:
    with a_job_that_is_led(jobs) as (job, _):
        jobs.throttle(BERT, job.id, 0.1)
        clock, mine = Clock(), taken()
        stop = clock.stop(threading.Event())
        work = Work(taken_by_another(mine), stop, clock, hold=hold_of_share(mine))
        work.note({}, Progress())
        work.throttled(100)
        clock.now += 1
        jobs.throttle(BERT, job.id, 100.0)
        begun = clock.now
        work.throttled(1)
        assert clock.now - begun < 3
        assert work.throttle == 100.0
