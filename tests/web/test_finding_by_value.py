"""What the search box finds by searchable values: aggregates and events, for those who may see payloads."""

import json
from html import unescape

import pytest

from eventstore.index.lookup import value_lookup
from eventstore.model.events import NewMessage
from tests.web.desk import Desk, attribute, event, text
from tests.web.finding import search


def registered(desk: Desk, *values: tuple[str, str]) -> None:
    """Publish and index one event for each patient, with this id and this address."""
    desk.log.create_topic("patients")
    for number, (patient, email) in enumerate(values):
        body = json.dumps({"email": email, "city": "Bonn"}).encode()
        message = NewMessage(payload=body, key=patient, properties=event(number, key=patient).properties)
        desk.log.append("patients", [message])
    desk.index()


@pytest.mark.parametrize("asked", ["erika@example.org", " Erika@Example.org ", '"erika@example.org"', "erika@example.org."])
def test_a_declared_value_leads_to_the_aggregate_that_has_it(desk: Desk, asked: str) -> None:
    with desk.searchable():
        registered(desk, ("p-1", "erika@example.org"), ("p-2", "max@example.org"), ("p-1", "Erika@example.org"))
        assert search(desk, asked).headers["Location"] == "/aggregates/patient/p-1/"


def test_a_value_that_several_aggregates_have_lists_their_events(desk: Desk) -> None:
    with desk.searchable():
        registered(desk, ("p-1", "a@example.org"), ("p-2", "b@example.org"), ("p-3", "a@example.org"))
        answer = search(desk, "bonn")
        assert attribute(answer, "data-aggregate-id") == ["p-1", "p-2", "p-3"]
        assert "3 events whose city is this, oldest first" in text(answer)
        assert attribute(search(desk, "a@example.org"), "data-event-id") == ["e-0", "e-2"]


def test_a_value_is_not_said_to_be_of_one_aggregate_alone_where_not_all_of_its_events_were_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.searchable():
        registered(desk, *[("p-1", "a@example.org")] * 9)
        assert search(desk, "a@example.org").headers["Location"] == "/aggregates/patient/p-1/"
        monkeypatch.setattr(value_lookup, "MOST_LOOKED_AT", 4)
        answer = search(desk, "a@example.org")
        assert answer.status_code == 200
        assert attribute(answer, "data-more") == ["aggregates"]
        assert "Some 8 events whose email is this" in text(answer)


def test_both_ways_of_writing_a_number_are_looked_for(desk: Desk) -> None:
    with desk.searchable():
        for patient, city in (("p-1", '"007"'), ("p-2", "7")):
            body = f'{{"city": {city}}}'.encode()
            message = NewMessage(payload=body, key=patient, properties=event(1, key=patient).properties)
            desk.log.create_topic("patients")
            desk.log.append("patients", [message])
        desk.index()
        assert attribute(search(desk, "007"), "data-aggregate-id") == ["p-1", "p-2"]


def test_who_sees_no_payload_finds_nothing_by_a_value_and_is_not_told_of_any(desk: Desk) -> None:
    with desk.searchable():
        registered(desk, ("p-1", "erika@example.org"), ("p-2", "erika@example.org"))
        for asked, of_nobody in (("erika@example.org", "frida@example.org"), ("bonn", "rome")):
            answer, other = (search(desk, value, role="viewer") for value in (asked, of_nobody))
            assert "Nothing found" in text(answer)
            assert attribute(answer, "data-aggregate-id") == []
            told, of_other = (text(each).partition("Results for")[2] for each in (answer, other))  # not how old the index is
            assert told.replace(asked, of_nobody) == of_other != ""
            assert "city" not in text(answer).partition("Searched for")[2]
        assert "or a value" not in desk.get("/", "viewer").content.decode()


def test_the_box_says_which_values_it_looks_for_and_so_does_the_answer(desk: Desk) -> None:
    assert "or a value" not in desk.get("/").content.decode()
    with desk.searchable():
        desk.publish(1)
        assert "Find an aggregate, event or correlation id, or a value: city, email" in unescape(
            desk.get("/").content.decode()
        )
        assert "events whose city or email is this, and topics" in text(search(desk, "nobody"))
    assert "at this position, and topics" in text(search(desk, "nobody"))
