"""The types and aggregates, and one aggregate's stream as a story."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from eventstore.config.loading import parse_config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.lookup import aggregate_rows
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.events import Message, NewMessage, Position
from tests.web.desk import TOPIC, Desk, attribute, text
from tests.web.finding import PATIENT


def away(*_: object, **__: object) -> Any:
    raise StoreUnreachable("Pulsar does not answer.")


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
    assert attribute(desk.get("/aggregates/patient/?order=id"), "data-aggregate-id") == ["p-0", "p-1", "p-2"]
    assert attribute(desk.get("/aggregates/patient/?after=p-2"), "data-aggregate-id") == ["p-3", "p-4", "p-5"]
    assert attribute(desk.get("/aggregates/patient/?after=p-5"), "data-aggregate-id") == ["p-6"]
    assert attribute(desk.get("/aggregates/patient/?before=p-6"), "data-aggregate-id") == ["p-3", "p-4", "p-5"]
    assert "after=p-2" in desk.get("/aggregates/patient/?order=id").content.decode()


def test_a_type_is_listed_by_its_latest_event_and_says_how_many_there_are(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config("[limits]\npage_size = 3\n", "test.toml")
    desk.publish(7, partitions=3, key="p-{}")
    desk.publish(1, partitions=3, key="p-2", start=7)
    first = desk.get("/aggregates/patient/")
    assert "7 aggregates of the type patient" in text(first)
    assert attribute(first, "data-aggregate-id") == ["p-2", "p-6", "p-5"]
    (older,) = [url for url in attribute(first, "href") if "latest=" in url]
    second = desk.get("/aggregates/patient/" + older)
    assert attribute(second, "data-aggregate-id") == ["p-4", "p-3", "p-1"]
    (older,) = [url for url in attribute(second, "href") if "latest=" in url]
    assert attribute(desk.get("/aggregates/patient/" + older), "data-aggregate-id") == ["p-0"]
    assert desk.get("/aggregates/nothing/?order=id").status_code == 404
    for damaged in ("x", "1", "1" * 30 + ":p", "٣:p"):
        assert desk.get("/aggregates/patient/?" + urlencode({"latest": damaged})).status_code == 400, damaged


def test_a_type_of_too_many_aggregates_is_listed_by_id_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3, key="p-{}")
    monkeypatch.setattr(desk.faces.index, "most_sorted", 2)
    answer = desk.get("/aggregates/patient/")
    assert attribute(answer, "data-aggregate-id") == ["p-0", "p-1", "p-2"]
    assert "too many aggregates to list them by their latest activity" in text(answer)


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
    said = text(answer)
    assert "2 streams, merged by time" in said
    assert said.count("of documents-0") == 2 + 1, "the version of each row and of the selected event says whose it is"
    assert said.count("of patients-0") == 2


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


def test_a_message_with_the_aggregates_id_as_key_that_could_not_be_read_is_named_and_linked(desk: Desk) -> None:
    desk.publish(1)
    assert attribute(desk.get("/aggregates/patient/4711/"), "data-unreadable") == []
    desk.log.append(TOPIC, [NewMessage(payload=b"?", key="4711"), NewMessage(payload=b"?", key="4712")])
    desk.index()
    answer = desk.get("/aggregates/patient/4711/")
    assert attribute(answer, "data-unreadable") == ["1"]
    assert "1 message with this key could not be read" in text(answer)
    link = answer.content.decode().split("data-unreadable")[1].split('href="')[1].split('"')[0]
    assert "Unreadable:" in text(desk.get(unescape(link)))
