"""The pages of jobs: the list, one job live, and what a person may do to one."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from dashboard.access import policy
from dashboard.access.policy import HELPERS, Rule
from dashboard.auditing.acts import acts
from dashboard.jobs import words
from dashboard.jobs.words import KindWords, tell_jobs
from eventstore.actions import Actor, subscription_resource
from eventstore.jobs import Job, Progress, State, Wish
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import queue
from eventstore.model.errors import StoreUnreachable
from tests.jobs.kinds import counting, kind_of, known
from tests.people import person
from tests.web.desk import NAME, TOPIC, Desk, attribute, text

COUNT = kind_of(counting(3))
MAILER = subscription_resource(TOPIC, NAME)


@pytest.fixture
def jobs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setitem(policy._rules, COUNT.name, Rule(roles=HELPERS))
    desk.publish(3)
    desk.subscribe()
    with known(COUNT):
        yield desk.faces.jobs


def asked(jobs: Any, **more: Any) -> Job:
    job: Job = jobs.enqueue(COUNT, MAILER, {}, actor=Actor(name=person("support").username), reason="SUP-1", total=3, **more)
    return job


def post(desk: Desk, job: Job, noun: str, role: str = "support", **given: str) -> HttpResponse:
    """As the button of the page that shows the job as it is now, or as ``given`` says."""
    now = desk.faces.jobs.get(job.id)
    seen = {"since": str(desk.faces.jobs.newest_act(now)), "failed": "1" if now.state is State.FAILED else ""}
    return desk.client(role).post(f"/jobs/{job.id}/{noun}/", {**seen, **given})  # type: ignore[return-value]


def buttons(answer: HttpResponse) -> list[str]:
    main = answer.content.decode().partition("<main")[2].partition("</main")[0]
    return re.findall(r'<button[^>]*class="button[^>]*>([^<]+)</button>', main)


def test_without_jobs_the_page_says_so_and_loads_again_when_there_is_one(desk: Desk, jobs: Any) -> None:
    assert "No jobs yet" in text(desk.get("/jobs/"))
    assert desk.refreshed_empty("/jobs/").status_code == 204
    asked(jobs)
    assert desk.refreshed_empty("/jobs/").headers["HX-Refresh"] == "true"


def test_the_list_shows_each_job_with_its_state_and_progress(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    answer = desk.get("/jobs/")
    assert attribute(answer, "data-job") == [job.id]
    seen = text(answer)
    assert f"Count {job.id}" in seen
    assert "queued" in seen and "0 of 3 events" in seen and "support" in seen
    assert "Jobs are queued, and no worker is running" in seen
    jobs.run_until_idle()
    seen = text(desk.get("/jobs/", fragment=True))
    assert "succeeded" in seen and "3 of 3 events" in seen
    assert attribute(desk.get("/jobs/?show=ended"), "data-job") == [job.id]
    assert "No job is under way" in text(desk.get("/jobs/?show=open"))


def test_the_list_is_read_page_by_page(desk: Desk, jobs: Any, settings: Any) -> None:
    row = JobRow.objects.get(id=jobs.cancel(Actor(name="support"), asked(jobs).id).id)
    for number in range(51):
        row.number, row.id = None, f"{number:012x}"
        row.save(force_insert=True)
    first = desk.get("/jobs/")
    assert len(attribute(first, "data-job")) == 50
    (older,) = re.findall(r'rel="next" href="([^"]+)"', first.content.decode())
    second = desk.get(older.replace("&amp;", "&"))
    assert len(attribute(second, "data-job")) == 2
    assert not set(attribute(first, "data-job")) & set(attribute(second, "data-job"))
    for strange in ("x", "-1", "9" * 40, "0"):
        assert desk.get(f"/jobs/?page={strange}").status_code == 200


def test_a_jobs_page_says_who_asked_for_what_and_why(desk: Desk, jobs: Any) -> None:
    job = asked(jobs, throttle=20)
    seen = text(desk.get(f"/jobs/{job.id}/"))
    assert "Count: mailer " in seen and "mailer on patients" in seen
    assert "by support" in seen and "SUP-1" in seen and "at most 20/s" in seen
    assert "No running worker takes jobs of this kind" in seen
    assert f"/audit/?act={job.act}" in desk.get(f"/jobs/{job.id}/").content.decode()
    assert "audit entry" not in text(desk.get(f"/jobs/{job.id}/", "viewer"))


def test_a_running_job_shows_its_rate_and_its_time_to_go_and_refreshes_until_it_has_ended(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    taken = queue.take("worker", [COUNT.name])
    assert taken is not None
    queue.save(taken.lease, {}, Progress(done=1, total=3), 0.5)
    answer = desk.get(f"/jobs/{job.id}/", fragment=True)
    assert attribute(answer, "data-state") == ["running"]
    assert attribute(answer, "data-refresh") == ["2"]
    seen = text(answer)
    assert "1 of 3 events" in seen and "0.5/s" in seen and "about 4 seconds" in seen
    JobRow.objects.update(owner="")
    queue.end(queue.Lease(number=taken.lease.number, owner="", epoch=1), State.SUCCEEDED, "done")  # type: ignore[arg-type]
    assert desk.get(f"/jobs/{job.id}/", fragment=True).headers["HX-Refresh"] == "true"
    assert attribute(desk.get(f"/jobs/{job.id}/"), "data-refresh") == []


def test_pausing_and_resuming_are_one_click_each_and_on_the_record(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    assert buttons(desk.get(f"/jobs/{job.id}/")) == ["Pause", "Change the speed", "Cancel this job"]
    assert post(desk, job, "pauses").status_code == 302
    page = desk.get(f"/jobs/{job.id}/")
    assert "The job is paused." in text(page) and "Paused by support." in text(page)
    assert buttons(page) == ["Resume", "Change the speed", "Cancel this job"]
    assert post(desk, job, "resumptions").status_code == 302
    assert [(act.action, act.actor, act.state) for act in acts()] == [
        ("resume_job", "support", "done"),
        ("pause_job", "support", "done"),
        ("count", "support", "intended"),
    ]


def test_the_speed_is_changed_while_a_job_runs_and_is_on_the_record(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    assert post(desk, job, "throttles", per_second="12.5").status_code == 302
    page = text(desk.get(f"/jobs/{job.id}/"))
    assert "at most 12.50/s" in page and "It handles at most 12.50 events a second." in page
    assert acts(action="throttle_job")[0].details["per_second"] == 12.5
    for wrong in ("0", "-1", "nan", "inf", "fast"):
        refused = post(desk, job, "throttles", per_second=wrong)
        assert (refused.status_code, "Give a number of events a second" in text(refused)) == (400, True), wrong
    assert jobs.get(job.id).throttle == 12.5
    assert post(desk, job, "throttles", per_second="").status_code == 302
    assert jobs.get(job.id).throttle is None
    assert post(desk, job, "throttles", per_second="5", since="0").status_code == 409
    assert jobs.get(job.id).throttle is None


def test_a_second_click_changes_nothing_and_says_why(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    post(desk, job, "pauses")
    again = post(desk, job, "pauses")
    assert again.status_code == 409
    assert "Nothing was changed. It is paused by support, so it cannot be paused." in text(again)
    assert len(acts(action="pause_job")) == 1
    post(desk, job, "cancellations", reason="SUP-2")
    for noun in ("pauses", "resumptions", "cancellations", "approvals", "throttles"):
        refused = post(desk, job, noun, "admin", reason="SUP-2")
        assert (refused.status_code, "Nothing was changed" in text(refused)) == (409, True), noun
    assert jobs.get(job.id).state is State.CANCELLED


def test_cancelling_needs_a_reason_and_names_who_did_it(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    refused = post(desk, job, "cancellations", reason=" ")
    assert (refused.status_code, jobs.get(job.id).state) == (400, State.QUEUED)
    assert "Say why, for the record" in text(refused)
    assert post(desk, job, "cancellations", reason="SUP-2").status_code == 302
    page = desk.get(f"/jobs/{job.id}/")
    assert "Cancelled by support." in text(page)
    assert buttons(page) == []
    count, cancel = acts(action="count")[0], acts(action="cancel_job")[0]
    assert (count.actor, count.state, count.outcome["reason"]) == ("support", "failed", "Cancelled by support.")
    assert (cancel.details["reason"], cancel.resource.subscription, cancel.resource.name) == ("SUP-2", NAME, job.id)
    assert "SUP-2" in text(desk.get("/audit/"))


def test_a_job_that_a_worker_has_is_cancelled_when_nothing_of_it_is_half_done(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    assert queue.take("worker", [COUNT.name]) is not None
    post(desk, job, "pauses")
    page = desk.get(f"/jobs/{job.id}/")
    assert "being paused" in text(page) and buttons(page) == ["Resume", "Change the speed", "Cancel this job"]
    post(desk, job, "cancellations", reason="SUP-2")
    page = desk.get(f"/jobs/{job.id}/")
    assert "as soon as nothing of it is half done" in text(page) and "being cancelled" in text(page)
    assert buttons(page) == []
    assert jobs.get(job.id).wish is Wish.CANCEL


def test_a_viewer_may_look_and_nothing_else(desk: Desk, jobs: Any) -> None:
    job = asked(jobs)
    assert attribute(desk.get("/jobs/", "viewer"), "data-job") == [job.id]
    assert buttons(desk.get(f"/jobs/{job.id}/", "viewer")) == []
    nouns = ("pauses", "resumptions", "cancellations", "approvals", "throttles")
    for noun in nouns:
        assert post(desk, job, noun, "viewer", reason="x").status_code == 403, noun
    assert jobs.get(job.id).state is State.QUEUED
    refused = [act for act in acts() if act.action == "refused"]
    assert (len(refused), len(acts())) == (len(nouns), len(nouns) + 1)
    assert {act.actor for act in refused} == {"viewer"}


def test_a_job_is_approved_by_an_approver_who_did_not_ask_for_it(desk: Desk, jobs: Any) -> None:
    job = asked(jobs, approval=True)
    assert "waiting for approval" in text(desk.get(f"/jobs/{job.id}/"))
    assert post(desk, job, "approvals", "support").status_code == 403
    assert buttons(desk.get(f"/jobs/{job.id}/", "approver")) == ["Approve", "Change the speed", "Cancel this job"]
    assert post(desk, job, "approvals", "approver").status_code == 302
    assert jobs.get(job.id).state is State.QUEUED


def test_a_job_that_waits_for_the_store_says_why_and_can_be_tried_now(desk: Desk, jobs: Any, monkeypatch: Any) -> None:
    def away(step: int) -> None:
        raise StoreUnreachable("The broker does not answer.")

    flaky = kind_of(counting(1, away), "flaky", exclusive=False)
    monkeypatch.setitem(policy._rules, "flaky", Rule(roles=HELPERS))
    with known(flaky):
        job = jobs.enqueue(flaky, MAILER, {}, actor=Actor(name=person("support").username), reason="")
        jobs.run_until_idle()
        page = desk.get(f"/jobs/{job.id}/")
        assert "waiting to retry" in text(page) and "The broker does not answer. Next try" in text(page)
        assert buttons(page) == ["Pause", "Try now", "Change the speed", "Cancel this job"]
        post(desk, job, "resumptions")
        assert jobs.get(job.id).not_before is None


def test_a_capability_names_what_its_jobs_count_and_adds_facts(desk: Desk, jobs: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(words, "_words", {})
    tell_jobs(COUNT.name, KindWords(unit="letter", facts=lambda job: [("Target", "retry <topic>")]))
    answer = desk.get(f"/jobs/{asked(jobs).id}/")
    assert "0 of 3 letters" in text(answer)
    assert "retry &lt;topic&gt;" in answer.content.decode()


def test_a_job_that_is_not_there_is_not_found(desk: Desk, jobs: Any) -> None:
    for id in ("nothing", "~zz", "a~2Fb", "x" * 300):
        assert desk.get(f"/jobs/{id}/").status_code == 404, id
    assert "All jobs" in text(desk.get("/jobs/abcdef123456/"))
    for id in ("abcdef123456", "a~00b", "~zz"):
        for noun in ("pauses", "resumptions", "cancellations", "approvals", "throttles"):
            answer = desk.client("admin").post(f"/jobs/{id}/{noun}/", {"since": "0", "reason": "SUP-2"})
            assert answer.status_code == 404, (id, noun)


def test_the_overview_lists_jobs_that_need_attention_and_no_others(desk: Desk, jobs: Any) -> None:
    def listed() -> list[str]:
        return [id for id in attribute(desk.get("/"), "data-job") if id]

    job = asked(jobs)
    assert listed() == []
    post(desk, job, "pauses")
    assert listed() == [job.id]
    assert "Count: mailer on patients, 0 of 3 events" in text(desk.get("/"))
    post(desk, job, "resumptions")
    assert listed() == []
    JobRow.objects.update(asked=timezone.now() - timedelta(minutes=1))
    assert listed() == [job.id], "no worker takes it"
    queue.heartbeat("worker", [COUNT.name])
    assert listed() == []
    JobRow.objects.update(state=State.FAILED, ended=timezone.now(), busy=None)
    assert listed() == [job.id]
    JobRow.objects.update(ended=timezone.now() - timedelta(days=8))
    assert listed() == []
