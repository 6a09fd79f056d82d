"""Finding an aggregate, and reading its stream as a story."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.urls import reverse

from eventstore import NewMessage, StoreUnreachable
from eventstore.config import parse_config
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
    desk.gateway.storage.create_topic("patients")
    for number in range(3):
        made = event(number)
        properties = {**made.properties, "ce_correlationid": "c-77"}
        desk.gateway.storage.append("patients", [NewMessage(payload=b"{}", key="4711", properties=properties)])
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
        monkeypatch.setattr(type(desk.gateway.storage), name, away)
    answer = desk.get(PATIENT)
    assert answer.status_code == 200
    assert attribute(answer, "data-version") == ["2", "1"]
    assert "The event store does not answer" in text(answer)
    assert "payload is not readable now" in text(answer)


def test_what_retention_has_trimmed_is_said_to_be_trimmed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(1)
    monkeypatch.setattr(type(desk.gateway.storage), "fetch", lambda *_: {})
    answer = desk.get(PATIENT)
    assert answer.status_code == 200
    assert "no longer holds this event" in text(answer)
    assert "data-store-away" not in answer.content.decode()


def test_hostile_aggregates_are_found_opened_and_shown_as_text(desk: Desk) -> None:
    desk.gateway.storage.create_topic("patients")
    desk.gateway.storage.append("patients", hostile.messages())
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
