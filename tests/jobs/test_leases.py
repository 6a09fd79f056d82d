"""Workers and their leases: two at one job, one that wakes too late, one that is killed, and one without a database."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from eventstore.actions import Ending
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.jobs import Interruption, Job, JobInterrupted, Progress, State, Wish
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import queue
from eventstore.jobs.running.queue import LEASE, JobLost, Taken
from eventstore.jobs.running.work import Work
from tests.jobs.kinds import ANNA, BERT, COUNT, MAILER, Acts, counting, face_of, kind_of, known

KINDS = ("count",)


@pytest.fixture
def job(jobs: JobFace) -> Job:
    with known(COUNT):
        return jobs.enqueue(COUNT, MAILER, {}, actor=ANNA, reason="SUP-1", total=3)


def taken(owner: str) -> Taken:
    found = queue.take(owner, KINDS)
    assert found is not None
    return found


def lease_passes() -> None:
    JobRow.objects.update(leased_until=Now() - timedelta(seconds=1))


def dead_owner() -> str:
    """A worker of this machine and boot whose process is gone: one of that number began at another time."""
    parts = new_owner().split(" ")
    return " ".join([*parts[:-2], "1", parts[-1]])


def test_of_two_workers_one_gets_the_job(job: Job) -> None:
    first = taken(new_owner())
    assert queue.take(new_owner(), KINDS) is None
    assert (first.job.state, first.lease.epoch) == (State.RUNNING, 1)


def test_workers_at_the_same_moment_take_each_job_once(jobs: JobFace) -> None:
    kind = kind_of(counting(1), exclusive=False)
    with known(kind):
        made = {jobs.enqueue(kind, MAILER, {}, actor=ANNA, reason="").id for _ in range(12)}
    found: list[str] = []

    def work() -> None:
        from django.db import connections

        owner = new_owner()
        while (one := queue.take(owner, KINDS)) is not None:
            found.append(one.job.id)
            queue.end(one.lease, State.SUCCEEDED, Ending.DONE)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found) == sorted(made)


def test_a_worker_that_wakes_after_its_lease_has_passed_changes_nothing(job: Job) -> None:
    late = taken(new_owner())
    queue.save(late.lease, {"at": 1}, Progress(done=1), None)
    lease_passes()
    other = taken(new_owner())
    assert (other.job.checkpoint, other.lease.epoch) == ({"at": 1}, 2)
    writes: list[Callable[[], object]] = [
        lambda: queue.save(late.lease, {"at": 2}, Progress(done=2), None),
        lambda: queue.renew(late.lease),
        lambda: queue.give_back(late.lease),
        lambda: queue.try_again(late.lease, "away"),
        lambda: queue.end(late.lease, State.SUCCEEDED, Ending.DONE),
    ]
    before = JobRow.objects.values().get()
    for write in writes:
        with pytest.raises(JobLost):
            write()
    assert JobRow.objects.values().get() == before


def test_a_worker_whose_lease_has_passed_keeps_the_job_if_it_is_the_first_to_come(job: Job) -> None:
    late = taken(new_owner())
    lease_passes()
    queue.save(late.lease, {"at": 2}, Progress(done=2), None)
    assert queue.take(new_owner(), KINDS) is None


def test_the_job_of_a_worker_that_is_gone_is_taken_over_before_its_lease_has_passed(job: Job) -> None:
    queue.save(taken(dead_owner()).lease, {"at": 1}, Progress(done=1), None)
    assert taken(new_owner()).job.checkpoint == {"at": 1}


def test_a_worker_takes_its_own_job_again_that_it_lost_on_the_way(job: Job) -> None:
    owner = new_owner()
    taken(owner)
    assert taken(owner).lease.epoch == 2


def test_a_job_that_ends_its_workers_again_and_again_is_ended(jobs: JobFace, record: Acts, job: Job) -> None:
    for _ in range(queue.MOST_DEATHS):
        taken(dead_owner())
    with known(COUNT):
        assert jobs.run_until_idle() == 1
    ended = jobs.get(job.id)
    assert (ended.state, ended.progress.done) == (State.FAILED, 0)
    assert ended.problem == "It has ended its worker 5 times in a row without any progress."
    assert record.of(job.act) == ["unknown"]


def test_a_worker_that_gets_on_before_it_is_killed_may_be_killed_as_often_as_one_likes(jobs: JobFace, job: Job) -> None:
    for at in range(queue.MOST_DEATHS * 2):
        queue.save(taken(dead_owner()).lease, {"done": 0, "read": at}, Progress(), None)
        assert JobRow.objects.get().deaths == 0, at
    with known(COUNT):
        jobs.run_until_idle()
    assert jobs.get(job.id).state is State.SUCCEEDED


def test_a_stopped_worker_gives_its_job_back_at_its_next_save(jobs: JobFace, record: Acts) -> None:
    stop, steps = threading.Event(), list[int]()

    def at(step: int) -> None:
        steps.append(step)
        if step == 2:
            stop.set()

    kind = kind_of(counting(3, at))
    with known(kind):
        job = jobs.enqueue(kind, MAILER, {}, actor=ANNA, reason="")
        jobs.run(stop)
        back = jobs.get(job.id)
        assert (back.state, back.checkpoint, JobRow.objects.get().owner) == (State.QUEUED, {"done": 2}, "")
        assert jobs.workers() == 0
        assert face_of(record).run_until_idle() == 1
    assert steps == [1, 2, 3]


def test_a_cancellation_between_the_last_save_and_the_giving_back_is_not_lost(jobs: JobFace, job: Job) -> None:
    mine = taken(new_owner())
    with known(COUNT):
        jobs.cancel(BERT, job.id)
    assert queue.give_back(mine.lease) is State.CANCELLED
    assert jobs.get(job.id).problem == "Cancelled by bert."


def test_a_job_that_is_to_be_cancelled_when_the_store_goes_away_is_cancelled_when_it_is_back(jobs: JobFace, job: Job) -> None:
    mine = taken(new_owner())
    with known(COUNT):
        jobs.cancel(BERT, job.id)
        queue.try_again(mine.lease, "The broker does not answer.")
        waiting = jobs.get(job.id)
        assert (waiting.state, waiting.wish) == (State.QUEUED, Wish.CANCEL)
        JobRow.objects.update(not_before=None)
        jobs.run_until_idle()
    assert jobs.get(job.id).state is State.CANCELLED


class Clock:
    """Monotonic seconds that pass when somebody waits. ``on_wait`` is called with each wait."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def stop(self, asked: threading.Event) -> Any:
        clock = self

        class Stop:
            is_set = asked.is_set

            @staticmethod
            def wait(seconds: float) -> bool:
                clock.now += seconds
                clock.waits.append(seconds)
                return asked.is_set()

        return Stop()


