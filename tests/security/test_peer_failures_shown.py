"""How consoles of this kind have failed in what they show and count: a test for each class, named after it."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from dashboard.auditing.acts import acts
from dashboard.models import AuditEntry, Reveal
from eventstore.drivers.database.log import DatabaseLog
from eventstore.jobs import State
from eventstore.model.events import NewMessage, Topic
from eventstore.tail import Hub, Start
from eventstore.tail.subscriber import catchup
from tests.unit.tail.conftest import hub, log
from tests.unit.tail.entries import numbered
from tests.unit.tail.subscribers.watching import Watching
from tests.web.desk import NAME, TOPIC, Desk, attribute, event, hidden, opened_desk, text
from tests.web.replaying import REPLAY_TOPIC
from tests.web.revealing import VALUE, event_page, masked_desk, of_event, reveal
from tests.web.searches import filtered, the_scan
from tests.web.test_replays_asked import (
    CONFIRMATIONS,
    EVERYTHING,
    OF_4711,
    TICKET,
    WHY,
    asked_for,
    confirm,
    preview,
    replaying,
)
from tests.web.walk.logged import everything_logged

__all__ = ["hub", "log", "replaying"]  # fixtures
LARGE = 5_000_000


@pytest.fixture
def desk(desk_databases: dict[str, str]) -> Iterator[Desk]:
    with opened_desk() as opened:
        yield opened


def put(desk: Desk, payload: bytes, **properties: str) -> Any:
    desk.log.create_topic(TOPIC)
    usual = event(0)
    [position] = desk.log.append(
        TOPIC, [NewMessage(payload=payload, key=usual.key, properties={**usual.properties, **properties})]
    )
    desk.index()
    return position


def test_metadata_spoofing(desk: Desk) -> None:
    """A property called as a fact of the broker stays among the properties, and changes no fact."""
    names = ("ledgerId", "entryId", "position", "partition", "topic", "published", "key", "sequence_id", "event_id")
    position = put(desk, b"{}", **dict.fromkeys(names, "66@66@spoofed"))
    answer = desk.get("/events/e-0/")
    assert attribute(answer, "data-position") == [position.encode()]
    rows = desk.get(f"/topics/{TOPIC}/")
    assert (attribute(rows, "data-position"), attribute(rows, "data-event-id")) == ([position.encode()], ["e-0"])
    assert "66@66@spoofed" in text(answer), "shown as what it is"
    assert "66@66@spoofed" not in rows.content.decode()


def test_cookies_and_framing(desk: Desk, settings: Any) -> None:
    """Secure, HttpOnly, SameSite; framed by nobody. tests/security/test_production_settings.py has the whole of it."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    desk.client("support")
    client = Client(headers={"X-Forwarded-Proto": "https"})
    answer = client.post("/login/", {"username": "support", "password": "a-long-test-password"})
    assert answer.status_code == 302
    assert client.cookies
    for name, cookie in client.cookies.items():
        assert name.startswith("__Host-")
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    for url in ("/", "/login/", "/no-such-page/", "/static/dashboard/style.css"):
        assert "frame-ancestors 'none'" in client.get(url).headers["Content-Security-Policy"], url


def test_big_things(desk: Desk) -> None:
    """A payload of 5 MB is cut in lists and opened on demand; a page does not grow with its topic."""
    put(desk, json.dumps({"name": "x" * LARGE}).encode())
    assert len(desk.get(f"/topics/{TOPIC}/").content) < 100_000
    assert len(desk.get("/aggregates/patient/4711/").content) < 1_000_000
    opened = desk.get("/events/e-0/")
    assert len(opened.content) < 1_000_000
    assert "payload=all" in opened.content.decode() or "/payload/" in opened.content.decode(), "the rest is one click away"
    desk.publish(60, start=1)
    small = desk.get(f"/topics/{TOPIC}/")
    desk.publish(600, start=61)
    large = desk.get(f"/topics/{TOPIC}/")
    assert len(attribute(large, "data-position")) == len(attribute(small, "data-position")) == 50
    assert len(large.content) < 1.1 * len(small.content)


