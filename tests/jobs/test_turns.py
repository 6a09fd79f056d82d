"""What a job went through by itself: each try that comes again, and each change of its worker."""

from collections.abc import Sequence

import pytest

from eventstore.index.indexer.lease_owner import new_owner
from eventstore.jobs import Job, Progress
from eventstore.jobs.face import JobFace
from eventstore.jobs.history import MOST, TurnKind, note
from eventstore.jobs.models import JobRow, JobShareRow
from eventstore.jobs.running import queue, shares
from tests.jobs.kinds import ANNA, COUNT, MAILER, known
from tests.jobs.test_leases import dead_owner, lease_passes, taken

AWAY = "The broker does not answer."


@pytest.fixture
def job(jobs: JobFace) -> Job:
    with known(COUNT):
        return jobs.enqueue(COUNT, MAILER, {}, actor=ANNA, reason="SUP-1", total=3)


def told(jobs: JobFace, job: Job) -> Sequence[tuple[str, str, str]]:
    return [(turn.kind.value, turn.share, turn.why) for turn in jobs.turns(job)]


def test_a_job_that_nothing_happened_to_has_no_turn(jobs: JobFace, job: Job) -> None:
    queue.rest(taken(new_owner()).lease, 0.0)
    taken(new_owner())
    assert told(jobs, job) == []


def test_each_try_again_and_each_new_worker_of_a_job_is_kept_in_order(jobs: JobFace, job: Job) -> None:
    first = taken(dead_owner())
    queue.save(first.lease, {"at": 1}, Progress(done=1), None)
    second = taken(new_owner())
    queue.try_again(second.lease, AWAY)
    JobRow.objects.update(not_before=None)
    third = taken(new_owner())
    lease_passes()
    fourth = taken(new_owner())
    queue.save(fourth.lease, {"at": 2}, Progress(done=2), None)
    queue.give_back(fourth.lease)
    taken(new_owner())
    assert told(jobs, job) == [
        ("taken_over", "", ""),
        ("retry", "", AWAY),
        ("taken_over", "", ""),
        ("taken_up", "", ""),
    ]
    assert third.lease.epoch == 3


def test_those_of_a_share_are_kept_with_its_name(jobs: JobFace, job: Job) -> None:
    number = taken(new_owner()).lease.number
    shares.make(number, {"0": 3, "1": 3})
    first = shares.take(dead_owner(), job=number)
    second = shares.take(new_owner(), job=number)
    assert first is not None and second is not None and first.share.name == second.share.name == "0"
    shares.try_again(second.lease, AWAY)
    JobShareRow.objects.update(not_before=None)
    assert shares.take(new_owner(), job=number) is not None
    assert told(jobs, job) == [("taken_over", "0", ""), ("retry", "0", AWAY)]


def test_a_worker_that_has_lost_a_share_notes_nothing(jobs: JobFace, job: Job) -> None:
    number = taken(new_owner()).lease.number
    shares.make(number, {"0": 3})
    first = shares.take(dead_owner(), job=number)
    shares.take(new_owner(), job=number)
    assert first is not None
    with pytest.raises(queue.JobLost):
        shares.try_again(first.lease, AWAY)
    assert told(jobs, job) == [("taken_over", "0", "")]


def test_only_the_newest_are_kept(jobs: JobFace, job: Job) -> None:
    for turn in range(MOST + 3):
        note(job.number, TurnKind.RETRY, why=str(turn))
    assert [why for _, _, why in told(jobs, job)] == [str(turn) for turn in range(3, MOST + 3)]
