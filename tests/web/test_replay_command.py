"""``manage.py replay``: the same verbs and the same rules as on the pages, for a named person."""

import base64
import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from dashboard.auditing.acts import acts
from eventstore.jobs import State
from eventstore.model.subscriptions import SubscriptionType
from tests.people import person
from tests.web.desk import TOPIC, Desk
from tests.web.replaying import PROJECTION, REPLAY_TOPIC, declared, furnish

OF_4711 = (PROJECTION, "--aggregate", "patient", "4711")
WHY = ("--reason", "SUP-8812: document missing")
ASKED = ("--ticket", "SUP-8812", *WHY)


@pytest.fixture(autouse=True)
def replaying(desk: Desk) -> Iterator[Desk]:
    for role in ("viewer", "support", "approver"):
        person(role)
    with declared():
        furnish(desk, mine=2, others=5)
        yield desk


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("replay", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode == 2
    return str(error.value)


def code(*which: str) -> str:
    (line,) = [line for line in run("plan", *which).splitlines() if "Code:" in line]
    return line.split(": ")[1]


def start(*which: str, as_: str = "support") -> str:
    """Start it as planned; return the job's id."""
    answer = run("start", *which, "--confirm", code(*which), "--accept-hazards", *ASKED, "--as", as_)
    return answer.split()[0]


def state_of(desk: Desk, id: str) -> State:
    return desk.faces.jobs.get(id).state


def test_a_plan_says_what_would_happen_and_touches_nothing(replaying: Desk) -> None:
    said = run("plan", *OF_4711)
    assert "Replay 2 events of patient 4711 to app-timeline" in said
    assert "marked copies to patients-replay" in said
    assert [word for word in said.split() if word.startswith("e-")] == ["e-0", "e-1"], "the events that would go"
    assert replaying.faces.jobs.newest() == [] and acts() == []


def test_a_plan_tells_of_the_consumers_that_get_the_copies(replaying: Desk) -> None:
    def consumers() -> str:
        (line,) = [line for line in run("plan", *OF_4711).splitlines() if "Consumers:" in line]
        return line.strip()

    timeline = {"type": SubscriptionType.FAILOVER, "consumer": "timeline-1"}
    with replaying.subscriptions.consume(TOPIC, PROJECTION, **timeline):  # type: ignore[arg-type] # as join gives them
        assert consumers() == "Consumers: none connected"
        with replaying.subscriptions.consume(REPLAY_TOPIC, PROJECTION, **timeline):  # type: ignore[arg-type] # the same
            assert consumers() == "Consumers: 1 connected"


def test_a_reason_and_a_ticket_are_asked_for_and_neither_is_too_long(replaying: Desk) -> None:
    planned = ("start", *OF_4711, "--confirm", code(*OF_4711), "--accept-hazards", "--as", "support")
    assert "needs a ticket" in refused(*planned, *WHY)
    assert "Say why" in refused(*planned, "--ticket", "SUP-8812")
    assert "at most 60" in refused(*planned, *WHY, "--ticket", "S" * 61)
    assert "at most 500" in refused(*planned, "--ticket", "SUP-8812", "--reason", "w" * 501)
    assert replaying.faces.jobs.newest() == [] and acts() == []


def test_without_a_way_the_gentlest_is_taken_that_takes_the_choice(replaying: Desk) -> None:
    for which in (("--since", "2020-01-01"), ("--everything",), ("--event", "e-0")):
        assert "marked copies" in run("plan", PROJECTION, *which)
    single = refused("plan", *OF_4711, "--way", "generation")
    since = refused("plan", PROJECTION, "--since", "2020-01-01", "--way", "generation")
    assert "Single events" in single and "it has no place to begin at" in since
    assert "Give a day and a time" in refused("plan", PROJECTION, "--since", "0001-01-01T00:00+14:00")


def test_only_what_the_job_gives_out_itself_is_slowed_down(replaying: Desk) -> None:
    which = (PROJECTION, "--everything", "--way", "cursor")
    asked = ("start", *which, "--confirm", code(*which), "--accept-hazards", *ASKED, "--as", "support")
    assert "as fast as they can" in refused(*asked, "--throttle", "5")
    assert replaying.faces.jobs.newest() == []
    assert "data-state" in replaying.get(f"/replays/{start(*which)}/", "admin").content.decode()
    (job,) = replaying.faces.jobs.newest()
    assert 'id="speed"' not in replaying.get(f"/replays/{job.id}/", "admin").content.decode()


def test_what_was_planned_is_started_paused_resumed_and_cancelled(replaying: Desk) -> None:
    id = start(*OF_4711)
    assert state_of(replaying, id) is State.QUEUED
    assert id in run("status") and "0 of 2 consumed" in run("status", id)
    run("pause", id, "--as", "support")
    assert state_of(replaying, id) is State.PAUSED
    run("resume", id, "--as", "support")
    assert "Say why" in refused("cancel", id, "--as", "support")
    run("cancel", id, "--as", "support", *WHY)
    assert state_of(replaying, id) is State.CANCELLED
    assert [(act.actor, act.via) for act in acts(action="replay_events")] == [("support", "command line")]


def test_a_large_one_is_approved_by_another_person_with_the_right_and_of_that_very_plan(replaying: Desk) -> None:
    id = start(PROJECTION, "--everything", "--way", "topic", as_="approver")
    assert state_of(replaying, id) is State.WAITING
    said = run("approve", id, "--as", "approver")
    (line,) = [line for line in said.splitlines() if "Digest:" in line]
    digest = line.split(": ")[1]
    assert refused("approve", id, "--digest", digest, "--as", "approver"), "whoever asked for it does not approve it"
    assert refused("approve", id, "--digest", digest, "--as", "support"), "the role does not do"
    person("admin")
    assert "not the plan" in refused("approve", id, "--digest", digest.replace(digest[0], "x"), "--as", "admin")
    assert state_of(replaying, id) is State.WAITING
    run("approve", id, "--digest", digest, "--as", "admin")
    assert state_of(replaying, id) is State.QUEUED


def test_a_plan_that_is_not_what_would_happen_is_not_started(replaying: Desk) -> None:
    planned = code(*OF_4711)
    other = (PROJECTION, "--aggregate", "patient", "other-2")
    assert "has changed" in refused("start", *other, "--confirm", planned, "--accept-hazards", *ASKED, "--as", "support")
    endless = base64.urlsafe_b64encode(b'["d", {"t": {"0": Infinity}}, 0]').decode()
    for made_up in ("made-up", endless, base64.urlsafe_b64encode(b"[" * 100_000).decode()):
        assert "not the code of a plan" in refused("start", *OF_4711, "--confirm", made_up, *ASKED, "--as", "support")
    assert replaying.faces.jobs.newest() == []


def test_it_is_always_somebody_of_the_desk_whose_role_allows_it(replaying: Desk) -> None:
    planned = code(*OF_4711)
    asked = ("start", *OF_4711, "--confirm", planned, "--accept-hazards", *ASKED)
    assert "--as NAME" in refused(*asked)
    assert refused(*asked, "--as", "viewer")
    assert refused(*asked, "--as", "nobody-of-this-name")
    assert replaying.faces.jobs.newest() == []
    (act,) = acts()
    said = (act.actor, act.via, act.action, act.details["wanted"])
    assert said == ("viewer", "command line", "refused", "replay_events"), "of whom there is nobody nothing is recorded"


def test_numbers_times_and_codes_that_nobody_can_mean_are_refused(replaying: Desk) -> None:
    asked = ("start", *OF_4711, "--accept-hazards", *WHY, "--as", "support")
    planned = code(*OF_4711)
    for throttle in ("0", "nan", "inf", "-3"):
        assert "above 0" in refused(*asked, "--confirm", planned, f"--throttle={throttle}")
    for time in ("0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "soon"):
        assert "Give a day and a time" in refused("plan", PROJECTION, "--since", time)
    for told in ('["d", {"t": {"0": Infinity}}, 0]', '["d", {}, Infinity]', '["d", 7, 0]', "[" * 100_000):
        made_up = base64.urlsafe_b64encode(told.encode()).decode()
        assert "not the code of a plan" in refused(*asked, "--confirm", made_up)
    assert replaying.faces.jobs.newest() == []


def test_grave_hazards_are_accepted_by_a_word_of_their_own(replaying: Desk) -> None:
    replaying.subscriptions.create(REPLAY_TOPIC, "archive", type=SubscriptionType.SHARED)
    planned = code(*OF_4711)
    asked = ("start", *OF_4711, "--confirm", planned, *WHY, "--ticket", "SUP-8812", "--as", "support")
    assert "archive" in refused(*asked)
    assert "is queued" in run(*asked, "--accept-hazards")
