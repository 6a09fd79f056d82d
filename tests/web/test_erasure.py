"""The answer to a request for erasure is complete against the truth of a store, and forgetting is an act like any other."""

import json
import threading
from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import override_settings
from django.urls import reverse

from dashboard.auditing.acts import acts
from dashboard.models import Role, State
from dashboard.privacy import handle_of
from eventstore.config.loading import parse_config
from eventstore.config.searchable_values import values_by
from eventstore.erasure import copies
from eventstore.forgotten.memory import forgotten_since
from eventstore.index.check.run import check_topic
from eventstore.index.rebuild.run import rebuild_topic
from eventstore.model.events import NewMessage
from tests.people import person
from tests.web.desk import TOPIC, Desk, attribute, event, hidden, opened_desk, text
from tests.web.letters import DEAD, dead_lettered

REPLAY = f"{TOPIC}-replay"
OFFICER = str(Role.PRIVACY)
PAGE = "/aggregates/patient/4711/erasure/"
NEW, FORGET, EXPORT = f"{PAGE}forgettings/new/", f"{PAGE}forgettings/", f"{PAGE}exports/"
EMAIL, CITY = "erika@example.org", "Musterstadt"
GIVEN = {"ticket": "DSR-17", "reason": "asked by letter"}


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened, opened.searchable():
        plant(opened)
        yield opened


def patient(number: int, key: str = "4711") -> NewMessage:
    one = event(number, key=key)
    return NewMessage(payload=json.dumps({"email": EMAIL, "city": CITY}).encode(), key=key, properties=one.properties)


def plant(desk: Desk) -> None:
    """Six events of 4711 and two of another; four copies by two replays, two dead letters; four subscriptions."""
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, [patient(number) for number in range(4)])
    desk.log.append(TOPIC, [patient(number, "4712") for number in (10, 11)])
    desk.subscribe("done", handled=0)
    desk.subscribe("some")
    desk.subscribe("none")
    desk.handle(6, name="done")
    desk.handle(3, name="some")
    desk.log.append(TOPIC, [patient(number) for number in (4, 5)])
    desk.handle(2, name="done")
    desk.log.create_topic(REPLAY)
    desk.log.append(REPLAY, [copy(number, "r-1") for number in range(3)] + [copy(0, "r-2"), copy(10, "r-2", "4712")])
    dead_lettered(desk, [1, 5])
    desk.subscribe("again", topic=REPLAY)
    desk.handle(1, name="again", topic=REPLAY)


def copy(number: int, replay: str, key: str = "4711") -> NewMessage:
    one = patient(number, key)
    assert one.properties is not None
    return NewMessage(
        payload=one.payload, key=key, properties={**one.properties, "replayid": replay, "replayof": f"e-{number}"}
    )


def test_the_page_is_complete_against_the_truth_of_the_store(desk: Desk) -> None:
    page = desk.get(f"{PAGE}?count=1", OFFICER)
    assert page.status_code == 200
    assert attribute(page, "data-total") == ["6"]
    assert (attribute(page, "data-events"), attribute(page, "data-trimmed")) == (["6"], ["0"])
    assert attribute(page, "data-values") == ["12"]
    copied = dict(zip(attribute(page, "data-copies-in"), attribute(page, "data-copies"), strict=True))
    assert copied == {REPLAY: "4", DEAD: "2"}
    assert dict(zip(attribute(page, "data-copies-in"), attribute(page, "data-of-events"), strict=True)) == {
        REPLAY: "3",
        DEAD: "2",
    }
    assert set(attribute(page, "data-replay")) == {"r-1", "r-2"}
    names, topics = attribute(page, "data-subscription"), attribute(page, "data-of-topic")
    had = dict(zip(zip(topics, names, strict=True), attribute(page, "data-done"), strict=True))
    assert had == {(TOPIC, "done"): "6", (TOPIC, "some"): "3", (TOPIC, "none"): "0", (REPLAY, "again"): "1"}
    assert (attribute(page, "data-jobs"), attribute(page, "data-acts")) == (["0"], ["0"])
    assert "Whoever runs the topic patients: 6 events in the topic" in text(page)
    assert "What the desk cannot know" in text(page)
    assert not any(value in page.content.decode() for value in (EMAIL, CITY, "Erika"))


