"""Where there is much of everything: pages ask no more for more rows, show what can be read, and wait for no long answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from dashboard.delivery import panel
from dashboard.erasure import answer as erasure_answer
from dashboard.subscriptions import backlog_cache
from dashboard.views import indexing, tail, topics
from eventstore.backlogs import AllBacklogs
from eventstore.backlogs.face import BacklogFace
from tests.web.desk import Desk, attribute, text

ERASURE = "/aggregates/patient/4711/erasure/"
PAGES = ("/", "/topics/", "/subscriptions/", "/events/e-0/")


def queries(desk: Desk, page: str, role: str = "support", *aliases: str) -> int:
    """How many queries the page needs, once the process knows the figures of the subscriptions."""
    client = desk.client(role)
    client.get(page)
    with ExitStack() as capturing:
        captured = [
            capturing.enter_context(CaptureQueriesContext(connections[alias])) for alias in aliases or ("index", "store")
        ]
        assert client.get(page).status_code == 200
    return sum(map(len, captured))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_as_many_queries_for_fifty_subscriptions_and_topics_as_for_five(
    desk: Desk, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_cache, "MANY_TOPICS", 1_000)
    desk.publish(1)
    counts = []
    for first, end in ((0, 5), (5, 50)):
        for number in range(first, end):
            desk.subscribe(f"service-{number}")
            desk.log.create_topic(f"topic-{number}")
        desk.index()
        counts.append(queries(desk, page))
    assert counts[1] <= counts[0] + 2  # a piece of rows more


@pytest.mark.parametrize("page", ["/aggregates/patient/4711/", "/aggregates/patient/4711/?filter=id%3De-1", ERASURE])
def test_a_page_needs_hardly_more_queries_for_an_aggregate_in_forty_topics_than_in_four(desk: Desk, page: str) -> None:
    counts = []
    for first, end in ((0, 4), (4, 40)):
        for number in range(first, end):
            desk.publish(1, topic=f"topic-{number}", start=number)
            desk.subscribe(topic=f"topic-{number}")
        desk.get(page, "privacy")
        counts.append(queries(desk, page, "privacy", "index"))
    assert counts[1] <= counts[0] + 4  # more of what is known is read in pieces


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The store takes as long to tell its subscriptions as the test does: until it calls this."""
    let, current = threading.Event(), BacklogFace.current

    def slow(self: BacklogFace, *age: object) -> AllBacklogs:
        assert let.wait(60)
        return current(self)

    monkeypatch.setattr(backlog_cache, "MANY_TOPICS", 1)
    monkeypatch.setattr(BacklogFace, "current", slow)
    desk.publish(1)
    desk.subscribe("mailer")
    yield let.set
    let.set()


def test_of_many_topics_no_page_waits_for_the_subscriptions_and_each_says_what_it_does_not_know(
    desk: Desk, asked: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in ("/", "/subscriptions/", "/events/e-0/", "/aggregates/patient/4711/"):
        answer = desk.get(page)
        assert answer.status_code == 200
        assert "data-asking" in answer.content.decode(), page
        assert "Look again" in text(answer)
        assert "All clear" not in text(answer)
    asked()
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    for page in ("/", "/subscriptions/"):
        answer = desk.get(page)
        assert attribute(answer, "data-subscription") == ["mailer"]
        assert "data-asking" not in answer.content.decode()


def test_what_was_not_known_is_filled_in_by_the_page_itself(
    desk: Desk, asked: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'data-refresh="1"' in desk.get("/").content.decode()
    assert desk.refreshed_empty("/subscriptions/").status_code == 204
    pages = ("/events/e-0/", "/aggregates/patient/4711/")
    for page in pages:
        assert (attribute(desk.get(page), "data-panel")[-1], attribute(desk.get(page), "data-refresh")) == ("delivery", ["1"])
    asked()
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
    assert desk.refreshed_empty("/subscriptions/")["HX-Refresh"] == "true"
    assert 'data-refresh="5"' in desk.get("/").content.decode()
    for page in pages:
        assert attribute(desk.get(page, fragment=True), "data-delivery-of") == ["mailer"]


def test_topics_come_in_pieces_and_are_found_by_their_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "MOST_LINES", 2)
    for name in ("anna", "bert", "carl", "Dora-old", "emil-DLQ", "fred-DLQ", "gina-DLQ"):
        desk.log.create_topic(name)
    first = desk.get("/topics/")
    assert [name.rpartition("/")[2] for name in attribute(first, "data-topic")] == ["Dora-old", "anna", "emil-DLQ", "fred-DLQ"]
    assert attribute(first, "data-more") == ["2", "1"]
    after = attribute(first, "data-topic")[1]
    second = desk.get(f"/topics/?{urlencode({'after': after})}")
    assert [name.rpartition("/")[2] for name in attribute(second, "data-topic")][:2] == ["bert", "carl"]
    named = desk.get("/topics/?q=dora")
    assert [name.rpartition("/")[2] for name in attribute(named, "data-topic")] == ["Dora-old"]
    assert "No topic has this in its name" in text(desk.get("/topics/?q=nobody"))


def test_of_many_topics_the_page_of_the_index_shows_those_with_a_problem_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MOST_LINES", 1)
    desk.publish(1)
    desk.publish(1, topic="other", start=1)
    answer = desk.get("/index/")
    assert len(attribute(answer, "data-topic")) == 1
    assert "1 more topics are not shown" in text(answer) or attribute(answer, "data-more") == ["1"]


def test_an_event_names_those_first_that_have_not_acknowledged_it_and_counts_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "MOST_LINES", 2)
    desk.publish(1)
    for name in ("a", "b", "c"):
        desk.subscribe(name)
    answer = desk.get("/events/e-0/")
    assert attribute(answer, "data-delivery-of") == ["a", "b"]
    assert attribute(answer, "data-more") == ["1"]


def test_topics_to_watch_are_found_by_their_name_and_those_that_are_chosen_stay(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MOST_OFFERED", 2)
    names = [desk.log.create_topic(name).name for name in ("anna", "bert", "carl", "dora")]
    first = desk.get("/tail/")
    assert [value for value in attribute(first, "value") if value in names] == names[:2]
    assert attribute(first, "data-more") == ["2"]
    found = desk.get(f"/tail/?{urlencode({'choose': '1', 'q': 'DOR', 'topic': names[1]})}")
    assert [value for value in attribute(found, "value") if value in names] == [names[1], names[3]]
    assert attribute(found, "data-more") == []


def test_the_answer_about_a_large_aggregate_fills_in_what_takes_a_while(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_answer, "MOST_TOPICS", 1)
    for number in range(2):
        desk.publish(1, topic=f"topic-{number}", start=number)
    first = desk.get(ERASURE, "privacy")
    assert (attribute(first, "data-trimmed"), attribute(first, "data-values")) == (["", ""], [])
    assert "The store is being asked" in text(first)
    rest = desk.get(f"{ERASURE}?count=1", "privacy", fragment=True)
    assert (attribute(rest, "data-trimmed"), attribute(rest, "data-values")) == (["0", "0"], ["0"])
    assert attribute(rest, "id").count("events-found") == rest.content.decode().count('id="values-found"') == 1
    assert attribute(rest, "hx-swap-oob")[:2] == ["true", "true"]
    whole = desk.get(f"{ERASURE}?count=1", "privacy")
    assert (attribute(whole, "data-trimmed"), attribute(whole, "data-values")) == (["0", "0"], ["0"])