def test_wrong_counts(desk: Desk) -> None:
    """A figure says what it counts, and a search what it has read and what it has not."""
    desk.publish(240)
    begun = filtered(desk, "type:*")
    the_scan(desk).join(60)
    found = text(filtered(desk, "type:*", search=attribute(begun, "data-search")[0]))
    assert "not complete 200 matches Stopped at 200 matches, after 200 of 240 events." in found
    assert "Older events were not read." in found
    desk.subscribe(handled=7)
    shown = text(desk.get(f"/topics/{TOPIC}/subscriptions/{NAME}/"))
    assert "233 events" in shown
    assert "as of" in shown
    assert "dead letters" not in text(desk.get("/")).lower().replace("no dead letters", ""), (
        "there are none, and none are counted"
    )


def test_replay_by_accident(replaying: Desk) -> None:
    """No replay without a preview of what, how many and to whom, confirmed as it was shown; a large one by two people."""
    shown = preview(replaying, {"projection": "app-timeline", "kind": "aggregate", **OF_4711})
    assert "3 events" in text(shown)
    assert "app-timeline" in text(shown)
    assert replaying.client("support").post(CONFIRMATIONS, {"reason": WHY, "ticket": TICKET, **EVERYTHING}).status_code != 302
    right = hidden(shown)["digest"]
    for digest in ("", "0" * 64, f"{'0' * 8}{right[8:]}"):
        assert confirm(replaying, shown, digest=digest).status_code != 302
    assert replaying.faces.jobs.newest() == []
    job = asked_for(replaying)
    assert job.state is State.WAITING, "all events wait for a second person"
    assert replaying.faces.jobs.run_until_idle() == 0
    assert replaying.log.read_forward(REPLAY_TOPIC, 0, limit=20) == []


def test_a_tail_that_lies(log: DatabaseLog, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reader a topic, whoever watches; what is left out is counted; who comes back has no gap and no double."""
    monkeypatch.setattr(catchup, "MOST_MISSED", 50)
    monkeypatch.setattr(catchup, "MOST_KEPT", 20)
    topic = log.create_topic("documents")

    def watching(start: Start, of: Topic = topic, **options: Any) -> Watching:
        return Watching(hub.open([of], start, lambda: None, **options))

    first = watching(Start(), complete=True)
    log.append("documents", numbered(range(10)))
    assert first.until(10).numbers == list(range(10))
    readers = [thread for thread in threading.enumerate() if thread.name == "tail documents 0"]
    assert len(readers) == 1
    others = [watching(Start(), complete=True) for _ in range(5)]
    assert len([thread for thread in threading.enumerate() if thread.name == "tail documents 0"]) == 1
    for gone in (first, *others):
        gone.subscriber.close()
    log.append("documents", numbered(range(10, 90)))
    back = watching(Start(places=first.places), complete=True)
    assert back.until(80).numbers == list(range(10, 90)), "neither gap nor double"
    busy = log.create_topic("busy")
    log.append("busy", numbered(range(80)))
    page = watching(Start(places={}), busy)
    assert page.until(80).counts.older == 60, "what a page is not shown is counted"
    assert page.numbers == list(range(60, 80))


def test_personal_data(desk_databases: dict[str, str]) -> None:
    """Masked by default; a reveal needs a permission and a reason and is recorded; no payload in any log."""
    pages = (
        "/topics/patients/",
        "/aggregates/patient/4711/",
        "/events/e-0/",
        "/events/e-0/?payload=all",
        "/events/e-0/payload/",
    )
    with masked_desk() as desk, everything_logged() as lines:
        for role in ("viewer", "support", "admin"):
            for page in pages:
                assert VALUE not in desk.get(page, role).content.decode(), (role, page)
        assert reveal(desk.client("viewer"), of_event()).status_code == 403
        assert reveal(desk.client("support"), of_event(), reason=" ").status_code == 422
        assert not Reveal.objects.exists()
        assert reveal(desk.client("support"), of_event()).status_code == 302
        assert VALUE in event_page(desk.client("support"))
        assert [act.actor for act in acts(action="reveal")] == ["support"]
        assert AuditEntry.objects.filter(action="refused").exists()
        assert not [entry for entry in AuditEntry.objects.values() if VALUE in str(entry)]
    assert not [line for line in lines if VALUE in line]