def test_the_page_comes_first_and_counts_the_rest_when_htmx_asks(desk: Desk) -> None:
    first = desk.get(PAGE, OFFICER)
    assert (attribute(first, "data-counted"), attribute(first, "hx-get")) == (["no"], [f"{PAGE}?count=1"])
    assert attribute(first, "data-total") == ["6"]
    fragment = desk.get(f"{PAGE}?count=1", OFFICER, fragment=True)
    assert attribute(fragment, "data-counted") == ["yes"]
    assert "<html" not in fragment.content.decode()


def test_only_those_with_the_right_see_it_and_the_way_to_it(desk: Desk) -> None:
    for role in (Role.VIEWER, Role.SUPPORT, Role.APPROVER):
        assert desk.get(PAGE, str(role)).status_code == 403
        assert PAGE not in desk.get("/aggregates/patient/4711/", str(role)).content.decode()
    assert PAGE in desk.get("/aggregates/patient/4711/", OFFICER).content.decode()


def test_an_aggregate_that_nobody_knows_has_no_answer(desk: Desk) -> None:
    for name in ("erasure", "forgetting_new"):
        assert desk.get(reverse(name, args=["patient", "nobody"]), OFFICER).status_code == 404
    for name in ("forgettings", "erasure_exports"):
        assert desk.client(OFFICER).post(reverse(name, args=["patient", "\U0001f9be/.."]), GIVEN).status_code == 404


def test_the_file_tells_the_same_without_a_value_and_is_on_the_record(desk: Desk) -> None:
    answer = desk.client(OFFICER).post(EXPORT)
    assert answer["Content-Disposition"] == 'attachment; filename="erasure.json"'
    document = json.loads(answer.content)
    assert document["aggregate"] == {"type": "patient", "id": "4711"}
    assert [(one["topic"], one["events"], one["left"]) for one in document["events"]] == [(TOPIC, 6, 6)]
    assert document["searchable_values"]["by_name"] == {"city": 6, "email": 6}
    assert {one["topic"]: one["copies"] for one in document["copies"]["topics"]} == {REPLAY: 4, DEAD: 2}
    assert {one["subscription"]: one["waiting"] for one in document["subscriptions"]} == {
        "done": 0, "some": 3, "none": 6, "again": 3,
    }  # fmt: skip
    assert EMAIL.encode() not in answer.content
    assert CITY.encode() not in answer.content
    (act,) = acts(action="export_erasure")
    assert (act.state, act.resource.aggregate_id, act.details["events"]) == (State.DONE, "4711", 6)


def test_values_are_forgotten_by_preview_and_confirmation_and_do_not_come_back(desk: Desk) -> None:
    preview = desk.get(NEW, OFFICER)
    assert attribute(preview, "data-forget") == ["12"]
    assert desk.faces.index.with_value(EMAIL)
    given = {**hidden(preview), **GIVEN}
    assert desk.client(OFFICER).post(FORGET, given).status_code == 302
    assert [one.pointers[0].aggregate_id for one in desk.faces.index.with_value(EMAIL).values()] == ["4712"]
    page = desk.get(PAGE, OFFICER)
    assert (attribute(page, "data-values"), attribute(page, "data-forgotten")) == (["0"], ["yes"])
    (act,) = acts(action="forget_values")
    assert (act.state, act.details["ticket"], act.details["reason"]) == (State.DONE, "DSR-17", "asked by letter")
    assert act.outcome["values_removed"] == 12
    assert EMAIL not in json.dumps([act.details, act.outcome])
    desk.log.append(TOPIC, [patient(6)])
    desk.index()
    assert desk.faces.erasure.values("patient", "4711").total == 0
    assert "12 searchable values removed" in text(page)
    assert desk.client(OFFICER).post(FORGET, given).status_code == 302  # the button was pressed twice
    assert len(acts(action="forget_values")) == 1


@pytest.mark.parametrize("missing", ["ticket", "reason"])
def test_nothing_is_forgotten_without_a_ticket_and_a_reason(desk: Desk, missing: str) -> None:
    given = {**hidden(desk.get(NEW, OFFICER)), **GIVEN, missing: " "}
    answer = desk.client(OFFICER).post(FORGET, given)
    assert answer.status_code == 422
    assert attribute(answer, "aria-invalid") == ["true"]
    assert forgotten_since("patient", "4711") is None
    assert not acts(action="forget_values")


