"""Acts outside of somebody's scope, from a page, on the command line and in a job; and acts beyond a role's limit."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard.auditing.acts import acts
from eventstore.actions import Actor
from eventstore.jobs import State
from eventstore.model import NewMessage, Position
from tests.people import person
from tests.web.desk import TOPIC, Desk, attribute, event, text
from tests.web.letters import bury, bury_preview, dead_lettered, kept
from tests.web.limits import access, limit, scope
from tests.web.replaying import PROJECTION, REPLAY_TOPIC, declared, furnish
from tests.web.test_redrives import confirm
from tests.web.test_redrives import preview as redrive_preview
from tests.web.test_replays_asked import OF_4711, asked_for, preview
from tests.web.test_replays_asked import confirm as confirm_replay

SUBSCRIPTION = f"/topics/{TOPIC}/subscriptions/{PROJECTION}/"
ELSEWHERE = scope("support", "elsewhere")
HERE = scope("support", TOPIC)
PATIENTS = scope("support", "*", types=("patient",))
OF_ONE = (PROJECTION, "--aggregate", "patient", "4711")
ENDED = ("--confirm", "x", "--ticket", "SUP-1", "--reason", "SUP-1")


@pytest.fixture
def replaying(desk: Desk) -> Iterator[Desk]:
    for role in ("support", "approver", "privacy", "admin"):
        person(role)
    with declared():
        furnish(desk)
        yield desk


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        call_command(*arguments, stdout=io.StringIO())
    return str(error.value)


def test_a_post_to_a_topic_outside_of_the_scope_touches_nothing_and_is_on_the_record(replaying: Desk) -> None:
    with access(scope=(ELSEWHERE,)):
        answers = [
            replaying.client("support").post(f"/topics/{topic}/subscriptions/{name}/cursor-resets/", {"to": "earliest"})
            for topic, name in ((TOPIC, PROJECTION), (TOPIC, "no-such"), ("no-such", PROJECTION))
        ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert len(set(map(shown, answers))) == 1
    assert acts(action="reset_cursor") == []
    [one] = acts(action="refused")
    assert (one.resource.name, one.details["wanted"]) == ("cursor_resets", "scope")
    assert TOPIC not in str(one)


def test_a_job_fails_when_it_is_taken_if_its_asker_has_lost_the_topic(replaying: Desk) -> None:
    job = asked_for(replaying, {"projection": PROJECTION, "kind": "aggregate", **OF_4711})
    assert job.state is State.QUEUED
    with access(scope=(ELSEWHERE,)):
        replaying.faces.jobs.run_until_idle()
    ended = replaying.faces.jobs.get(job.id)
    assert (ended.state, ended.progress.done) == (State.FAILED, 0)
    assert "may not do this any more" in ended.problem


def test_a_job_that_lies_in_the_scope_runs_and_so_does_its_topic_of_copies(replaying: Desk) -> None:
    with access(scope=(HERE,)):
        job = asked_for(replaying, {"projection": PROJECTION, "kind": "aggregate", **OF_4711})
        replaying.faces.jobs.run_until_idle()
    found = replaying.faces.jobs.get(job.id)
    assert "may not" not in found.problem
    assert REPLAY_TOPIC in {one.topic for one in replaying.faces.jobs.touched(found)}


@pytest.mark.parametrize("name", [PROJECTION, f"{TOPIC}/{PROJECTION}", f"{TOPIC}/no-such", "no-such"])
def test_on_the_command_line_a_projection_outside_of_the_scope_is_told_like_one_that_does_not_exist(
    replaying: Desk, name: str
) -> None:
    with access(scope=(ELSEWHERE,)):
        for verb in (("plan", name), ("start", name, *ENDED)):
            said = refused("replay", *verb, "--aggregate", "patient", "4711", "--as", "support")
            assert said == "There is no such projection in the scope of support."
    assert {one.details["wanted"] for one in acts(action="refused")} == {"scope"}


def test_on_the_command_line_a_job_outside_of_the_scope_is_told_like_one_that_does_not_exist(replaying: Desk) -> None:
    job = asked_for(replaying, {"projection": PROJECTION, "kind": "aggregate", **OF_4711})
    listed = io.StringIO()
    with access(scope=(ELSEWHERE,)):
        for id in (job.id, "0123456789ab"):
            for verb in ("pause", "resume", "status", "approve"):
                said = refused("replay", verb, id, "--as", "support")
                assert said == "There is no such replay in the scope of support."
        call_command("replay", "status", "--as", "support", stdout=listed)
    assert job.id not in listed.getvalue()
    assert replaying.faces.jobs.get(job.id).state is State.QUEUED


OF_INVOICE = {"kind": "aggregate", "type": "invoice", "id": "77"}
BY_ID = {"kind": "event", "event": "e-90"}


@pytest.mark.parametrize(
    "what, absent", [(OF_INVOICE, {**OF_INVOICE, "id": "no-such"}), (BY_ID, {**BY_ID, "event": "e-none"})]
)
def test_what_a_replay_names_of_a_type_outside_of_the_scope_does_not_exist_and_a_job_with_it_fails(
    replaying: Desk, what: dict[str, str], absent: dict[str, str]
) -> None:
    invoices(replaying)
    to = {"projection": PROJECTION}
    before = preview(replaying, {**to, **what})
    job = asked_for(replaying, {**to, **what})
    with access(scope=(PATIENTS,)):
        if what is OF_INVOICE:
            assert "no such replay" in refused("replay", "status", job.id, "--as", "support")
        replaying.faces.jobs.run_until_idle()
        ended = replaying.faces.jobs.get(job.id)
        assert (ended.state, ended.progress.done) == (State.FAILED, 0)
        assert "may not do this any more" in ended.problem
        given, expected = (preview(replaying, {**to, **each}) for each in (what, absent))
        assert alike(text(given), "77", "e-90") == alike(text(expected), "no-such", "e-none")
        assert confirm_replay(replaying, before).status_code == 409
    assert [one.id for one in replaying.faces.jobs.newest()] == [job.id]


def test_a_range_that_has_a_type_outside_of_the_scope_is_not_replayed(replaying: Desk) -> None:
    everything, since = {"projection": PROJECTION, "kind": "everything"}, {"kind": "since", "since": "2024-01-01T00:00Z"}
    with access(scope=(PATIENTS,)):
        assert "Not all events" not in text(preview(replaying, everything))
        invoices(replaying)
        for query in (everything, {**everything, **since}, {**everything, "kind": "filter", "filter": "type:billing.*"}):
            assert "Not all events" in text(preview(replaying, query))
        assert "Not all events" in refused("replay", "plan", PROJECTION, "--everything", "--as", "support")
        printed = io.StringIO()
        call_command("replay", "plan", PROJECTION, "--aggregate", "invoice", "77", "--as", "support", stdout=printed)
        assert "e-90" not in printed.getvalue()
        assert asked_for(replaying, {"projection": PROJECTION, "kind": "aggregate", **OF_4711}).state is State.QUEUED


def test_values_are_not_forgotten_outside_of_the_scope_and_whether_there_are_any_is_not_told(replaying: Desk) -> None:
    with access(scope=(scope("privacy", "*", types=("order",)),)):
        said = {
            refused("forget_values", "--type", "patient", "--id", id, "--ticket", "T", "--reason", "R", "--as", "privacy")
            for id in ("4711", "no-such")
        }
    assert len(said) == 1
    assert "not in the scope of privacy" in said.pop()


def test_whoever_has_not_every_topic_forgets_nothing_since_values_are_forgotten_in_all_of_them(replaying: Desk) -> None:
    of = "/aggregates/patient/4711/erasure/forgettings/"
    with access(scope=(scope("privacy", TOPIC),)):
        client = replaying.client("privacy")
        answers = [client.get(f"{of}new/"), client.post(of, {"ticket": "T", "reason": "R"})]
        options = ("--type", "patient", "--id", "4711", "--ticket", "T", "--reason", "R")
        assert "acts on all topics" in refused("forget_values", *options, "--as", "privacy")
        assert b"forgettings" not in client.get("/aggregates/patient/4711/erasure/").content, "it offers what is refused"
    assert [answer.status_code for answer in answers] == [403, 403]
    assert acts(action="forget_values") == []
    with access(scope=(scope("privacy", "*", types=("patient",)),)):
        assert client.get(f"{of}new/").status_code == 200
        assert of.encode() in client.get("/aggregates/patient/4711/erasure/").content


def test_a_letter_of_a_type_outside_of_the_scope_is_not_buried_by_its_place(desk: Desk) -> None:
    desk.publish(1)
    desk.subscribe()
    seen = dead_lettered(desk, [0])
    [hidden] = dead_lettered(desk, [90], ce_aggregatetype="invoice")
    kept(desk)
    with access(scope=(PATIENTS,)):
        both = bury_preview(desk, [*seen, hidden])
        assert (attribute(both, "data-bury"), attribute(both, "data-done")) == (["1"], [])
        absent = Position(topic=hidden.topic, partition=0, token=f"{hidden.token}zz")
        assert alike(text(bury_preview(desk, [hidden]))) == alike(text(bury_preview(desk, [absent])))
        bury(desk, [*seen, hidden])
    [act] = acts(action="bury_letters")
    assert act.details["event_ids"] == ["e-0"]


def test_a_role_with_a_lower_limit_needs_a_second_person_earlier_and_others_do_not(replaying: Desk) -> None:
    query = {"projection": PROJECTION, "kind": "aggregate", **OF_4711}
    with access(**limit("support", events_without_approval=2)):
        assert "more than 2 events" in text(preview(replaying, query))
        assert asked_for(replaying, query).state is State.WAITING
        replaying.faces.jobs.cancel(Actor(name="support"), replaying.faces.jobs.newest(limit=1)[0].id)
        assert asked_for(replaying, query, "admin").state is State.QUEUED


def test_a_redrive_of_more_letters_than_the_role_may_waits_for_a_second_person_and_runs_then(desk: Desk) -> None:
    desk.publish(3)
    desk.subscribe(handled=3)
    dead_lettered(desk, range(3))
    kept(desk)
    with access(**limit("support", events_without_approval=2)):
        confirm(desk, redrive_preview(desk))
        job = desk.faces.jobs.newest(limit=1)[0]
        assert job.state is State.WAITING
        assert desk.faces.jobs.run_until_idle() == 0
        person("approver", "bert")
        desk.faces.jobs.approve(Actor(name="bert"), job.id)
        assert desk.faces.jobs.run_until_idle() == 1
    assert desk.faces.jobs.get(job.id).state is State.SUCCEEDED


def shown(answer: Any) -> bytes:
    """What the page shows, without the secret that differs each time."""
    return re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", answer.content)


def invoices(desk: Desk) -> None:
    made = [event(number, key="77", type="billing.InvoiceRefused") for number in (90, 91)]
    own = {"ce_aggregatetype": "invoice"}
    desk.log.append(TOPIC, [NewMessage(payload=b"{}", key="77", properties={**one.properties, **own}) for one in made])
    desk.index()


def alike(shown: str, *words: str) -> str:
    """The text with these words, and how old the index is, made alike."""
    for word in words:
        shown = shown.replace(word, "…")
    return re.sub(r"index \d+ seconds?", "index …", shown)
