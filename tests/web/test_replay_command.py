"""``manage.py replay``: the same verbs and the same rules as on the pages, for a named person."""

import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from dashboard.auditing.acts import acts
from eventstore.jobs import State
from tests.people import person
from tests.web.desk import Desk
from tests.web.replaying import PROJECTION, declared, furnish

OF_4711 = (PROJECTION, "--aggregate", "patient", "4711")
WHY = ("--reason", "SUP-8812: document missing")


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
    answer = run("start", *which, "--confirm", code(*which), "--accept-hazards", *WHY, "--as", as_)
    return answer.split()[0]


def state_of(desk: Desk, id: str) -> State:
    return desk.faces.jobs.get(id).state


def test_a_plan_says_what_would_happen_and_touches_nothing(replaying: Desk) -> None:
    said = run("plan", *OF_4711)
    assert "Replay 2 events of patient 4711 to app-timeline" in said
    assert "marked copies to patients-replay" in said
    assert replaying.faces.jobs.newest() == [] and acts() == []


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
    assert refused("start", *other, "--confirm", planned, "--accept-hazards", *WHY, "--as", "support")
    assert refused("start", *OF_4711, "--confirm", "made-up", *WHY, "--as", "support")
    assert replaying.faces.jobs.newest() == []


def test_it_is_always_somebody_of_the_desk_whose_role_allows_it(replaying: Desk) -> None:
    planned = code(*OF_4711)
    asked = ("start", *OF_4711, "--confirm", planned, "--accept-hazards", *WHY)
    assert "--as NAME" in refused(*asked)
    assert refused(*asked, "--as", "viewer")
    assert refused(*asked, "--as", "nobody-of-this-name")
    assert replaying.faces.jobs.newest() == [] and acts() == []
