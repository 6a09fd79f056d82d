"""Finding an aggregate, and reading its stream as a story."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.urls import reverse

from eventstore.config.loading import parse_config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.lookup import aggregate_rows, value_lookup
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.events import Message, NewMessage, Position
from tests import hostile
from tests.web.desk import Desk, attribute, event, opened_desk, text

PATIENT = "/aggregates/patient/4711/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def away(*_: object, **__: object) -> Any:
    raise StoreUnreachable("Pulsar does not answer.")


def search(desk: Desk, text: str, **more: Any) -> Any:
    return desk.get(f"/aggregates/?{urlencode({'q': text})}", **more)


def test_without_an_event_the_page_says_how_to_get_some_in(desk: Desk) -> None:
    assert "No aggregate yet" in text(desk.get("/aggregates/"))


def test_without_an_event_the_page_looks_again_by_itself_and_no_longer_once_there_is_one(desk: Desk) -> None:
    empty = desk.get("/aggregates/")
    assert attribute(empty, "data-refresh") == ["2"]
    assert "dashboard/refresh" in empty.content.decode()
    desk.publish(1, key="p-{}")
    again = desk.get("/aggregates/", fragment=True)
    assert attribute(again, "data-refresh") == []
    assert attribute(again, "data-aggregate-type") == ["patient"]


def test_types_come_with_their_counts(desk: Desk) -> None:
    desk.publish(5, key="p-{}")
    answer = desk.get("/aggregates/")
    assert attribute(answer, "data-aggregate-type") == ["patient"]
    assert re.findall(r'class="num">([0-9,]+)<', answer.content.decode()) == ["5", "5"]


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


def test_a_type_is_searched_by_prefix_on_the_page_and_as_a_fragment(desk: Desk) -> None:
    desk.publish(12, key="p-{}")
    for fragment in (False, True):
        answer = desk.get("/aggregates/patient/?q=p-1", fragment=fragment)
        assert attribute(answer, "data-aggregate-id") == ["p-1", "p-10", "p-11"]
        assert ("<html" in answer.content.decode()) is not fragment
    assert "No id begins with this" in text(desk.get("/aggregates/patient/?q=zz"))


def test_a_type_is_paged_by_id_both_ways(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config("[limits]\npage_size = 3\n", "test.toml")
    desk.publish(7, key="p-{}")
    assert attribute(desk.get("/aggregates/patient/"), "data-aggregate-id") == ["p-0", "p-1", "p-2"]
    assert attribute(desk.get("/aggregates/patient/?after=p-2"), "data-aggregate-id") == ["p-3", "p-4", "p-5"]
    assert attribute(desk.get("/aggregates/patient/?after=p-5"), "data-aggregate-id") == ["p-6"]
    assert attribute(desk.get("/aggregates/patient/?before=p-6"), "data-aggregate-id") == ["p-3", "p-4", "p-5"]
    assert "after=p-2" in desk.get("/aggregates/patient/").content.decode()


@pytest.mark.parametrize("url", ["/aggregates/nothing/", "/aggregates/patient/nobody/", "/aggregates/~/~/"])
def test_what_is_not_there_is_not_found_and_says_what_to_try(desk: Desk, url: str) -> None:
    desk.publish(1)
    answer = desk.get(url)
    assert answer.status_code == 404
    assert "earch" in text(answer)


def test_a_stream_reads_newest_first_with_versions(desk: Desk) -> None:
    desk.publish(4)
    answer = desk.get(PATIENT)
    assert attribute(answer, "data-version") == ["4", "3", "2", "1"]
    assert attribute(answer, "data-event-id") == ["e-3", "e-2", "e-1", "e-0"]
    assert "4 events since" in text(answer)
    assert attribute(answer, "data-detail") == ["e-3"]


def test_the_chosen_event_stands_beside_the_stream_with_and_without_scripts(desk: Desk) -> None:
    positions = desk.publish(3)
    chosen = f"{PATIENT}?event={quote(positions[0].encode())}"
    page, fragment = desk.get(chosen), desk.get(chosen, fragment=True)
    assert attribute(page, "data-detail") == attribute(fragment, "data-detail") == ["e-0"]
    assert "<table" in page.content.decode()
    assert "<table" not in fragment.content.decode()
    assert "Erika Mustermann" in text(fragment)


def test_an_event_of_somebody_else_is_never_shown_beside_a_stream(desk: Desk) -> None:
    desk.publish(1)
    other = desk.publish(1, key="4712", start=1)[0]
    answer = desk.get(f"{PATIENT}?event={quote(other.encode())}")
    assert attribute(answer, "data-detail") == ["e-0"]
    assert desk.get(f"{PATIENT}?event=rubbish").status_code == 400


def test_an_aggregate_of_several_topics_is_merged_and_says_which_is_whose(desk: Desk) -> None:
    desk.publish(2)
    desk.publish(2, topic="documents", start=2)
    answer = desk.get(PATIENT)
    assert attribute(answer, "data-event-id") == ["e-3", "e-2", "e-1", "e-0"]
    assert attribute(answer, "data-version") == ["2", "1", "2", "1"]
    assert "2 streams, merged by time" in text(answer)


def test_a_stream_is_paged_both_ways(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config("[limits]\npage_size = 2\n", "test.toml")
    desk.publish(5)
    seen, url = [], PATIENT
    while url:
        answer = desk.get(url)
        seen += attribute(answer, "data-version")
        links = [line for line in answer.content.decode().split("<a ") if 'rel="next"' in line]
        url = PATIENT + links[0].split('href="')[1].split('"')[0] if links else ""
    assert seen == ["5", "4", "3", "2", "1"]


def test_a_viewer_reads_the_stream_and_not_its_values(desk: Desk) -> None:
    desk.publish(1)
    body = desk.get(PATIENT, "viewer").content.decode()
    assert "Patient registered" in body
    assert "Mustermann" not in body
    assert "/tests" not in body
    assert "no payloads" in body


def test_while_the_store_is_away_the_stream_still_reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(2)
    for name in ("fetch", "ping"):
        monkeypatch.setattr(type(desk.log), name, away)
    answer = desk.get(PATIENT)
    assert answer.status_code == 200
    assert attribute(answer, "data-version") == ["2", "1"]
    assert "The event store does not answer" in text(answer)
    assert "payload is not readable now" in text(answer)


def test_what_retention_has_trimmed_is_said_to_be_trimmed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    monkeypatch.setattr(type(desk.log), "fetch", lambda *_: {})
    answer = desk.get(PATIENT)
    assert answer.status_code == 200
    assert "no longer holds this event" in text(answer)
    assert "data-store-away" not in answer.content.decode()


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
    assert "Looked for: an aggregate whose id begins with this, an event and a correlation with exactly this id" in text(
        answer
    )
    urls = [url for url in attribute(answer, "href") if "filter=" in url]
    assert [url.split("?")[0] for url in urls] == ["/topics/letters/", "/topics/patients/"]
    found = desk.get(urls[0].replace("&amp;", "&"))
    assert found.status_code == 200
    assert "Read all 3 events." in text(found)
    assert "payloads can be read through" not in text(search_as(desk, "Erika", "viewer"))


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


def registered(desk: Desk, *values: tuple[str, str]) -> None:
    """A patient's event for each, with this id and this address, indexed."""
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
        for asked in ("erika@example.org", "bonn"):
            answer = search(desk, asked, role="viewer")
            assert "Nothing found" in text(answer)
            assert "p-1" not in answer.content.decode()
            assert "city" not in text(answer).partition("Looked for:")[2]
        assert "or a value" not in desk.get("/", "viewer").content.decode()


