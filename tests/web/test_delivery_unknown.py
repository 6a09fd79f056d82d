"""Delivery where little is known of subscriptions: pages and filters say so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError

from dashboard.delivery import figures
from dashboard.web import store_health
from eventstore.backlogs import AllBacklogs
from eventstore.backlogs.face import BacklogFace
from tests.web.desk import Desk, attribute, opened_desk, text

PATIENT = "/aggregates/patient/4711/"


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def test_a_topic_whose_subscriptions_were_not_asked_for_yet_is_not_said_to_have_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FRESH_ENOUGH", timedelta(days=1))
    desk.publish(1)
    desk.get("/subscriptions/")
    desk.publish(1, topic="later", start=1)
    asked, not_yet = (text(desk.client().get(f"/events/{id}/")) for id in ("e-0", "e-1"))
    assert "The topic has no subscription." in asked
    assert "The topic has no subscription." not in not_yet
    assert "The store has not told the subscriptions of this topic yet" in not_yet


def test_a_page_needs_no_figures_of_subscriptions_and_shows_no_delivery_where_the_database_fails_over_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: BacklogFace, age: timedelta) -> AllBacklogs:
        raise DatabaseError("no such row")

    desk.publish(1)
    desk.subscribe("mailer")
    monkeypatch.setattr(BacklogFace, "current", fails)
    for page in (PATIENT, "/events/e-0/"):
        answer = desk.get(page)
        assert answer.status_code == 200
        assert attribute(answer, "data-delivery") == []


def test_a_filter_for_delivery_says_that_nothing_is_known_yet_where_the_store_never_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.publish(1)
    away = store_health.StoreHealth(reachable=False, words="The broker does not answer.", as_of=datetime.now(UTC))
    monkeypatch.setattr(store_health, "current_store_health", lambda: away)
    answer = desk.get(f"{PATIENT}?filter=delivery:mailer%3Dpending")
    assert answer.status_code == 400
    assert "the store has not told any subscription yet" in text(answer)
