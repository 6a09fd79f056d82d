"""What each page says of its own completeness, in five states: the store away, the index behind, the index absent, a store
without topics, and everything well. One table: what is true is written here, and every page is asked."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import override_settings

from dashboard.web import store_health
from eventstore.index.indexer import leases
from eventstore.index.models import IndexedPartition
from tests.namespaces import own_namespace
from tests.run_servers import BrokerAddress
from tests.web.desk import Desk, event, forget_everything, text
from tests.web.test_unreachable import closed_port

AWAY = "The event store does not answer. What you see is what the index knew at"
BEHIND = "The index is 10 minutes behind. 3 events wait."
ABSENT = "The index has not read any topic yet, and no indexer runs."
START = "python manage.py run_index"
EMPTY = "Connected to embedded store on SQLite"

SAID_ON_EVERY_PAGE: Mapping[str, Sequence[str]] = {
    "away": [AWAY],
    "behind": [BEHIND, "may lack the newest events"],
    "absent": [ABSENT, START],
    "empty": [EMPTY, "no topics yet", "import_events"],
    "well": ["index up to date"],
}
UNTRUE: Mapping[str, Sequence[str]] = {
    "away": [
        "up to date",
        "No indexer runs for",
        "run_index",
        "Nothing found",
        "All clear",
        "catching up",
        "Nothing. ",
        "100 %",
        "No anomalies in",
    ],
    "behind": ["No anomalies in", "up to date", "No indexer runs for", "run_index", "Nothing found", "All clear"],
    "absent": ["up to date", "Nothing found", "All clear", "catching up", "just begun", "No anomalies in 0"],
    "empty": [
        "up to date",
        "0 of 0",
        "every subscription",
        "issue",
        "All clear",
        "run_index",
        "Nothing found",
        "does not answer",
        "No anomalies in 0",
    ],
    "well": ["does not answer", "run_index", "no indexer runs", "behind.", "may lack", "Connected to", "not indexed"],
}
"""What no page may say in this state."""

PAGES: Mapping[str, Mapping[str, str]] = {
    "/": {
        "away": "how they stand is not known now",
        "behind": "1 issue.",
        "absent": "1 issue.",
        "empty": "Nothing to watch yet.",
        "well": "All clear. No subscription is stuck, no dead-letter topic holds an event, the index found no anomaly",
    },
    "/index/": {
        "away": "How much of the store is indexed is not known while it does not answer.",
        "behind": "1 of 1 topic is behind.",
        "absent": "Nothing is indexed yet.",
        "empty": "Nothing is indexed yet.",
        "well": "All 1 topic is up to date.",
    },
    "/aggregates/": {"absent": "No aggregate is indexed yet", "empty": "No aggregate yet"},
    "/aggregates/?q=nobody": {
        "away": "Not found in what is indexed",
        "behind": "Not found in what is indexed",
        "absent": "Not found in what is indexed",
        "empty": "There is nothing to search yet",
        "well": "Nothing found",
    },
    "/aggregates/patient/": {},
    "/aggregates/patient/4711/": {"absent": "Not everything is indexed now: it may appear later."},
    "/aggregates/patient/0815/": {
        "away": "Not everything is indexed now: it may appear later.",
        "behind": "Not everything is indexed now: it may appear later.",
        "well": "The index knows no such aggregate.",
    },
    "/anomalies/": {
        "well": "No anomalies in 5 events.",
        "absent": "No event is indexed yet.",
        "empty": "No event is indexed yet.",
    },
    "/anomalies/unreadable/": {},
    "/events/e-1/": {},
    "/topics/": {},
    "/topics/patients/": {},
    "/topics/patients/?filter=type:none": {},
    "/tail/": {},
    "/subscriptions/": {},
    "/topics/patients/subscriptions/mailer/": {},
}
"""From a page to what it says itself in each state, beside what every page says."""
WITHOUT_A_STORE = ("/subscriptions/", "/topics/patients/subscriptions/mailer/")
"""Pages of what the store alone knows. While it is away they are nothing but an error, which says so."""


@pytest.fixture(autouse=True)
def lasting_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The indexer that runs does so until the last page was asked, however long that takes."""
    monkeypatch.setattr(leases, "LEASE", timedelta(hours=1))


