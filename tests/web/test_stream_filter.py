"""Filtering one aggregate's events: which are read, what the page says about the others, and for whom."""

import itertools
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from eventstore.config.loading import parse_config
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.streams import filtered as filtered_streams
from tests import hostile
from tests.web.desk import TOPIC, Desk, attribute, event, opened_desk, text
from tests.web.test_topic_search_refused import BY_IDS, BY_VALUES

PATIENT = "/aggregates/patient/4711/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def filtered(desk: Desk, filter: str, role: str = "support", **more: Any) -> Any:
    return desk.get(f"{PATIENT}?{urlencode({'filter': filter, **more})}", role)


def publish_numbered(desk: Desk, count: int, *, topic: str = TOPIC) -> None:
    """Publish events whose payload has their number."""
    desk.log.create_topic(topic)
    messages = [
        NewMessage(payload=b'{"n": %d}' % number, key="4711", properties=event(number).properties) for number in range(count)
    ]
    desk.log.append(topic, messages)
    desk.index()


def test_the_matches_of_this_aggregate_are_shown_with_what_was_read(desk: Desk) -> None:
    publish_numbered(desk, 6)
    desk.publish(3, key="4712", start=6)
    answer = filtered(desk, "data.n>=4")
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-5", "e-4"]
    assert "2 matches among all 6 events of this aggregate." in text(answer)
    assert attribute(answer, "data-detail") == ["e-5"]
    assert 'value="data.n&gt;=4"' in answer.content.decode()


def test_nothing_found_is_said(desk: Desk) -> None:
    publish_numbered(desk, 3)
    answer = filtered(desk, "data.n>100")
    assert "0 matches among all 3 events" in text(answer)
    assert "No event matches" in text(answer)


def test_a_lines_link_keeps_the_filter(desk: Desk) -> None:
    publish_numbered(desk, 3)
    answer = filtered(desk, "data.n<2")
    urls = [url for url in attribute(answer, "hx-get") if "event=" in url]
    assert len(urls) == 2
    assert all("filter=data.n%3C2&" in url for url in urls)
    opened = desk.get(PATIENT + urls[1])
    assert attribute(opened, "data-event-id") == ["e-1", "e-0"]
    assert attribute(opened, "data-detail") == ["e-0"]
    assert attribute(desk.get(PATIENT + urls[1], fragment=True), "data-detail") == ["e-0"]


def test_what_the_index_can_say_reads_no_payload_of_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_numbered(desk, 10)
    asked: list[int] = []
    fetch = type(desk.log).fetch

    def noted(self: Any, positions: Sequence[Any]) -> Any:
        asked.append(len(positions))
        return fetch(self, positions)

    monkeypatch.setattr(type(desk.log), "fetch", noted)
    assert attribute(filtered(desk, "id:e-3 or id:e-7"), "data-event-id") == ["e-7", "e-3"]
    assert sum(asked) == 2


