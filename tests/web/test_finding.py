"""What the search box finds: aggregates, types, topics, events and conversations, and what it says if it finds nothing."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from eventstore.model.events import NewMessage
from tests import hostile
from tests.web.desk import Desk, attribute, event, text
from tests.web.finding import search


def test_the_only_aggregate_whose_id_begins_so_is_opened_at_once(desk: Desk) -> None:
    desk.publish(3, key="p-{}")
    answer = search(desk, "p-1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/aggregates/patient/p-1/")


def test_several_are_listed_and_capitals_are_told_apart(desk: Desk) -> None:
    desk.publish(3, key="p-{}")
    assert attribute(search(desk, "p-"), "data-aggregate-id") == ["p-0", "p-1", "p-2"]
    assert "Nothing found" in text(search(desk, "P-"))


@pytest.mark.parametrize("asked", ["patient p-1", "patient/p-1", "Patient  p-1", " patient / p-1 "])
def test_a_type_before_the_id_is_understood(desk: Desk, asked: str) -> None:
    desk.publish(12, key="p-{}")
    answer = search(desk, asked)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/aggregates/patient/p-1/")


def test_a_type_and_the_beginning_of_an_id_list_what_begins_so(desk: Desk) -> None:
    desk.publish(12, key="p-{}")
    assert attribute(search(desk, "patient p-"), "data-aggregate-id") == sorted(f"p-{number}" for number in range(12))
    assert "Nothing found" in text(search(desk, "doctor p-1"))
    assert "Nothing found" in text(search(desk, "patientp-1"))


def test_an_event_is_found_by_its_id(desk: Desk) -> None:
    desk.publish(3)
    answer = search(desk, " e-1 ")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/events/e-1/?at=")
    assert desk.get(answer.headers["Location"]).status_code == 200


def test_a_conversation_is_found_by_its_correlation_id(desk: Desk) -> None:
    desk.log.create_topic("patients")
    for number in range(3):
        made = event(number)
        properties = {**made.properties, "ce_correlationid": "c-77"}
        desk.log.append("patients", [NewMessage(payload=b"{}", key="4711", properties=properties)])
    desk.index()
    answer = search(desk, "c-77")
    assert attribute(answer, "data-event-id") == ["e-0", "e-1", "e-2"]
    assert "3 events with this correlation id" in text(answer)


@pytest.mark.parametrize("asked", ["", "   ", "x" * 5_000, "%", "_", "'", "💊", "<script>"])
def test_no_search_text_is_an_error(desk: Desk, asked: str) -> None:
    desk.publish(1)
    answer = search(desk, asked)
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode().partition("<main")[2]


def test_a_text_that_no_database_holds_finds_nothing(desk: Desk) -> None:
    assert desk.get("/aggregates/?q=%00").status_code == 404


def test_hostile_aggregates_are_found_opened_and_shown_as_text(desk: Desk) -> None:
    desk.log.create_topic("patients")
    desk.log.append("patients", hostile.messages())
    desk.index()
    assert set(hostile.NAMES) <= set(attribute(desk.get("/aggregates/"), "data-aggregate-type"))
    for name in hostile.NAMES:
        answer = desk.get(reverse("aggregate", args=[name, name]))
        body = answer.content.decode()
        assert answer.status_code == 200, name
        assert attribute(answer, "data-event-id") == [name]
        assert "<script>window" not in body
        assert "<img" not in body
        of_type = desk.get(reverse("aggregate_type", args=[name]))
        assert attribute(of_type, "data-aggregate-id") == [name]
        assert f'href="{reverse("aggregate", args=[name, name])}"' in of_type.content.decode()
        assert search(desk, name).status_code in (200, 302)


@pytest.mark.parametrize("asked", ['"p-1"', "'p-1'", "<p-1>", "“p-1”", "p-1.", "p-1,", " `p-1`; "])
def test_quotes_and_stops_that_came_along_with_an_id_do_no_harm(desk: Desk, asked: str) -> None:
    desk.publish(3, key="p-{}")
    assert search(desk, asked).headers["Location"] == "/aggregates/patient/p-1/"


def test_an_id_that_has_such_signs_itself_is_found_as_it_is(desk: Desk) -> None:
    desk.publish(1, key='"p-1"')
    desk.publish(1, key="p-1", start=1)
    assert search(desk, '"p-1"').headers["Location"] == reverse("aggregate", args=["patient", '"p-1"'])


def test_other_letters_are_offered_and_not_taken(desk: Desk) -> None:
    desk.publish(1, key="p-1")
    answer = search(desk, "P-1")
    assert answer.status_code == 200
    assert "Nothing found" in text(answer)
    assert 'href="/aggregates/?q=p-1"' in answer.content.decode()
    assert search(desk, "p-1").status_code == 302


@pytest.mark.parametrize("asked", ["patient", "Patient", "PATIENT"])
def test_a_type_is_found_by_its_name(desk: Desk, asked: str) -> None:
    desk.publish(2, key="p-{}", topic="letters")
    assert search(desk, asked).headers["Location"] == "/aggregates/patient/"


def test_a_topic_is_found_by_its_name(desk: Desk) -> None:
    desk.publish(1, topic="letters")
    assert search(desk, "letters").headers["Location"] == "/topics/letters/"


def test_a_colon_between_type_and_id_is_understood(desk: Desk) -> None:
    desk.publish(12, key="p-{}")
    assert search(desk, "patient:p-1").headers["Location"] == "/aggregates/patient/p-1/"


def test_where_nothing_is_found_it_says_what_it_looked_for_and_offers_the_payloads(desk: Desk) -> None:
    desk.publish(1)
    desk.publish(3, topic="letters", start=1)
    answer = search(desk, 'Erika "M" \\')
    assert "Searched for aggregates and subscriptions whose name begins with this, an event or conversation" in text(answer)
    urls = [url for url in attribute(answer, "href") if "filter=" in url]
    assert list(dict.fromkeys(url.split("?")[0] for url in urls)) == ["/topics/letters/", "/topics/patients/"]
    found = desk.get(urls[0].replace("&amp;", "&"))
    assert found.status_code == 200
    assert "Read all 3 events." in text(found)
    assert "Read a topic for it" in text(search_as(desk, "Erika", "viewer"))


def search_as(desk: Desk, text: str, role: str) -> Any:
    return desk.get(f"/aggregates/?{urlencode({'q': text})}", role)


def test_what_is_too_long_is_said_to_be_and_not_cut(desk: Desk) -> None:
    desk.publish(1, key="x" * 1_024)
    answer = search(desk, "x" * 1_000_000)
    assert answer.status_code == 200
    assert "too long to be searched for" in text(answer)
    assert len(answer.content) < 30_000
    assert search(desk, "x" * 1_024).status_code == 302


def test_where_there_are_more_than_are_shown_a_link_leads_to_all(desk: Desk) -> None:
    desk.publish(21, key="p-{}")
    answer = search(desk, "p-")
    assert len(attribute(answer, "data-aggregate-id")) == 20
    [url] = [url for url in attribute(answer, "href") if "?q=p-" in url]
    assert len(attribute(desk.get(url), "data-aggregate-id")) == 21
    assert "All whose id begins with it" not in text(search(desk, "p-1"))


def test_what_is_not_found_in_any_spelling_asks_for_the_types_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    asked: list[str] = []
    aggregate_types = desk.faces.index.aggregate_types

    def noted() -> Any:
        asked.append("types")
        return aggregate_types()

    monkeypatch.setattr(desk.faces.index, "aggregate_types", noted)
    assert "No such Thing" in text(search(desk, "\u201cNo such Thing\u201d."))
    assert asked == ["types"]