def indexed(desk: Desk) -> None:
    desk.publish(5)
    desk.subscribe(handled=5)
    leases.heartbeat("an indexer that runs", wants_more=False)


def the_store_is_away(desk: Desk) -> AbstractContextManager[Any]:
    """For ten minutes, so that nothing was caught up with for as long, by no fault of the indexer that runs."""
    indexed(desk)
    IndexedPartition.objects.using("index").update(caught_up_at=datetime.now(UTC) - timedelta(minutes=10), behind=0)
    port = closed_port()
    return override_settings(EVENTSTORE_URL=f"pulsar://127.0.0.1:{port}", PULSAR_ADMIN_URL=f"http://127.0.0.1:{port}")


def the_index_is_behind(desk: Desk) -> AbstractContextManager[Any]:
    indexed(desk)
    desk.log.append("patients", [event(number) for number in range(5, 8)])
    then, lease = datetime.now(UTC) - timedelta(minutes=10), datetime.now(UTC) + timedelta(hours=1)
    IndexedPartition.objects.using("index").update(caught_up_at=then, behind=3, owner="one", leased_until=lease)
    return override_settings()


def the_index_is_absent(desk: Desk) -> AbstractContextManager[Any]:
    desk.log.create_topic("patients")
    desk.log.append("patients", [event(number) for number in range(5)])
    desk.subscribe(handled=5)
    return override_settings()


def the_store_is_empty(desk: Desk) -> AbstractContextManager[Any]:
    leases.heartbeat("an indexer that runs", wants_more=False)
    return override_settings()


def all_is_well(desk: Desk) -> AbstractContextManager[Any]:
    indexed(desk)
    IndexedPartition.objects.using("index").update(caught_up_at=datetime.now(UTC) - timedelta(seconds=4), behind=0)
    return override_settings()


STATES: Mapping[str, Callable[[Desk], AbstractContextManager[Any]]] = {
    "away": the_store_is_away,
    "behind": the_index_is_behind,
    "absent": the_index_is_absent,
    "empty": the_store_is_empty,
    "well": all_is_well,
}


@pytest.mark.parametrize("state", STATES)
def test_every_page_says_what_it_lacks_and_calls_nothing_complete_that_is_not(desk: Desk, state: str) -> None:
    with STATES[state](desk):
        forget_everything()
        assert store_health.ask_store().reachable is (state != "away")
        wrong = [line for url, cells in PAGES.items() for line in _wrong(desk.get(url), url, state, cells.get(state, ""))]
        forget_everything()
    assert wrong == []


def _wrong(answer: HttpResponse, url: str, state: str, cell: str) -> Sequence[str]:
    """What the page does not say, or should not."""
    seen = text(answer)
    said_everywhere: Sequence[str] = SAID_ON_EVERY_PAGE[state]
    if state == "away" and answer.status_code == 503 and url in WITHOUT_A_STORE:
        said_everywhere = ["The event store does not answer"]
    missing = [sentence for sentence in (*said_everywhere, cell) if sentence not in seen]
    untrue = [sentence for sentence in UNTRUE[state] if sentence in seen]
    twice = [sentence for sentence in said_everywhere if seen.count(sentence) > 1 and sentence != "index up to date"]
    return [
        f"{url} ({answer.status_code}): {why} {sentence!r}"
        for why, sentences in (("lacks", missing), ("says", untrue), ("says twice", twice))
        for sentence in sentences
    ]


def test_a_fragment_brings_the_notices_of_now(desk: Desk) -> None:
    """A page that stays open does not keep the notices with which it was loaded."""
    with the_index_is_behind(desk):
        forget_everything()
        body = desk.get("/aggregates/", fragment=True).content.decode()
    assert body.count('id="notices" hx-swap-oob="true"') == 1
    assert 'data-notice="index-behind"' in body


@pytest.mark.broker
def test_a_broker_without_topics_is_named_with_the_namespace_that_was_looked_in(
    desk: Desk, pulsar_broker: BrokerAddress
) -> None:
    address = own_namespace(pulsar_broker)
    with override_settings(**address):
        forget_everything()
        seen = text(desk.get("/"))
        forget_everything()
    assert "Connected to Pulsar " in seen
    assert f"no topics in {address['EVENTSTORE_NAMESPACES']} yet. A topic appears here" in seen
    assert "Nothing to watch yet." in seen
