"""The numbers beside the places on the left: true, left out where they are unknown, and paid for by no question."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from dashboard.subscriptions import backlog_cache
from dashboard.templatetags import desk as tags
from dashboard.web import place_counts, store_health
from eventstore.model import StoreRefused
from eventstore.subscriptions.face import SubscriptionFace
from tests.indexing import publish_everything_at
from tests.web.desk import Answer, Desk, opened_desk

PAGES = ("/", "/topics/", "/topics/patients/", "/aggregates/", "/subscriptions/", "/audit/", "/index/", "/events/e-1/")


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        opened.publish(10)
        opened.publish(2, topic="orders", start=50)
        opened.subscribe("mailer", handled=4)
        opened.subscribe("search", handled=10)
        yield opened


def numbers(answer: Answer) -> dict[str, str]:
    """What stands beside each place, without its marks."""
    found = re.findall(r'<span id="count-(\w+)"[^>]*>(.*?)</span>\s*(?:</a>|<span id|$)', answer.content.decode(), re.DOTALL)
    return {place: " ".join(re.sub("<[^>]*>", " ", inner).split()) for place, inner in found}


def everything_is_stuck() -> None:
    from eventstore.drivers.database.models import CursorRow

    then = datetime.now(UTC) - timedelta(hours=3)
    publish_everything_at(then)
    CursorRow.objects.using("store").update(moved=then)


def test_a_number_stands_beside_a_place_once_it_is_known(desk: Desk) -> None:
    without = dict.fromkeys(("overview", "aggregates", "subscriptions", "projections", "jobs", "audit"), "")
    assert numbers(desk.get("/audit/")) == {**without, "topics": "2"}
    assert numbers(desk.get("/subscriptions/"))["subscriptions"] == "2"
    assert numbers(desk.client().get("/audit/"))["subscriptions"] == "2"


def test_what_needs_attention_is_counted_as_the_overview_counts_it_with_a_mark_and_in_words(desk: Desk) -> None:
    everything_is_stuck()
    assert "1 issue." in desk.get("/").content.decode()
    after = numbers(desk.client().get("/audit/"))
    assert after["overview"] == "▲ 1 to attend to"
    assert after["subscriptions"] == "▲ 1 to attend to 2"


def test_a_subscription_that_has_stuck_since_the_overview_was_seen_is_among_its_issues_at_once(desk: Desk) -> None:
    assert numbers(desk.get("/"))["overview"] == ""
    everything_is_stuck()
    after = numbers(desk.get("/subscriptions/"))
    assert (after["overview"], after["subscriptions"]) == ("▲ 1 to attend to", "▲ 1 to attend to 2")


def test_a_fragment_brings_the_numbers_of_its_page_with_it(desk: Desk) -> None:
    everything_is_stuck()
    fragment = desk.get("/", fragment=True)
    assert 'id="count-overview" class="counts" hx-swap-oob="true"' in fragment.content.decode()
    assert numbers(fragment)["overview"] == "▲ 1 to attend to"


def test_a_number_that_is_old_is_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.get("/")
    monkeypatch.setattr(place_counts, "LASTS", timedelta(0))
    assert numbers(desk.client().get("/audit/"))["subscriptions"] == ""


def test_where_some_subscriptions_are_unknown_there_is_no_number_of_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = SubscriptionFace.of_topic

    def refuses_orders(self: SubscriptionFace, topic: str) -> object:
        if topic == "orders":
            raise StoreRefused("The broker refuses this.")
        return listed(self, topic)

    monkeypatch.setattr(SubscriptionFace, "of_topic", refuses_orders)
    assert numbers(desk.get("/subscriptions/"))["subscriptions"] == ""


@pytest.mark.parametrize("path", PAGES)
def test_they_cost_no_query_of_any_database_and_so_no_question_to_the_store(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for module in (backlog_cache, store_health):
        monkeypatch.setattr(module, "FRESH", timedelta(hours=1))  # so that no answer turns old between the two
    desk.get("/")
    with_numbers = queries(desk, path)
    monkeypatch.setattr(tags, "count_of", lambda place, standing: None)
    assert with_numbers == queries(desk, path)


def queries(desk: Desk, path: str) -> dict[str, int]:
    """How many queries each database gets for a page. The embedded store is one of them."""
    desk.client().get(path)
    captured = {name: CaptureQueriesContext(connections[name]) for name in ("default", "index", "store")}
    for capture in captured.values():
        capture.__enter__()
    try:
        assert desk.client().get(path).status_code == 200
    finally:
        for capture in captured.values():
            capture.__exit__(None, None, None)
    return {name: len(capture) for name, capture in captured.items()}
