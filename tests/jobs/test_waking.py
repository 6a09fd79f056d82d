"""A worker waits for work: it is told of it, and misses nothing between a look and its wait."""

import threading
from pathlib import Path

import pytest
from django.db import connections

from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import waking
from eventstore.jobs.running.waking import Waker
from eventstore.jobs.running.worker import Runner, run_until_stopped
from tests.elsewhere import elsewhere
from tests.jobs.kinds import ANNA, COUNT, NO_STORAGE, Acts, asked, face_of, known

LONG = 20.0
"""Seconds: whoever waited for so long was not told."""


@pytest.fixture(params=["sqlite", "postgres"])
def jobs(request: pytest.FixtureRequest, desk_databases: dict[str, str], record: Acts) -> JobFace:
    if request.param == "postgres":
        request.getfixturevalue("desk_on_postgres")
    return face_of(record)


def test_a_job_that_is_asked_for_during_the_wait_ends_it(jobs: JobFace) -> None:
    waker, stop = Waker(), threading.Event()
    waker.begin()
    asking = threading.Timer(0.2, elsewhere, [lambda: asked(jobs)])
    with known(COUNT):
        asking.start()
        assert waker.wait(stop, LONG)
        asking.join()
    assert JobRow.objects.count() == 1


def test_a_job_that_is_asked_for_between_the_look_and_the_wait_is_not_missed(jobs: JobFace) -> None:
    waker = Waker()
    waker.begin()
    with known(COUNT):
        elsewhere(lambda: asked(jobs))
        assert waker.wait(threading.Event(), LONG)


@pytest.mark.parametrize("change", ["resume", "throttle"])
def test_what_a_person_wants_of_a_job_ends_the_wait(jobs: JobFace, change: str) -> None:
    with known(COUNT):
        job = asked(jobs)
        jobs.pause(ANNA, job.id)
        waker = Waker()
        waker.begin()
        does = {"resume": lambda: jobs.resume(ANNA, job.id), "throttle": lambda: jobs.throttle(ANNA, job.id, 5.0)}
        elsewhere(does[change])
        assert waker.wait(threading.Event(), LONG)


def test_the_end_of_the_worker_ends_the_wait(jobs: JobFace) -> None:
    waker, stop = Waker(), threading.Event()
    waker.begin()
    stop.set()
    waker.wait(stop, waking.LONGEST)


def test_a_wait_without_a_look_before_it_is_a_plain_one(jobs: JobFace) -> None:
    assert not Waker().wait(threading.Event(), 0.01)


def test_a_connection_that_was_closed_meanwhile_is_made_anew(jobs: JobFace) -> None:
    waker = Waker()
    waker.begin()
    connections["default"].close()
    waker.wait(threading.Event(), 0.01)
    waker.begin()
    with known(COUNT):
        elsewhere(lambda: asked(jobs))
        assert waker.wait(threading.Event(), LONG)


def test_a_log_that_tells_no_more_is_watched_again(desk_databases: dict[str, str]) -> None:
    waker = Waker()
    waker.begin()
    if waker._log is None or not waker._log.tells:
        pytest.skip("nobody tells here")
    waker._log.close()  # as it does once the log was removed
    waker.begin()
    assert waker._log.tells
    waker.close()


def watched() -> list[str]:
    """The file numbers with which this process is told of changes."""
    numbers = Path("/proc/self/fd")
    if not numbers.exists():
        pytest.skip("nobody tells here")
    kinds = {"anon_inode:inotify", "anon_inode:[eventfd]"}
    return [each.name for each in numbers.iterdir() if each.is_symlink() and str(each.readlink()) in kinds]


def test_a_worker_that_ends_watches_nothing_any_more(jobs: JobFace) -> None:
    before, stop = set(watched()), threading.Event()
    runner = Runner(storage=NO_STORAGE, safeguards=jobs._safeguards, stop=stop)
    ending = threading.Timer(0.3, stop.set)
    ending.start()
    run_until_stopped(runner)
    ending.join()
    assert set(watched()) <= before