def test_a_long_stream_is_filtered_in_bounded_steps_without_gap_or_double(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EVENTDESK = parse_config("[limits]\npage_size = 5\n", "test.toml")
    monkeypatch.setattr(filtered_streams, "PIECE", 10)
    monkeypatch.setattr(filtered_streams, "MOST_READ", 30)
    publish_numbered(desk, 95)
    seen: list[str] = []
    steps, url = [], f"{PATIENT}?filter={quote('data.n<50')}"
    while url:
        answer = desk.get(url)
        seen += attribute(answer, "data-event-id")
        steps += attribute(answer, "data-read")
        links = [line for line in answer.content.decode().split("<a ") if 'rel="next"' in line]
        url = PATIENT + links[0].split('href="')[1].split('"')[0].replace("&amp;", "&") if links else ""
    assert seen == [f"e-{number}" for number in range(49, -1, -1)]
    assert steps[0] == "30"
    assert sum(int(step) for step in steps) == 95


def test_a_page_ends_at_the_event_at_which_its_time_is_up_without_gap_or_double(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that advances by a fifth of the time whenever it is read, so that it is enough for four events."""
    ticks = itertools.count()
    fifth = filtered_streams.MOST_SECONDS / 2.5
    monkeypatch.setattr(filtered_streams, "time", SimpleNamespace(monotonic=lambda: next(ticks) * fifth))
    publish_numbered(desk, 23)
    publish_numbered(desk, 4, topic="others")
    seen: list[str] = []
    steps, url = [], f"{PATIENT}?filter={quote('data.n>=0')}"
    while url:
        answer = desk.get(url)
        seen += attribute(answer, "data-event-id")
        steps += [int(read) for read in attribute(answer, "data-read")]
        links = [line for line in answer.content.decode().split("<a ") if 'rel="next"' in line]
        url = PATIENT + links[0].split('href="')[1].split('"')[0].replace("&amp;", "&") if links else ""
    assert sorted(seen) == sorted([*(f"e-{number}" for number in range(23)), *(f"e-{number}" for number in range(4))])
    assert sum(steps) == 27
    assert max(steps) <= 6


def test_large_payloads_are_read_a_few_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtered_streams, "FETCHED_BYTES", 25_000)
    desk.log.create_topic(TOPIC)
    payloads = [b'{"n": "%s"}' % (b"x" * (40_000 if number == 3 else 10_000)) for number in range(8)]
    messages = [
        NewMessage(payload=payload, key="4711", properties=event(number).properties) for number, payload in enumerate(payloads)
    ]
    desk.log.append(TOPIC, messages)
    desk.index()
    asked: list[int] = []
    fetch = type(desk.log).fetch

    def noted(self: Any, positions: Sequence[Any]) -> Any:
        asked.append(len(positions))
        return fetch(self, positions)

    monkeypatch.setattr(type(desk.log), "fetch", noted)
    answer = filtered(desk, "text:xxxx")
    assert attribute(answer, "data-event-id") == [f"e-{number}" for number in range(7, -1, -1)]
    assert asked[:5] == [2, 2, 1, 2, 1]


def test_what_could_not_be_looked_into_is_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_numbered(desk, 3)
    monkeypatch.setattr(type(desk.log), "fetch", lambda *_: {})
    answer = filtered(desk, "data.n>=0")
    assert attribute(answer, "data-unknown") == ["3"]
    assert "3 events could not be checked: whether they match is not known." in text(answer)
    assert attribute(filtered(desk, "type:*"), "data-event-id") == ["e-2", "e-1", "e-0"]


def test_while_the_store_is_away_what_the_index_knows_is_still_filtered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_numbered(desk, 3)

    def away(*_: object, **__: object) -> Any:
        raise StoreUnreachable("Pulsar does not answer.")

    for name in ("fetch", "ping"):
        monkeypatch.setattr(type(desk.log), name, away)
    answer = filtered(desk, "id:e-1")
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e-1"]
    assert "The event store does not answer" in text(answer)
    assert attribute(filtered(desk, "data.n:1"), "data-unknown") == ["3"]


@pytest.mark.parametrize(
    "filter", ["(" * 5_000, "x" * 1_000_000, 'text~"(a{1000}){1000}"', "nofield:x", "data.n>abc", '"open', "a or " * 500 + "a"]
)
def test_a_hostile_filter_is_refused_and_nothing_is_shown_instead(desk: Desk, filter: str) -> None:
    desk.publish(2)
    answer = filtered(desk, filter)
    assert answer.status_code == 400
    assert "The filter cannot be used" in text(answer)
    assert "Nothing was searched" in text(answer)
    assert attribute(answer, "data-event-id") == []
    assert len(answer.content) < 60_000


@pytest.mark.parametrize("page_token", ["x", "%00", "e30", "W10", "WyJuZXdlciIse31d"])
def test_a_damaged_cursor_is_said_to_be_damaged(desk: Desk, page_token: str) -> None:
    desk.publish(2)
    assert desk.get(f"{PATIENT}?filter=type:*&page={page_token}").status_code in (400, 404)


@pytest.mark.parametrize("filter", BY_VALUES)
def test_whoever_may_not_see_values_cannot_find_them_out_by_filtering(desk: Desk, filter: str) -> None:
    desk.publish(3)
    refused = filtered(desk, filter, "viewer")
    assert refused.status_code == 403
    assert "requires the role support, approver or admin" in text(refused)
    assert attribute(refused, "data-event-id") == []
    assert attribute(refused, "data-read") == []


@pytest.mark.parametrize("filter", BY_IDS)
def test_whoever_may_not_see_values_still_filters_by_ids_types_and_times(desk: Desk, filter: str) -> None:
    desk.publish(3)
    answer = filtered(desk, filter, "viewer")
    assert answer.status_code == 200
    assert "Mustermann" not in answer.content.decode()


def test_hostile_aggregates_are_filtered_too(desk: Desk) -> None:
    from django.urls import reverse

    desk.log.create_topic(TOPIC)
    desk.log.append(TOPIC, hostile.messages())
    desk.index()
    for name in hostile.NAMES:
        answer = desk.get(f"{reverse('aggregate', args=[name, name])}?filter={quote('type:*')}")
        assert answer.status_code == 200
        assert attribute(answer, "data-event-id") == [name]
        assert "<script>window" not in answer.content.decode()