def test_the_box_says_which_values_it_looks_for_and_so_does_the_answer(desk: Desk) -> None:
    assert "or a value" not in desk.get("/").content.decode()
    with desk.searchable():
        desk.publish(1)
        assert "Find an aggregate, event or correlation id, or a value: city, email" in unescape(
            desk.get("/").content.decode()
        )
        assert "an event whose city or email is this, a topic and an aggregate type" in text(search(desk, "nobody"))
    assert "exactly this id, a topic and an aggregate type" in text(search(desk, "nobody"))


def test_an_aggregates_type_in_many_partitions_is_counted_about(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(30, partitions=3, key="p-{}")
    assert "about" not in text(desk.get("/aggregates/")).partition("Aggregates from")[2].lower()
    monkeypatch.setattr(aggregate_rows, "MOST_COUNTED_APART", 5)
    assert "about 30" in text(desk.get("/aggregates/"))


def test_a_topic_that_the_store_refuses_leaves_the_page_with_the_indexs_lines(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place,) = desk.publish(1)

    def refused(storage: DatabaseStorage, positions: Sequence[Position]) -> Mapping[Position, Message]:
        raise StoreRefused("The broker does not allow this.")

    monkeypatch.setattr(DatabaseLog, "fetch", refused)
    for url in ("/aggregates/patient/4711/", f"/events/e-0/?at={quote(place.encode())}"):
        answer = desk.get(url)
        assert answer.status_code == 200
        assert "does not let Eventdesk read this topic" in text(answer)


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
