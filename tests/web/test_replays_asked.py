"""Asking for a replay and approving it, over HTTP: what is confirmed, what is stale, and who may agree to what."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models.functions import Now
from django.http import HttpResponse

from dashboard.auditing.acts import acts
from dashboard.models import Person, Role
from eventstore.jobs import Job, State
from eventstore.jobs.models import JobRow
from eventstore.model import Position
from eventstore.replays.order import REPLAY_ID
from tests.people import person
from tests.web.desk import TOPIC, Desk, attribute, event, hidden, text
from tests.web.replaying import PROJECTION, REPLAY_TOPIC, declared, furnish, join, trim

NEW, CONFIRMATIONS = "/replays/new/", "/replays/confirmations/"
WHY, TICKET = "The document is missing in the app", "SUP-8812"
OF_4711 = {"type": "patient", "id": "4711"}
EVERYTHING = {"projection": PROJECTION, "kind": "everything"}


@pytest.fixture
def replaying(desk: Desk) -> Iterator[Desk]:
    with declared():
        furnish(desk)
        yield desk


def preview(desk: Desk, query: dict[str, str], role: str = "support") -> HttpResponse:
    return desk.get(f"{NEW}?{urlencode(query)}", role)


def confirm(desk: Desk, shown: HttpResponse, role: str = "support", **entered: Any) -> HttpResponse:
    ticks = attribute(shown, "data-hazard")
    given = {**hidden(shown), "reason": WHY, "ticket": TICKET, "read": ticks, **entered}
    return desk.client(role).post(CONFIRMATIONS, given)  # type: ignore[return-value]


def asked_for(desk: Desk, query: dict[str, str] = EVERYTHING, role: str = "support") -> Job:
    """The job after the whole way to it."""
    answer = confirm(desk, preview(desk, query, role), role)
    assert answer.status_code == 302, text(answer)
    return desk.faces.jobs.newest(limit=1)[0]


def approve(desk: Desk, job: Job, role: str = "admin", **entered: str) -> HttpResponse:
    shown = desk.get(f"/replays/{job.id}/approval/", "admin")
    since = hidden(shown).get("since", "0")
    given = {"digest": job.digest, "since": since, **entered}
    return desk.client(role).post(f"/replays/{job.id}/approvals/", given)  # type: ignore[return-value]


def state_of(desk: Desk, job: Job) -> State:
    return desk.faces.jobs.get(job.id).state


def test_one_patients_events_are_replayed_to_the_only_projection_and_nobody_elses(replaying: Desk) -> None:
    shown = preview(replaying, OF_4711)
    assert "Replay 3 events of patient 4711 to app-timeline" in text(shown)
    assert attribute(shown, "data-events") == ["3"]
    assert "Reaches app-timeline only" in text(shown)
    assert "None of these event types has a declared side effect" in text(shown)
    assert attribute(shown, "data-event-id") == ["e-0", "e-1", "e-2"]
    answer = confirm(replaying, shown)
    assert re.fullmatch(r"/replays/[0-9a-f]{12}/", answer["Location"]), text(answer)
    again = confirm(replaying, shown)
    assert again["Location"] == answer["Location"]  # the button was pressed twice
    (job,) = replaying.faces.jobs.newest()
    assert (job.state, job.progress.total, job.arguments["ticket"]) == (State.QUEUED, 3, TICKET)
    (act,) = acts(action="replay_events")
    assert (act.actor, act.details["events"], act.details["reason"]) == ("support", 3, WHY)
    assert (act.details["event_ids"], act.details["ticket"]) == (["e-0", "e-1", "e-2"], TICKET)
    replaying.faces.jobs.run_until_idle()
    copies = replaying.log.read_forward(REPLAY_TOPIC, 0, limit=10)
    assert [copy.properties["ce_id"] for copy in copies] == ["e-0", "e-1", "e-2"]
    assert {copy.properties[REPLAY_ID] for copy in copies} == {job.id}


def test_nothing_is_asked_for_without_a_right_a_reason_a_ticket_or_a_choice(replaying: Desk) -> None:
    shown = preview(replaying, OF_4711)
    for entered in ({"reason": " "}, {"ticket": ""}, {"throttle": "fast"}):
        assert confirm(replaying, shown, **entered).status_code == 422, entered
    assert preview(replaying, OF_4711, "viewer").status_code == 403
    assert confirm(replaying, shown, "viewer").status_code == 403
    for query, says in (
        ({}, "Choose the projection"),
        ({"projection": PROJECTION}, "Choose the events"),
        ({"projection": PROJECTION, "kind": "since"}, "Give the time"),
        ({"projection": PROJECTION, "kind": "filter", "filter": "no-such:x"}, "there is no such field"),
        ({"projection": PROJECTION, "kind": "since", "since": "soon"}, "Give a day and a time"),
        ({"projection": "nobody"}, "No projection of this name"),
        ({**OF_4711, "id": "stranger", "projection": PROJECTION}, "No event matches"),
        ({"projection": PROJECTION, "kind": "event", "event": "e-77"}, "No event in the topics"),
    ):
        assert says in text(preview(replaying, query)), query
    for until in ('{"patients": 3}', '{"patients": {"0": Infinity}}', "[" * 100_000):
        assert confirm(replaying, shown, until=until).status_code == 400
    assert confirm(replaying, shown, digest="0" * 64).status_code == 409
    assert not replaying.faces.jobs.newest()
    assert not acts(action="replay_events")


def test_a_plan_that_aged_by_new_events_is_confirmed_and_one_whose_cursor_was_moved_back_is_not(replaying: Desk) -> None:
    good, old = preview(replaying, OF_4711), preview(replaying, OF_4711)
    replaying.publish(2, start=30)
    third: Position = replaying.log.read_forward(TOPIC, 0, limit=3)[2].position
    replaying.subscriptions.reset_cursor(replaying.log.topic(TOPIC).name, PROJECTION, {0: third})
    stale = confirm(replaying, old)
    assert (stale.status_code, "Something has changed" in text(stale)) == (409, True)
    assert "still wait" in text(stale)  # the new preview names the new hazard
    assert not replaying.faces.jobs.newest()
    join(replaying, handled=7)
    assert confirm(replaying, good).status_code == 302
    assert replaying.faces.jobs.newest()[0].progress.total == 3  # up to the frozen end


def test_all_events_and_many_of_them_wait_for_a_second_person_who_approves_the_very_plan(replaying: Desk) -> None:
    shown = preview(replaying, EVERYTHING)
    assert "A second person has to approve it within 24 hours. It replays all events. It takes more than 5 events." in text(
        shown
    )
    assert "Ask for approval" in text(shown)
    job = asked_for(replaying)
    assert (job.state, bool(job.digest)) == (State.WAITING, True)
    assert replaying.faces.jobs.run_until_idle() == 0
    review = replaying.get(f"/replays/{job.id}/approval/", "approver")
    assert (review.status_code, hidden(review)["digest"]) == (200, job.digest)
    assert all(word in text(review) for word in (WHY, TICKET, "Asked for by support", "7 events"))
    replaying.publish(2, start=30)
    assert approve(replaying, job, "approver").status_code == 302
    found = replaying.faces.jobs.get(job.id)
    assert found.approver is not None
    assert (found.state, found.approver.name) == (State.QUEUED, "approver")
    replaying.faces.jobs.run_until_idle()
    assert len(replaying.log.read_forward(REPLAY_TOPIC, 0, limit=20)) == 7
    assert [act.actor for act in acts(action="approve_job")] == ["approver"]


def test_nobody_approves_their_own_replay_or_without_the_right_or_another_plan_or_none(replaying: Desk) -> None:
    job = asked_for(replaying, role="approver")
    own = approve(replaying, job, "approver")
    assert (own.status_code, "You asked for it yourself" in text(own)) == (409, True)
    assert "Approve this replay" not in text(replaying.get(f"/replays/{job.id}/approval/", "approver"))
    for role in ("support", "viewer", ""):
        assert approve(replaying, job, role).status_code == 403
    for digest in ("0" * 64, job.digest + ",1.0:9", job.digest.replace(job.digest[:4], "ffff")):
        other = approve(replaying, job, digest=digest)
        assert (other.status_code, "not the plan of this job" in text(other)) == (409, True)
    assert approve(replaying, job, digest="").status_code == 409
    button = replaying.client("admin").post(f"/jobs/{job.id}/approvals/", {"since": "0"})
    assert button.status_code == 409  # the button of any job shows no plan
    assert state_of(replaying, job) is State.WAITING
    assert not acts(action="approve_job")


def test_an_approval_comes_too_late_after_its_time_and_of_a_plan_that_changed(
    replaying: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = asked_for(replaying)
    trim(replaying, 2, monkeypatch)
    stale = approve(replaying, job)
    assert (stale.status_code, "It has changed since it was asked for" in text(stale)) == (409, True)
    assert attribute(stale, "data-hazard").count("trimmed") == 1
    monkeypatch.undo()
    JobRow.objects.filter(id=job.id).update(approve_by=Now() - timedelta(seconds=1))
    late = approve(replaying, job)
    assert late.status_code == 409
    found = replaying.faces.jobs.get(job.id)
    assert (found.state, found.problem) == (State.CANCELLED, "It was not approved in time. Nothing was done.")
    replaying.faces.jobs.run_until_idle()
    assert acts(action="replay_events")[0].state == "failed"


def test_rights_and_the_time_of_an_approval_are_checked_again_when_the_job_starts(replaying: Desk) -> None:
    def approved(by: str) -> Job:
        job = asked_for(replaying)
        assert approve(replaying, job, by).status_code == 302
        return job

    late = approved("admin")
    JobRow.objects.filter(id=late.id).update(approve_by=Now() - timedelta(seconds=1))
    replaying.faces.jobs.run_until_idle()
    assert "Its approval was good until" in replaying.faces.jobs.get(late.id).problem
    demoted = approved("approver")
    person("approver")
    Person.objects.filter(username="approver").update(role=Role.SUPPORT)
    replaying.faces.jobs.run_until_idle()
    assert "may not approve jobs any more" in replaying.faces.jobs.get(demoted.id).problem
    gone = approved("admin")
    Person.objects.filter(username="support").update(is_active=False)
    replaying.faces.jobs.run_until_idle()
    assert "may not do this any more" in replaying.faces.jobs.get(gone.id).problem
    assert replaying.log.read_forward(REPLAY_TOPIC, 0, limit=20) == []


def test_one_replay_at_a_time_and_only_so_many_events_a_day_for_one_person(replaying: Desk) -> None:
    asked_for(replaying)
    busy = preview(replaying, OF_4711)
    assert "Cannot be replayed now. The job" in text(busy)
    assert "running" in attribute(busy, "data-hazard")
    for state, done in ((State.SUCCEEDED, 35), (State.FAILED, 3)):  # what has failed can be resumed
        JobRow.objects.update(state=state, busy=None, done=done, total=35, ended=Now(), ending="done")
        last = confirm(replaying, preview(replaying, EVERYTHING))
        assert last.status_code == 409
        assert "One person may replay 40 events to this projection in 24 hours. You have asked for 35" in text(last)
    assert confirm(replaying, preview(replaying, EVERYTHING, "admin"), "admin").status_code == 302


def test_types_with_side_effects_are_named_and_need_a_second_person(replaying: Desk) -> None:
    replaying.log.append(TOPIC, [event(50, type="health.MailWanted")])
    replaying.index()
    shown = preview(replaying, {"projection": PROJECTION, "kind": "event", "event": "e-50"})
    assert attribute(shown, "data-side-effects") == ["1"]
    assert "health.MailWanted sends a mail (1)" in text(shown)
    assert "Events of these types have side effects: health.MailWanted." in text(shown)
    assert confirm(replaying, shown, read=[]).status_code == 422  # it still waits in the subscription, which has to be read
    assert asked_for(replaying, {"projection": PROJECTION, "kind": "event", "event": "e-50"}).state is State.WAITING


def test_a_subscription_that_no_projection_names_is_replayed_by_its_cursor_but_gets_no_single_events(desk: Desk) -> None:
    desk.publish(2)
    desk.subscribe(handled=2)
    name = f"{TOPIC}/mailer"
    shown = preview(desk, {"projection": name, "kind": "everything"})
    assert shown.status_code == 200
    assert "The cursor of mailer goes back" in text(shown)
    assert "mailer is shared, so consumers may get one aggregate's events out of order" in text(shown)
    single = preview(desk, {"projection": name, "kind": "event", "event": "e-0"})
    assert (single.status_code, "Without a replay topic" in text(single)) == (409, True)


def test_copies_are_not_replayed_once_more(replaying: Desk) -> None:
    shown = preview(replaying, {"projection": f"{REPLAY_TOPIC}/{PROJECTION}", "kind": "everything", "way": "cursor"})
    assert "Cannot be replayed now." in text(shown)
    assert "holds copies of other topics’ events" in text(shown)
    assert not hidden(shown).get("digest")


def test_a_topic_that_a_link_has_named_can_be_left_out_again(replaying: Desk) -> None:
    shown = preview(replaying, {**EVERYTHING, "topic": TOPIC}).content.decode()
    assert re.search(rf'<input type="checkbox" id="topic" name="topic" value="{TOPIC}" checked>', shown)
    assert 'id="topic"' not in preview(replaying, EVERYTHING).content.decode()


def test_the_ticket_of_the_open_case_is_filled_in(replaying: Desk) -> None:
    assert 'maxlength="60" value=""' in preview(replaying, EVERYTHING).content.decode()
    replaying.client("support").post("/cases/openings/", {"ticket": "SUP-77", "reason": WHY})
    assert 'maxlength="60" value="SUP-77"' in preview(replaying, EVERYTHING).content.decode()
