"""What pages know of the store without asking it, because others have found out."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dashboard import gateway
from dashboard.web import store_health
from dashboard.web.store_health import StoreHealth
from eventstore.drivers.database.log import DatabaseLog
from eventstore.model import NotPermitted, StoreUnreachable
from tests.web.desk import Desk, opened_desk, text
from tests.web.limits import access, scope


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        store_health.forget()
        yield opened
    store_health.forget()


def test_what_one_page_has_found_others_say_too(desk: Desk) -> None:
    assert store_health.last_known_outage() is None  # it was asked just now, and answered
    store_health.mark_unreachable(StoreUnreachable("The broker does not answer."))
    assert str(store_health.last_known_outage()) == "The broker does not answer."


def test_it_is_asked_about_again_however_often_it_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = timezone.now() - store_health.FRESH - timedelta(seconds=1)
    away = StoreHealth(reachable=False, words="away", as_of=before)
    monkeypatch.setattr(gateway.shared(store_health.StoreWatch), "_last", away)
    store_health.mark_unreachable(StoreUnreachable("away"))
    assert store_health.last_known_outage() is None  # it is back


def test_a_store_that_does_not_let_its_topics_be_listed_is_said_on_every_page_until_it_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(log: Any) -> Any:
        raise NotPermitted("It needs the permission consume.")

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseLog, "topics", refuse)
        store_health.forget()
        page = text(desk.get("/aggregates/"))
        assert "does not permit everything. It needs the permission consume. Until then, new topics are not seen." in page
        assert "store: permission missing" in page
        with access(scope=(scope("viewer", "persistent://a/b/c"),)):  # the store's sentence may name what lies outside of it
            for path in ("/aggregates/", "/topics/"):
                page = text(desk.client("viewer").get(path))
                assert "Tell an admin of this installation." in page
                assert "consume" not in page
    monkeypatch.setattr(store_health, "FRESH", timedelta(0))
    assert "permission" not in text(desk.get("/aggregates/"))


def test_a_store_that_lists_its_topics_is_asked_for_them_seldom(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    topics = DatabaseLog.topics
    monkeypatch.setattr(store_health, "FRESH", timedelta(0))

    def noted(log: DatabaseLog) -> Any:
        asked.append(1)
        return topics(log)

    monkeypatch.setattr(DatabaseLog, "topics", noted)
    monkeypatch.setattr(store_health, "_topics_if_none_is_indexed", lambda: None)
    store_health.forget()
    for _ in range(3):
        assert store_health.current_store_health().reachable
    assert len(asked) == 1
