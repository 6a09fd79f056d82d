"""The topics, and one topic's events: in both directions, from a time, and while the store is unreachable."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.urls import reverse

from dashboard.models import LoginSession
from eventstore.config.loading import parse_config
from eventstore.drivers.database.models import MessageRow
from eventstore.model.errors import InvalidName, StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.streams import topic_pages
from tests import hostile
from tests.web.desk import TOPIC, Desk, attribute, event, text

SHOW = f"/topics/{TOPIC}/"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def away(*_: object, **__: object) -> Any:
    raise StoreUnreachable("Pulsar does not answer.")


def pages_of(settings: Any, size: int) -> None:
    settings.EVENTDESK = parse_config(f"[limits]\npage_size = {size}\n", "test.toml")


def walk(desk: Desk, rel: str, start: str) -> list[list[str]]:
    """The event ids of each page, found by following the links with this relation."""
    found, url = [], start
    while url:
        answer = desk.get(url)
        found.append(attribute(answer, "data-event-id"))
        links = [line for line in answer.content.decode().split("<a ") if f'rel="{rel}"' in line]
        url = SHOW + links[0].split('href="')[1].split('"')[0].replace("&amp;", "&") if links else ""
    return found


def test_without_a_topic_the_page_says_how_to_get_events_in(desk: Desk) -> None:
    answer = desk.get("/topics/")
    assert answer.status_code == 200
    assert "No topic yet" in text(answer)
    assert "import_events" in text(answer)


@pytest.mark.parametrize("url", ["/topics/", "/tail/"])
def test_an_empty_list_is_loaded_again_as_soon_as_a_topic_is_there(desk: Desk, url: str) -> None:
    assert desk.refreshed_empty(url).status_code == 204
    desk.log.create_topic("documents")
    assert desk.refreshed_empty(url)["HX-Refresh"] == "true"


def test_topics_come_with_what_is_indexed_of_them(desk: Desk) -> None:
    desk.publish(3)
    desk.log.create_topic("empty", partitions=4)
    desk.log.create_topic("patients-DLQ")
    answer = desk.get("/topics/")
    assert attribute(answer, "data-topic") == ["empty", "patients", "patients-DLQ"]
    assert "dead-letter" in text(answer)
    assert "not indexed yet" in text(answer)


def test_events_are_shown_newest_first(desk: Desk) -> None:
    desk.publish(3)
    answer = desk.get(SHOW)
    assert attribute(answer, "data-event-id") == ["e-2", "e-1", "e-0"]
    assert attribute(answer, "data-aggregate-id") == ["4711"] * 3
    assert attribute(answer, "data-version") == ["3", "2", "1"]
    assert "Patient registered" in text(answer)


def test_an_empty_topic_says_so_and_an_unknown_one_is_not_found(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    assert "No event yet" in text(desk.get(SHOW))
    answer = desk.get("/topics/nowhere/")
    assert answer.status_code == 404
    assert "No such topic" in text(answer)


def test_pages_follow_each_other_without_gap_or_double_both_ways(desk: Desk, settings: Any) -> None:
    pages_of(settings, 4)
    desk.publish(10, partitions=3, key="p-{}")
    older = walk(desk, "next", SHOW)
    flat = [event for page in older for event in page]
    assert sorted(flat) == sorted(f"e-{number}" for number in range(10))
    assert [len(page) for page in older] == [4, 4, 2]
    oldest = desk.get(SHOW)
    while True:
        links = [line for line in oldest.content.decode().split("<a ") if 'rel="next"' in line]
        if not links:
            break
        oldest = desk.get(SHOW + links[0].split('href="')[1].split('"')[0])
    back = [line for line in oldest.content.decode().split("<a ") if 'rel="prev"' in line]
    newer = walk(desk, "prev", SHOW + back[0].split('href="')[1].split('"')[0])
    assert [event for page in reversed(newer) for event in page] + older[-1] == flat


def test_events_that_arrive_meanwhile_do_not_disturb_the_older_pages(desk: Desk, settings: Any) -> None:
    pages_of(settings, 3)
    desk.publish(6)
    first = desk.get(SHOW).content.decode()
    link = next(line for line in first.split("<a ") if 'rel="next"' in line).split('href="')[1].split('"')[0]
    desk.publish(3, start=6)
    assert attribute(desk.get(SHOW + link), "data-event-id") == ["e-2", "e-1", "e-0"]


def test_one_can_start_at_a_time(desk: Desk) -> None:
    desk.publish(5)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, row in enumerate(MessageRow.objects.using("store").order_by("pk")):
        MessageRow.objects.using("store").filter(pk=row.pk).update(published=start + timedelta(hours=number))
    answer = desk.get(f"{SHOW}?since={quote('2026-01-01T03:30:00+01:00')}")
    assert attribute(answer, "data-event-id") == ["e-4", "e-3"]
    assert attribute(desk.get(f"{SHOW}?since=2026-01-01T03:00"), "data-event-id") == ["e-4", "e-3"]
    later = desk.get(f"{SHOW}?since=2026-02-01T00:00")
    assert "Nothing was published since then" in text(later)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-40", "0001-01-01T00:00", "9999-12-31T23:59-12:00", "<script>"])
def test_a_time_that_is_none_gets_a_sentence_and_the_newest_events(desk: Desk, since: str) -> None:
    desk.publish(1)
    answer = desk.get(f"{SHOW}?since={quote(since)}")
    assert answer.status_code == 200
    assert "Give a day and a time" in text(answer)
    assert attribute(answer, "data-event-id") == ["e-0"]


@pytest.mark.parametrize("page_token", ["x", "%00", "ä", "W10", "e30", "WyJvbGRlciIseyIwIjoiLSEhISJ9XQ"])
def test_a_damaged_address_is_said_to_be_damaged(desk: Desk, page_token: str) -> None:
    desk.publish(1)
    assert desk.get(f"{SHOW}?page={page_token}").status_code in (400, 404)


def test_what_fits_no_envelope_is_shown_as_what_it_is(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, [NewMessage(payload=b"\x00\xff", key="who knows")])
    desk.index()
    assert "unreadable" in text(desk.get(SHOW))
    assert "who knows" in text(desk.get(SHOW))
    assert "who knows" not in desk.get(SHOW, "viewer").content.decode()


def test_a_viewer_sees_the_story_without_its_values(desk: Desk, settings: Any) -> None:
    settings.EVENTDESK = parse_config('[stories]\n"*Registered" = "Registered {data.name}"\n', "test.toml")
    desk.publish(1)
    assert "Erika" in desk.get(SHOW).content.decode()
    assert "Erika" not in desk.get(SHOW, "viewer").content.decode()


def test_while_the_store_is_away_the_index_says_what_it_knows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(3)
    for name in ("topics", "topic", "read_backward", "read_forward", "ping"):
        monkeypatch.setattr(type(desk.log), name, away)
    desk.get("/account/")  # logs in
    LoginSession.objects.update(last_used=LONG_AGO)
    answer = desk.get(SHOW)
    assert answer.status_code == 200
    assert LoginSession.objects.get().last_used == LONG_AGO, "it reloads itself: nobody needs to sit there"
    assert "The event store does not answer. What you see is what the index knew" in text(answer)
    assert '<meta http-equiv="refresh" content="5">' in answer.content.decode()
    assert attribute(answer, "data-event-id") == ["e-2", "e-1", "e-0"]
    listed = desk.get("/topics/")
    assert listed.status_code == 200
    assert attribute(listed, "data-topic") == [TOPIC]


def test_while_the_store_is_away_an_unknown_topic_is_not_called_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(desk.log), "topic", away)
    desk.get("/account/")  # logs in
    LoginSession.objects.update(last_used=LONG_AGO)
    answer = desk.get("/topics/somewhere/")
    assert LoginSession.objects.get().last_used == LONG_AGO, "it reloads itself"
    assert answer.status_code == 503
    assert "The event store does not answer" in text(answer)
    assert answer.headers["Retry-After"] == "5"
    assert 'http-equiv="refresh"' in answer.content.decode()


def test_hostile_content_is_listed_and_nothing_of_it_is_markup(desk: Desk) -> None:
    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, hostile.messages())
    desk.index()
    for role in ("support", "viewer"):
        answer = desk.get(SHOW, role)
        body = answer.content.decode()
        assert answer.status_code == 200
        assert "<script>window" not in body
        assert "<img" not in body
        assert len(body) < 400_000
        assert set(hostile.NAMES) <= set(attribute(answer, "data-aggregate-id"))
        assert len(attribute(answer, "data-event-id")) == len(hostile.messages())


@pytest.mark.parametrize("name", ["with spaces", "ünï", "a~b", "..", "%2F", "a.b-c"])
def test_topics_of_any_name_the_store_takes_have_a_page_and_of_no_other(desk: Desk, name: str) -> None:
    try:
        desk.log.create_topic(name)
    except InvalidName:
        assert desk.get(reverse("topic", args=[name])).status_code in (400, 404)
        return
    assert f'href="{reverse("topic", args=[name])}"' in desk.get("/topics/").content.decode()
    assert desk.get(reverse("topic", args=[name])).status_code == 200


def test_a_page_of_copies_in_a_topic_that_passes_for_ordinary_asks_what_it_is(desk: Desk) -> None:
    desk.publish(3, topic="orders-errors")
    assert attribute(desk.get("/topics/orders-errors/"), "data-copies") == []
    copy = NewMessage(payload=b"{}", key="k", properties={"ORIGIN_MESSAGE_ID": "5:0:-1"})
    desk.log.append("orders-errors", [copy, copy])
    answer = desk.get("/topics/orders-errors/")
    assert attribute(answer, "data-copies") == ["2"]
    assert "2 of the 5 events on this page say that they are copies of another" in text(answer)
    desk.log.create_topic("orders-DLQ")
    desk.log.append("orders-DLQ", [copy])
    assert attribute(desk.get("/topics/orders-DLQ/"), "data-copies") == []


def test_a_page_of_large_events_holds_a_bounded_amount_and_leads_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_pages, "PAGE_BYTES", 60_000)
    desk.log.create_topic(TOPIC, partitions=3)
    payload = b'"' + b"x" * 10_000 + b'"'
    for number in range(30):
        message = NewMessage(payload=payload, key=f"k{number}", properties=event(number).properties)
        desk.log.append(TOPIC, [message])
    pages = walk(desk, "next", SHOW)
    assert [id for page in pages for id in page] == [f"e-{number}" for number in range(29, -1, -1)]
    assert all(0 < len(page) <= 6 for page in pages)