def work_of(mine: Taken, clock: Clock, asked: threading.Event | None = None) -> Work:
    return Work(mine, clock.stop(asked or threading.Event()), clock)


def failing(monkeypatch: pytest.MonkeyPatch, clock: Clock, seconds: float) -> None:
    """The database does not answer for this long, by the clock."""
    until, save = clock.now + seconds, queue.save

    def away(*given: Any) -> queue.Told:
        if clock.now < until:
            raise OperationalError("the database is away")
        return save(*given)

    monkeypatch.setattr(queue, "save", away)


def test_a_worker_waits_for_its_database_as_long_as_nobody_else_may_have_the_job(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    work = work_of(taken(new_owner()), clock)
    failing(monkeypatch, clock, LEASE.total_seconds() / 2)
    work.save({"at": 1}, Progress(done=1))
    assert JobRow.objects.get().done == 1
    assert sum(clock.waits) >= LEASE.total_seconds() / 2


def test_a_worker_whose_database_is_away_for_longer_than_its_lease_does_nothing_more(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    work = work_of(taken(new_owner()), clock)
    failing(monkeypatch, clock, LEASE.total_seconds() * 2)
    with pytest.raises(JobInterrupted) as raised:
        work.save({"at": 1}, Progress(done=1))
    assert raised.value.why is Interruption.LOST
    assert clock.now < 100 + LEASE.total_seconds() + 2


def test_a_throttle_spreads_the_work_evenly_and_keeps_the_lease(job: Job) -> None:
    JobRow.objects.update(throttle=2)
    clock, mine = Clock(), taken(new_owner())
    work = work_of(mine, clock)
    begun = clock.now
    for _ in range(10):
        work.throttled(1)
    assert clock.now - begun == pytest.approx(4.5)
    work.throttled(100)
    lease_passes()
    work.throttled(1)
    assert clock.now - begun == pytest.approx(55)
    assert JobRow.objects.filter(leased_until__gt=Now()).exists()


def test_a_throttled_job_does_not_keep_anybody_waiting_who_wants_it_to_end(job: Job) -> None:
    JobRow.objects.update(throttle=0.001)
    clock, asked = Clock(), threading.Event()
    work = work_of(taken(new_owner()), clock, asked)
    work.throttled(1)
    asked.set()
    work.throttled(1)
    assert work.is_asked_to_end
    with pytest.raises(JobInterrupted) as raised:
        work.save({}, Progress())
    assert raised.value.why is Interruption.STOP


def test_a_run_that_finishes_what_is_half_done_can_note_it_although_it_is_to_end(jobs: JobFace, job: Job) -> None:
    work = work_of(taken(new_owner()), Clock())
    with known(COUNT):
        jobs.pause(BERT, job.id)
    with pytest.raises(JobInterrupted):
        work.save({"at": 1}, Progress(done=1))
    work.note({"at": 2}, Progress(done=2))
    assert work.is_asked_to_end
    assert jobs.get(job.id).checkpoint == {"at": 2}


def test_the_rate_is_that_of_the_last_half_minute(jobs: JobFace, job: Job) -> None:
    clock = Clock()
    work = work_of(taken(new_owner()), clock)
    for step in range(1, 101):
        clock.now += 1
        work.save({}, Progress(done=step if step <= 60 else 2 * step - 60, total=260))
    found = jobs.get(job.id)
    assert found.rate == pytest.approx(2, abs=0.05)
    assert found.seconds_to_go == pytest.approx(60, abs=2)


def test_a_checkpoint_that_is_too_large_is_refused_in_words(job: Job) -> None:
    work = work_of(taken(new_owner()), Clock())
    with pytest.raises(ValueError, match="at most 64,000 are kept"):
        work.save({"all": "x" * 64_000}, Progress())


def test_workers_are_counted_by_what_they_know(jobs: JobFace, job: Job) -> None:
    queue.heartbeat(new_owner(), ["count", "other"])
    queue.heartbeat(new_owner(), ["other"])
    queue.heartbeat(dead_owner(), ["count"])
    assert (jobs.workers(), jobs.workers("count"), jobs.workers("strange")) == (2, 1, 0)
