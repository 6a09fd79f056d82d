"""The broker is away: every page comes all the same, says so, shows what the index knows, and asks again by itself.

The store is the real Pulsar driver, pointed at a closed port of the loopback.
"""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from dashboard import gateway
from dashboard.rendering.url_segments import segment
from dashboard.subscriptions import backlog_cache
from eventstore.drivers.pulsar.subscriptions.pulsar_subscriptions import PulsarSubscriptions
from eventstore.model.events import Topic
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionType
from eventstore.subscriptions.backlog import backlog_of
from tests.indexing import event, index, place
from tests.people import person
from tests.web.desk import forget_everything, text

TOPIC = "public/default/patients"
ENOUGH = 30.0
"""Seconds after which a page counts as hanging. It needs far less."""


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Away:
    browser: Client

    def get(self, url: str, *, fragment: bool = False) -> HttpResponse:
        began = time.monotonic()
        answer = self.browser.get(url, headers={"HX-Request": "true"} if fragment else {})
        assert time.monotonic() - began < ENOUGH, f"{url} hangs"
        return answer  # type: ignore[return-value]


@pytest.fixture
def away(desk_databases: dict[str, str], settings: Any) -> Iterator[Away]:
    port = closed_port()
    settings.EVENTSTORE_URL = f"pulsar://127.0.0.1:{port}"
    settings.PULSAR_ADMIN_URL = f"http://127.0.0.1:{port}"
    forget_everything()
    browser = Client()
    browser.force_login(person("support"))
    yield Away(browser=browser)
    forget_everything()


@pytest.fixture
def indexed() -> None:
    """What the index read while the broker was reachable."""
    topic = Topic(name=TOPIC)
    index([event(number, topic=TOPIC) for number in range(5)], topic=topic)


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("written", [TOPIC, "patients"])
def test_a_subscription_comes_with_its_last_figures_by_its_topics_short_name_too(
    away: Away, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    mailer = Subscription(
        topic=TOPIC,
        name="mailer",
        type=SubscriptionType.SHARED,
        cursors=[Cursor(partition=0, acknowledged=None, backlog=5)],
        consumers=[],
        moved=None,
        delivered=None,
        unacked=0,
    )
    line = backlog_cache.Line(
        topic=Topic(name=TOPIC), backlog=backlog_of(mailer, PulsarSubscriptions.capabilities, timedelta(minutes=2))
    )
    gathered = backlog_cache.BacklogSnapshot(lines=[line], unavailable_topics=[], as_of=datetime.now(UTC))
    monkeypatch.setattr(gateway.shared(backlog_cache.BacklogCache), "last", gathered)
    answer = away.get(f"/topics/{segment(written)}/subscriptions/mailer/")
    assert answer.status_code == 200
    assert b"data-store-away" in answer.content
    assert b'data-backlog="5"' in answer.content


AT = place(2, topic=TOPIC).encode()
KNOWN = [
    ("/", "Events indexed"),
    ("/topics/", "patients"),
    (f"/topics/{TOPIC.replace('/', '~2F')}/", "4711"),
    ("/aggregates/", "patient"),
    ("/aggregates/patient/", "4711"),
    ("/aggregates/patient/4711/", "Patient registered"),
]


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(("url", "known"), KNOWN)
def test_a_page_comes_with_what_the_index_knows(away: Away, url: str, known: str) -> None:
    answer = away.get(url)
    assert answer.status_code == 200
    assert known in text(answer)


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("url", ["/", "/topics/", f"/topics/{TOPIC.replace('/', '~2F')}/"])
def test_it_says_that_the_store_is_away_and_asks_again_by_itself(away: Away, url: str) -> None:
    answer = away.get(url)
    body = answer.content.decode()
    assert "data-store-away" in body
    assert "The event store does not answer" in text(answer)
    assert '<meta http-equiv="refresh" content="5">' in body


@pytest.mark.usefixtures("indexed")
def test_an_event_is_shown_as_the_index_knows_it(away: Away) -> None:
    url = reverse("event", args=[f"e-{TOPIC}-0-2"])
    answer = away.get(f"{url}?at={AT}")
    assert answer.status_code == 200
    assert "4711" in text(answer)


def subscription_urls() -> list[str]:
    names = [TOPIC, "mailer"]
    return [
        "/subscriptions/",
        reverse("subscription", args=names),
        reverse("cursor_reset_new", args=names) + "?to=earliest",
    ]


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("number", range(3))
def test_what_lives_in_the_store_alone_says_so_and_asks_again(away: Away, number: int) -> None:
    answer = away.get(subscription_urls()[number])
    assert answer.status_code in (200, 503)
    assert "does not answer" in text(answer)
    assert 'http-equiv="refresh"' in answer.content.decode()


@pytest.mark.usefixtures("indexed")
def test_a_reset_is_neither_done_nor_recorded_as_done(away: Away) -> None:
    url = reverse("cursor_resets", args=[TOPIC, "mailer"])
    answer = away.browser.post(url, {"to": "earliest", "digest": "x", "since": "0", "reason": "because"})
    assert answer.status_code == 503
    from dashboard.models import AuditEntry

    assert not AuditEntry.objects.exists()


def test_with_an_empty_index_nothing_is_made_up(away: Away) -> None:
    for url in ("/", "/topics/", "/subscriptions/"):
        answer = away.get(url)
        assert answer.status_code == 503
        assert "does not answer" in text(answer)


@pytest.mark.usefixtures("indexed")
def test_a_fragment_has_the_whole_page_loaded_which_says_so(away: Away) -> None:
    answer = away.get("/subscriptions/", fragment=True)
    assert answer["HX-Refresh"] == "true"


@pytest.mark.usefixtures("indexed")
def test_the_record_needs_no_store(away: Away) -> None:
    assert away.get("/audit/").status_code == 200


@pytest.mark.usefixtures("indexed")
def test_no_address_or_secret_of_the_broker_is_told_that_the_page_does_not_need(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSAR_TOKEN", "a-very-secret-token")
    forget_everything()
    for url in ("/", "/topics/", "/subscriptions/"):
        assert "a-very-secret-token" not in away.get(url).content.decode()
