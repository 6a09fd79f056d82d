"""What pages know of the store without asking it, because others have found out."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard import gateway
from dashboard.web import store_health
from dashboard.web.store_health import StoreHealth
from eventstore.model import StoreUnreachable
from tests.web.desk import Desk, opened_desk


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
