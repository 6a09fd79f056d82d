"""Filters meant to hold the desk up, at every page that takes one: refused, or ended after little work. Sockets: see
``tail_socket``."""

import random
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from dashboard import gateway
from dashboard.web import filter_form
from eventstore.model.events import NewMessage
from eventstore.scanning.progress import ScanState
from eventstore.search import Filter, cost_budget
from eventstore.streams import filtered
from tests.web.desk import TOPIC, Desk, event, opened_desk, text

REFUSED: Mapping[str, str] = {
    "deep nesting": "(" * 2_000 + "a" + ")" * 2_000,
    "nots without end": "not " * 1_000 + "a",
    "a huge number": "data.a>" + "9" * 4_000,
    "a huge exponent": "data.a>1e" + "9" * 30,
    "repetitions of repetitions": 'text~"((a{100}){100}){100}"',
    "a megabyte": "a" * 1_000_000,
    "a megabyte of parentheses": "(" * 1_000_000,
}
CATASTROPHIC = {
    "a long way to a sign": 'text~".{0,500}Q"',
    "ten of them": " or ".join(f'text~"[ab]*a[ab]{{{400 + n}}}c"' for n in range(10)),
}
PAGES = {
    "a topic": f"/topics/{TOPIC}/?filter=",
    "a stream": "/aggregates/patient/4711/?filter=",
    "a tail's page": f"/topics/{TOPIC}/tail/?filter=",
}
EVENTS = 900
LETTERS = bytes(random.Random(4711).choices(b"ab", k=20_000))


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    cost_budget.forget()
    with opened_desk() as opened:
        yield opened
    gateway.desk().scans.close()
    cost_budget.forget()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often filters look at events."""
    taken = [0]
    judge = Filter.judge

    def counted(filter: Filter, asked: Any) -> Any:
        taken[0] += 1
        return judge(filter, asked)

    monkeypatch.setattr(Filter, "judge", counted)
    return taken


def publish(desk: Desk, count: int) -> None:
    """Publish events on which a catastrophic expression takes some ten milliseconds each."""
    desk.log.create_topic(TOPIC)
    payload = b'{"x":"' + LETTERS + b'"}'
    messages = [NewMessage(payload=payload, key="4711", properties=event(number).properties) for number in range(count)]
    desk.log.append(TOPIC, messages)
    desk.index()


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_what_is_beyond_the_limits_is_refused_before_any_event_is_looked_at(desk: Desk, looks: list[int], page: str) -> None:
    publish(desk, 3)
    for filter in REFUSED.values():
        answer = desk.get(page + quote(filter))
        assert answer.status_code == 400
        assert "The filter cannot be used" in text(answer)
    assert looks == [0]


@pytest.mark.parametrize("filter", CATASTROPHIC.values(), ids=CATASTROPHIC.keys())
def test_a_search_over_a_topic_ends_and_says_why(desk: Desk, looks: list[int], filter: str) -> None:
    publish(desk, EVENTS)
    answer = desk.get(PAGES["a topic"] + quote(filter))
    assert answer.status_code == 200
    [(_, scan)] = gateway.desk().scans._scans.values()
    scan.join(60)
    assert scan.progress().state is ScanState.STOPPED
    again = desk.get(filter_form.search_view(scan_id(), scan).here_url)
    assert "make its regular expression simpler" in text(again)
    assert "not complete" in text(again)
    assert looks[0] < EVENTS / 4


def scan_id() -> str:
    [(id, _)] = gateway.desk().scans._scans.values()
    return id


@pytest.mark.parametrize("filter", CATASTROPHIC.values(), ids=CATASTROPHIC.keys())
def test_a_page_of_a_stream_ends_and_leads_on(desk: Desk, looks: list[int], filter: str) -> None:
    publish(desk, EVENTS)
    answer = desk.get(PAGES["a stream"] + quote(filter))
    assert answer.status_code == 200
    assert 'rel="next"' in answer.content.decode()
    assert 0 < looks[0] < EVENTS / 4


def test_once_its_time_is_up_a_page_of_a_stream_reads_no_more_payloads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(desk, 120)
    fetched: list[int] = []
    fetch = type(desk.log).fetch

    def noted(self: Any, positions: Any) -> Any:
        fetched.append(len(positions))
        return fetch(self, positions)

    monkeypatch.setattr(type(desk.log), "fetch", noted)
    monkeypatch.setattr(filtered, "MOST_SECONDS", 0.0)
    desk.get(PAGES["a stream"] + quote("data.x:y"))
    assert fetched in ([filtered.PIECE], [filtered.PIECE, 1]), "the second is the event beside the list"


def test_the_search_box_takes_no_more_than_a_thousand_characters_and_evaluates_nothing(desk: Desk, looks: list[int]) -> None:
    publish(desk, 3)
    for asked in [*REFUSED.values(), *CATASTROPHIC.values()]:
        answer = desk.get(f"/aggregates/?q={quote(asked)}")
        assert answer.status_code == 200
    assert looks == [0]
