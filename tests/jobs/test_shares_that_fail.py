"""What becomes of a job's other shares when one cannot be done, or is left by a worker that is gone."""

import threading
import time
from typing import Any

import pytest
from django.db import connections

from eventstore.jobs import State
from eventstore.jobs.face import JobFace
from eventstore.jobs.models import JobShareRow
from eventstore.jobs.running import queue, shares, sharing
from eventstore.jobs.running.sharing import Lead
from eventstore.jobs.running.work import Work
from eventstore.model.errors import StoreRefused
from tests.jobs.kinds import NO_STORAGE, Acts, asked, known
from tests.jobs.test_shares import a_job_that_is_led, helper, taken
from tests.jobs.test_shares import sharing as sharing_kind


def test_a_job_that_fails_counts_what_its_helpers_have_done_until_they_end(jobs: JobFace, record: Acts) -> None:
    """The lead's share is refused while a helper is in the middle of its own, at its second number."""
    in_the_middle = threading.Event()

    def at(name: str, number: int) -> None:
        if threading.current_thread() is not helping:
            helping.start()  # not before, or it might lead
            assert in_the_middle.wait(60)
            raise StoreRefused("The broker refuses the producer.")
        if number == 2:
            in_the_middle.set()
            while not JobShareRow.objects.filter(refused=True).exists():
                time.sleep(0.01)

    def work() -> None:
        while not in_the_middle.is_set() and not jobs.get(job.id).state.has_ended:
            helper(record)
        connections.close_all()

    kind, helping = sharing_kind(at), threading.Thread(target=work)
    with known(kind):
        job = asked(jobs, kind)
        jobs.run_until_idle()
        helping.join()
    failed = jobs.get(job.id)
    assert (failed.state, failed.problem) == (State.FAILED, "The broker refuses the producer.")
    assert failed.progress.done == sum(one.progress.done for one in jobs.shares(failed)) == 2
    assert not any(one.held for one in jobs.shares(failed))


def test_a_process_that_is_to_end_waits_for_helpers_without_asking_all_the_time(
    jobs: JobFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        JobShareRow.objects.update(leased_until=None)

    def note(*_: Any) -> None:
        assert len(notes) < 3, "asked again at once"
        notes.append(1)

    notes: list[int] = []
    monkeypatch.setattr(sharing, "time", type("Clock", (), {"sleep": staticmethod(sleep)}))
    with a_job_that_is_led(jobs) as (_, lead):
        taken()
        stop = threading.Event()
        stop.set()
        work = Work(lead, stop)
        monkeypatch.setattr(work, "note", note)
        Lead(storage=NO_STORAGE, run_share=lambda *_: None)._await_others(work, {})
    assert (len(slept), len(notes)) == (1, 2)


def test_a_share_that_ends_its_workers_hides_no_other_that_is_half_done(jobs: JobFace) -> None:
    with a_job_that_is_led(jobs) as (_, lead):
        rows = JobShareRow.objects
        rows.filter(name="0").update(tidy=False, deaths=queue.MOST_DEATHS, refused=True)
        rows.filter(name="1").update(tidy=False)
        found = shares.take(lead.lease.owner, job=lead.lease.number, untidy=True)
        assert found is not None and found.share.name == "1"
        shares.give_back(found.lease, tidy=True)
        assert shares.take(lead.lease.owner, job=lead.lease.number, untidy=True) is None


def test_a_helper_is_told_to_end_once_a_share_cannot_be_done(jobs: JobFace) -> None:
    with a_job_that_is_led(jobs):
        mine, broken = taken(), taken()
        assert shares.renew(mine.lease).wish == ""
        shares.refuse(broken.lease, "The broker refuses the producer.")
        assert shares.renew(mine.lease).wish == "pause"
