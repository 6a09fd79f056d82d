"""Where there is much of everything: pages ask no more for more rows, show what can be read, and wait for no long answer."""

import re
from contextlib import ExitStack
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from dashboard.delivery import panel
from dashboard.erasure import answer as erasure_answer
from dashboard.subscriptions import backlog_cache
from dashboard.views import indexing, tail, topics
from eventstore.index.models import IndexedPartition
from tests.web.desk import Desk, attribute, text

ERASURE = "/aggregates/patient/4711/erasure/"
PAGES = ("/", "/topics/", "/subscriptions/", "/events/e-0/", "/projections/")


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


@pytest.mark.parametrize(("page", "many"), [*((page, 1_000) for page in PAGES), ("/", 1), ("/subscriptions/", 1)])
def test_a_page_needs_as_many_queries_for_fifty_subscriptions_and_topics_as_for_five(
    desk: Desk, page: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_cache, "MANY_TOPICS", many)
    monkeypatch.setattr(backlog_cache, "PATIENCE", 60.0)
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
    first = desk.get("/index/")
    assert [name.rpartition("/")[2] for name in attribute(first, "data-topic")] == ["other"]
    of_patients = IndexedPartition.objects.using("index").filter(topic="patients")
    of_patients.update(trouble="The broker answered 500.", trouble_since=datetime.now(UTC))
    answer = desk.get("/index/")
    assert [name.rpartition("/")[2] for name in attribute(answer, "data-topic")] == ["patients"]
    assert "1 more topic is not shown" in text(answer)
    assert attribute(answer, "data-more") == ["1"]


def test_an_event_names_those_first_that_have_not_acknowledged_it_and_counts_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "MOST_LINES", 2)
    desk.publish(1)
    for name, handled in (("a", 1), ("b", 0), ("c", 0)):
        desk.subscribe(name, handled=handled)
    answer = desk.get("/events/e-0/")
    assert attribute(answer, "data-delivery-of") == ["b", "c"]
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


def test_enter_in_a_field_of_the_choice_for_a_tail_watches_unless_another_name_is_looked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MOST_OFFERED", 1)
    names = [desk.log.create_topic(name).name for name in ("anna", "bert")]
    form = desk.get("/tail/?choose=1&q=bert").content.decode().partition("<form")[2]
    buttons = re.findall(r'<button [^>]*type="submit"[^>]*>', form.partition('action="/tail/"')[2].partition("</form>")[0])
    assert "choose" not in buttons[0], "a browser presses the first one"
    entered = {"topic": names[0], "q": "bert", "listed": "bert", "from": "last", "last": "7"}
    assert "data-begin" in desk.get(f"/tail/?{urlencode(entered)}").content.decode()
    searched = desk.get(f"/tail/?{urlencode({**entered, 'q': 'anna'})}")
    assert "tail-topics" in searched.content.decode()
    assert "data-begin" not in searched.content.decode()


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