def test_what_has_changed_since_the_preview_is_previewed_again(desk: Desk) -> None:
    given = {**hidden(desk.get(NEW, OFFICER)), **GIVEN}
    forget("--type", "patient", "--id", "4711")
    assert desk.client(OFFICER).post(FORGET, given).status_code == 409


def forget(*options: str, ticket: str = "DSR-18", **more: str) -> str:
    out = StringIO()
    call_command("forget_values", *options, "--ticket", ticket, "--reason", "asked by letter", stdout=out, **more)
    return out.getvalue()


def test_the_command_does_the_same_for_a_person_with_the_right(desk: Desk) -> None:
    person(Role.SUPPORT)
    person(Role.ADMIN)
    of = ("--type", "patient", "--id", "4711")
    with pytest.raises(CommandError, match="may not do this"):
        forget(*of, "--as", "support")
    assert "Removed 12 searchable values of 6 events." in forget(*of, "--as", "admin")
    assert "Removed 0 searchable values" in forget(*of, "--as", "admin")
    with pytest.raises(CommandError, match="knows no such aggregate"):
        forget("--type", "patient", "--id", "nobody", "--as", "admin")
    with pytest.raises(CommandError, match="--ticket takes 1 to 200 characters"):
        forget(*of, ticket=" ")
    assert [act.actor for act in acts(action="forget_values")] == ["admin", "admin"]


def test_one_that_the_index_does_not_know_yet_is_forgotten_ahead(desk: Desk) -> None:
    assert "Removed 0 searchable values" in forget("--type", "patient", "--id", "4713", "--ahead")
    desk.log.append(TOPIC, [patient(20, "4713"), patient(21, "4712")])
    desk.index()
    assert found_by_email(desk) == {"4711", "4712"}
    assert desk.faces.erasure.events("patient", "4713")[0].events == 1


def test_a_large_aggregate_is_looked_at_in_part_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_EVENTS", 0)
    page = text(desk.get(f"{PAGE}?count=1", OFFICER))
    assert "only of the first 0 of 6 events; there may be more" in page


def test_a_rebuild_and_a_new_index_are_without_them_and_the_check_finds_nothing_wrong(desk: Desk) -> None:
    forget("--type", "patient", "--id", "4711")
    values = values_by(desk.faces.config.searchables, settings.EVENTDESK_HASH_KEY)
    store, config, stop = desk.faces.store, desk.faces.config, threading.Event()
    topic = desk.log.topic(TOPIC)
    assert rebuild_topic(store, config, topic, lambda events: None, stop, values_of=values).live
    assert found_by_email(desk) == {"4712"}
    assert [
        one.difference for one in check_topic(store, config, topic, lambda events: None, stop, values) if one.difference
    ] == []
    with connections["index"].cursor() as cursor:  # the index is dropped
        for table in connections["index"].introspection.django_table_names(only_existing=True):
            cursor.execute(f"DELETE FROM {table}")
    desk.index()
    assert found_by_email(desk) == {"4712"}
    assert desk.faces.erasure.values("patient", "4711").total == 0


def found_by_email(desk: Desk) -> set[str]:
    found = desk.faces.index.with_value(EMAIL).values()
    return {pointer.aggregate_id for one in found for pointer in one.pointers}


def test_personal_ids_are_named_by_their_handle_everywhere(desk: Desk) -> None:
    declared = parse_config(
        '[[mapping]]\ntopics = ["patients*"]\nkey = "personal"\npersonal_types = ["patient"]\n', "ids.toml"
    )
    with override_settings(EVENTDESK=declared, EVENTDESK_HANDLE_KEY="k" * 40):
        handle = handle_of("patient", "4711")
        page = desk.get(f"/aggregates/patient/{handle}/erasure/?count=1", OFFICER)
        assert (page.status_code, attribute(page, "data-total")) == (200, ["6"])
        assert handle in page.content.decode()
        assert "4711" not in page.content.decode()
        assert desk.get(PAGE, OFFICER).status_code == 404  # whoever sees no value cannot ask by the id
        answer = desk.client(OFFICER).post(f"/aggregates/patient/{handle}/erasure/exports/")
        assert json.loads(answer.content)["aggregate"]["id"] == handle
        assert b"4711" not in answer.content
        assert acts(action="export_erasure")[0].resource.aggregate_id == handle
        forget("--type", "patient", "--id", handle)
    assert forgotten_since("patient", "4711") is not None
