"""Revealing masked values: who may, what it shows to whom, what it never shows, and what ends it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, Person, Reveal, State
from tests import people
from tests.web.desk import Desk, text
from tests.web.limits import access, scope
from tests.web.revealing import (
    OF_AGGREGATE,
    VALUE,
    WHY,
    another_login,
    event_page,
    masked_desk,
    of_event,
    position_of,
    reveal,
)

STORY = "/aggregates/patient/4711/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with masked_desk() as opened:
        yield opened


@pytest.fixture
def anna(desk: Desk) -> Client:
    return desk.client("support")


def test_without_a_reveal_nobody_sees_the_value_whatever_the_role(desk: Desk) -> None:
    for role in ("viewer", "support", "approver", "privacy", "auditor", "admin"):
        assert VALUE not in event_page(desk.client(role)), role


@pytest.mark.parametrize(
    ("of", "shown", "hidden"),
    [
        ({"path": "data.name", "kind": "field"}, [0], [1]),
        ({"kind": "event"}, [0], [1]),
        ({"kind": "aggregate"}, [0, 1], []),
    ],
)
def test_a_field_an_event_or_an_aggregate_is_revealed_to_this_login_alone(
    desk: Desk, anna: Client, of: dict[str, str], shown: list[int], hidden: list[int]
) -> None:
    answer = reveal(anna, of_event(0, **of))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/events/e-0/")
    for number in shown:
        page = event_page(anna, number)
        assert VALUE in page
        assert "Revealed to you" in page
        assert "data-shown" in page
    for number in hidden:
        assert VALUE not in event_page(anna, number)
    assert VALUE not in event_page(another_login())
    assert VALUE not in event_page(desk.client("admin"))


def test_an_aggregate_s_page_reveals_all_of_it_and_shows_the_values(anna: Client) -> None:
    answer = reveal(anna, OF_AGGREGATE)
    assert answer["Location"] == STORY
    page = anna.get(STORY)
    assert VALUE in page.content.decode()
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(("of", "marked"), [({"path": "data.name"}, ["e-0"]), ({}, ["e-0"])])
def test_each_place_that_shows_what_is_revealed_is_marked_and_no_other(
    desk: Desk, anna: Client, of: dict[str, str], marked: list[str]
) -> None:
    reveal(anna, of_event(0, **of))
    for place in ("/topics/patients/", STORY, f"{STORY}?event={position_of().encode()}"):
        parts = anna.get(place).content.decode().split("</tr>")[:-1]
        rows = [part.rpartition("<tr")[2] for part in parts]
        assert [row.partition('data-event-id="')[2].partition('"')[0] for row in rows if "data-revealed" in row] == marked
    assert event_page(anna).count("data-revealed") == 2, "its head and its payload"
    beside = anna.get(f"{STORY}?event={position_of().encode()}", headers={"HX-Request": "true"}).content.decode()
    assert beside.count("data-revealed") == 2
    assert "data-revealed" not in event_page(anna, 1) + event_page(another_login()) + event_page(desk.client("admin"))


def test_the_title_and_the_address_of_a_page_never_hold_what_is_revealed(anna: Client) -> None:
    reveal(anna, OF_AGGREGATE)
    for page in (event_page(anna), anna.get(STORY).content.decode()):
        assert VALUE not in page.partition("<title>")[2].partition("</title>")[0]


def test_files_never_hold_what_is_revealed(anna: Client) -> None:
    reveal(anna, of_event())
    at = urlencode({"at": position_of().encode()})
    assert anna.get(f"/events/e-0/payload/?{at}").status_code == 403


def test_it_is_on_the_record_with_who_what_why_and_from_where_and_without_the_value(anna: Client, settings: Any) -> None:
    settings.PROXIES = "0"
    reveal(anna, of_event(path="data.name"), minutes="5")
    (act,) = acts(action="reveal")
    assert (act.actor, act.state, act.resource.aggregate_id, act.resource.name) == ("support", State.DONE, "4711", "e-0")
    wanted = {"path": "data.name", "what": "one field", "minutes": 5, "from": "127.0.0.1", **WHY}
    assert wanted.items() <= act.details.items()
    assert not AuditEntry.objects.filter(details__contains="Erika").exists()
    row = Reveal.objects.get()
    assert (row.reason, row.ticket, row.address) == ("asked by the patient", "SUP-1", "127.0.0.1")
    assert row.ends - row.begun == timedelta(minutes=5)
    assert act.outcome["reveal"] == row.pk


@pytest.mark.parametrize("missing", ["reason", "ticket"])
def test_without_a_reason_or_a_ticket_nothing_is_revealed(anna: Client, missing: str) -> None:
    answer = reveal(anna, of_event(), **{missing: " "})
    assert answer.status_code == 422
    assert not Reveal.objects.exists()
    assert VALUE not in event_page(anna)


def test_an_ordering_key_is_revealed_and_recorded_as_the_key_which_rules_take_it_for(anna: Client) -> None:
    assert reveal(anna, of_event(path="ordering_key")).status_code == 302
    assert Reveal.objects.get().path == "key"
    assert "Revealed to you" in event_page(anna)


@pytest.mark.parametrize("minutes", ["0", "61", "-1", "x", "1e9"])
def test_no_reveal_is_longer_than_the_configuration_lets_it_be(anna: Client, minutes: str) -> None:
    assert reveal(anna, of_event(), minutes=minutes).status_code == 422
    assert not Reveal.objects.exists()


@pytest.mark.parametrize("path", ["data.secret", "data", "data.*", "data.name.first", "properties.x", "key[0]", "x" * 400])
def test_a_field_whose_name_no_rule_spells_cannot_be_named(anna: Client, path: str) -> None:
    assert reveal(anna, of_event(path=path)).status_code == 404
    assert not Reveal.objects.exists()


@pytest.mark.parametrize(
    "of",
    [
        {},
        {"aggregate_type": "patient", "aggregate_id": "none"},
        {"at": "nonsense", "event": "e-0"},
        {"event": "e-1"},
    ],
)
def test_what_is_not_there_cannot_be_revealed(anna: Client, of: dict[str, str]) -> None:
    given = of_event() | of if of.get("event") == "e-1" else of
    assert reveal(anna, given).status_code in (400, 404)
    assert not Reveal.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_who_may_not_reveal_is_told_so_and_nothing_is_revealed(desk: Desk, role: str) -> None:
    client = desk.client(role)
    assert client.get("/reveals/new/", of_event()).status_code == 403
    assert reveal(client, of_event()).status_code == 403
    assert reveal(client, of_event(), "emergencies").status_code == 403, "this installation allows none"
    assert not Reveal.objects.exists()


def test_the_form_offers_what_can_be_revealed_and_only_times_that_are_allowed(anna: Client) -> None:
    form = anna.get("/reveals/new/", of_event(path="data.name"))
    assert "This field: data.name" in text(form)
    assert "60 minutes" in text(form)
    assert "120 minutes" not in text(form)
    assert VALUE not in form.content.decode()
    assert "This field" not in text(anna.get("/reveals/new/", OF_AGGREGATE))


def test_what_is_revealed_already_is_not_revealed_again(anna: Client) -> None:
    for _ in range(2):
        reveal(anna, of_event())
    reveal(anna, of_event(path="data.name"))
    assert Reveal.objects.count() == 1


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_a_reveal_leads_to_no_other_site(anna: Client, back: str) -> None:
    assert reveal(anna, of_event(), back=back)["Location"].startswith("/events/e-0/")


def test_it_leads_back_to_where_the_person_came_from(anna: Client) -> None:
    assert reveal(anna, of_event(), back=f"{STORY}?event=x")["Location"] == f"{STORY}?event=x"


def test_the_person_ends_it_and_nobody_else_can(desk: Desk, anna: Client) -> None:
    reveal(anna, of_event())
    row = Reveal.objects.get()
    assert desk.client("admin").post(f"/reveals/{row.pk}/ends/").status_code == 404
    assert VALUE in event_page(anna)
    anna.post(f"/reveals/{row.pk}/ends/")
    assert VALUE not in event_page(anna)
    assert [act.state for act in acts(action="end_reveal")] == [State.DONE]


def test_it_can_be_ended_when_it_lies_outside_of_the_scope_by_now(anna: Client) -> None:
    reveal(anna, of_event())
    row = Reveal.objects.get()
    with access(scope=(scope("support", "elsewhere"),)):
        assert anna.post(f"/reveals/{row.pk}/ends/").status_code == 302
    assert VALUE not in event_page(anna)
    assert [act.state for act in acts(action="end_reveal")] == [State.DONE]


def test_a_logout_ends_it_and_logging_in_again_brings_nothing_back(anna: Client) -> None:
    reveal(anna, of_event())
    anna.post("/logout/")
    assert Reveal.objects.get().how_ended == "logout"
    anna.force_login(people.support())
    assert VALUE not in event_page(anna)


def test_its_time_the_loss_of_the_role_and_a_disabled_account_end_it_at_the_next_look(anna: Client) -> None:
    reveal(anna, of_event())
    assert VALUE in event_page(anna)
    Person.objects.filter(username="support").update(role="viewer")
    assert VALUE not in event_page(anna)
    Person.objects.filter(username="support").update(role="support")
    assert VALUE not in event_page(anna)
    reveal(anna, of_event())
    assert VALUE in event_page(anna)
    Reveal.objects.filter(ended=None).update(ends=datetime.now(UTC))
    assert VALUE not in event_page(anna)


def test_a_fragment_brings_the_bar_along_so_that_an_open_page_knows_what_it_shows(anna: Client) -> None:
    reveal(anna, OF_AGGREGATE)
    fragment = anna.get(STORY, headers={"HX-Request": "true"}).content.decode()
    assert 'id="reveals" hx-swap-oob="true" data-shown' in fragment
    assert VALUE in fragment
