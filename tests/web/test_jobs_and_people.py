"""Jobs and people: requests that come too late, who may know who asked for a job, and how the record tells of it."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from eventstore.jobs import State
from eventstore.jobs.models import JobRow
from tests.web import test_jobs
from tests.web.desk import Desk, hidden, text
from tests.web.test_jobs import asked, post

jobs = test_jobs.jobs


def test_a_stale_page_and_a_replayed_request_change_nothing_and_say_why(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    first = hidden(desk.get(f"/jobs/{job.id}/"))
    assert post(desk, job, "pauses", **first).status_code == 302
    paused = hidden(desk.get(f"/jobs/{job.id}/"))
    assert post(desk, job, "resumptions", **paused).status_code == 302
    replayed = post(desk, job, "pauses", **first)
    assert (replayed.status_code, jobs.get(job.id).state) == (409, State.QUEUED)
    assert "Nothing was changed. Someone has acted on it since you looked." in text(replayed)
    assert post(desk, job, "pauses", "approver").status_code == 302
    assert post(desk, job, "resumptions", **paused).status_code == 409
    assert jobs.get(job.id).state is State.PAUSED, "the approver's pause holds"
    assert post(desk, job, "resumptions", since="").status_code == 409
    assert post(desk, job, "resumptions", **hidden(desk.get(f"/jobs/{job.id}/"))).status_code == 302


def test_a_resumption_of_a_job_that_waited_does_not_resume_one_that_has_failed_since(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    JobRow.objects.update(not_before=timezone.now() + timedelta(minutes=1))
    waiting = hidden(desk.get(f"/jobs/{job.id}/"))
    JobRow.objects.update(state=State.FAILED, ended=timezone.now(), busy=None, not_before=None)
    refused = post(desk, job, "resumptions", **{**waiting, "failed": ""})
    assert (refused.status_code, jobs.get(job.id).state) == (409, State.FAILED)
    assert "It has failed meanwhile." in text(refused)
    assert hidden(refused)["failed"] == "1"
    assert post(desk, job, "resumptions", **hidden(refused)).status_code == 302
    assert post(desk, job, "resumptions", failed="1").status_code == 409


def test_who_asked_and_why_is_for_those_who_may_read_the_record(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)

    def seen(role: str) -> str:
        return " ".join(text(desk.get(address, role)) for address in (f"/jobs/{job.id}/", "/jobs/", "/"))

    post(desk, job, "pauses", "approver")
    assert "SUP-1" in seen("support") and "by support" in seen("support") and "Paused by approver." in seen("support")
    JobRow.objects.update(state=State.QUEUED, stopped_by="")
    post(desk, job, "cancellations", reason="SUP-2")
    assert "Cancelled by support." in seen("support")
    shown = seen("viewer")
    assert "Cancelled." in shown
    JobRow.objects.update(state=State.FAILED, problem="support may not do this any more (count).")
    shown += seen("viewer")
    assert "The person who asked may not do this any more" in shown
    JobRow.objects.update(state=State.PAUSED, stopped_by="approver", busy="x")
    shown += seen("viewer")
    assert "SUP-1" not in shown and "support" not in shown and "approver" not in shown


def test_the_record_says_what_the_job_of_an_open_act_is_doing_and_leads_to_it(desk: Desk, jobs: Any) -> None:
    job = asked(jobs, approval=True)
    link = f'href="/jobs/{job.id}/"'

    def record() -> HttpResponse:
        return desk.get("/audit/?action=count")

    assert "The job that does it is waiting for approval." in text(record())
    assert "it is being done at this moment" not in text(record())
    assert link in record().content.decode()
    post(desk, job, "cancellations", reason="SUP-2")
    assert "The job that does it" not in text(record()) and link not in record().content.decode()
    JobRow.objects.update(state=State.RUNNING)
    assert "The job that does it is running." in text(record()), "it was resumed after its failure"
