"""How long a person waits for an aggregate, its payloads, an event by id and a conversation, and whether that grows with
the topic.

A topic of ``EVENTS`` (10,000,000) events on a real broker, fifty per aggregate and spread over the whole topic, and one
of a hundredth of that, are each indexed into a SQLite of their own. Every figure is the 95th percentile over ``ASKED``
different random choices. The pages are what the desk returns to a logged-in person of the role support: middleware,
session, view, index, payloads and the whole template, through Django's test client, so without the web server and the
network.

- ``aggregate_p95_ms``: an aggregate's page of fifty events without any payload (the desk itself always reads them).
- ``payloads_cold_p95_ms``: the same with its fifty payloads, none of which is in this process.
- ``payloads_warm_p95_ms``: once more.
- ``id_p95_ms``: the slower of an event by its id and a conversation by its correlation id, from the index alone.
- ``growth``: the worst ratio of a figure to the small topic's, if it is more than 20 ms above it; otherwise 1.
- ``scan_seconds``: the time to find one aggregate's events by reading the topic with the bare client.

With ``FEED_FOLDER``, the large index is that which ``make bench NAME=index`` has fed there, and the small one of 1,000,000
events is fed into its folder ``small``. The broker has none of the events then, so there are no figures of payloads. The
index's file is read once before, so that it lies in the machine's memory as far as that holds it: otherwise the figures
are those of the disk, in which each question about an id reads a page for each 65,536 events.

The broker is ``scripts.local_pulsar``'s. One of its settings affects scattered reads: its bookie reads ahead by
``read_ahead_bytes`` (256 KB) instead of the default of 1,000 entries of any size, with which a single event in the
middle of a topic takes about 60 ms instead of 5.
"""

import math
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.index import apart
from benchmarks.index_feed import TOPIC, feed
from benchmarks.material import SEED, publish
from benchmarks.running import desk_in_a_folder, desk_that_stays, report, say, scale
from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_configuration import READ_AHEAD_BYTES

if TYPE_CHECKING:
    from django.test import Client

    from eventstore.desk import Desk
    from eventstore.model.pointers import Pointer
    from eventstore.model.storage import Storage

EVENTS = 10_000_000
SMALLER = 100
SMALL_FED = 1_000_000
ASKED = 100
WARM = 10
"""This many pages are opened again and again: those between which a person goes back and forth."""
ONCE = 5
A_PAGE = 50
ALLOWED_MORE_MS = 20.0
A_READ = 1 << 22
READ_MILLISECONDS = 30_000
TIMES = ("aggregate_p95_ms", "payloads_cold_p95_ms", "payloads_warm_p95_ms", "id_p95_ms")


def main() -> None:
    if folder := os.environ.get("FEED_FOLDER", ""):
        _of_what_was_fed(Path(folder))
        return
    count = scale(EVENTS)
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            small = _of_a_topic(broker, "public/default/small", max(A_PAGE, count // SMALLER))
            large = _of_a_topic(broker, "public/default/large", count)
            scan = apart(scanned, broker.service_url, "public/default/large", count)
        finally:
            broker.stop()
    figures = {"events": count, **large, "scan_seconds": scan, "read_ahead_bytes": READ_AHEAD_BYTES}
    figures |= {f"small_{name}": small[name] for name in TIMES}
    figures["growth"] = max(_growth(small[name], large[name]) for name in TIMES)
    report(figures)


def scanned(service_url: str, topic: str, count: int) -> float:
    """Return the seconds of reading the topic with the bare client for the key of its first message."""
    import pulsar

    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    reader = client.create_reader(topic, pulsar.MessageId.earliest)
    begun = time.perf_counter()
    wanted = reader.read_next(READ_MILLISECONDS).partition_key()
    found = 1
    for _ in range(count - 1):
        found += reader.read_next(READ_MILLISECONDS).partition_key() == wanted
    spent = time.perf_counter() - begun
    client.close()
    say(f"a scan found {found} events of one aggregate in {spent:,.1f} s")
    return spent


def asked(service_url: str, admin_url: str, topic: str, count: int) -> dict[str, float]:
    """Index the topic, and measure."""
    os.environ |= {"EVENTSTORE_URL": service_url, "PULSAR_ADMIN_URL": admin_url}
    with desk_in_a_folder():
        from dashboard.gateway import close, desk
        from eventstore.index.indexer.run import Following, index_until_caught_up

        here = desk()
        following = Following(
            storage=_only(here.store, topic),
            config=here.config,
            stop=threading.Event(),
            on_batch=lambda topic, partition, events: None,
        )
        begun = time.perf_counter()
        indexed = index_until_caught_up(following)
        if indexed != count:
            raise SystemExit(f"{indexed:,} events were indexed, not {count:,}")
        say(f"indexed {topic} in {time.perf_counter() - begun:,.0f} s")
        figures = _figures(here, topic, count)
        close()
    return figures


def _of_what_was_fed(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as name:
        say("starting the broker")
        broker = LocalPulsar(Path(name))
        broker.start()
        try:
            count, large = apart(asked_fed, broker.service_url, broker.admin_url, folder, 0)
            _, small = apart(asked_fed, broker.service_url, broker.admin_url, folder / "small", SMALL_FED)
        finally:
            broker.stop()
    figures = {"events": count, **large, **{f"small_{name}": value for name, value in small.items()}}
    report({**figures, "growth": max(_growth(small[name], large[name]) for name in large)})


def asked_fed(service_url: str, admin_url: str, folder: Path, fed: int) -> tuple[int, dict[str, float]]:
    """Measure on the index in this folder, after feeding it up to so many events; return how many it has, and the figures."""
    os.environ |= {"EVENTSTORE_URL": service_url, "PULSAR_ADMIN_URL": admin_url, "FEED_FOLDER": str(folder)}
    os.environ.pop("FEED_STEP", None)
    if fed:
        feed(fed)
    _read_through(folder)
    with desk_that_stays(folder):
        from dashboard.gateway import close, desk
        from eventstore.model.errors import EventStoreError

        here = desk()
        with suppress(EventStoreError):  # it is there already
            here.log.create_topic(TOPIC)
        count = here.index.topics()[TOPIC].events
        figures = _figures(here, TOPIC, count, payloads=False)
        close()
    say(f"{count:,} events: " + ", ".join(f"{name} {value:,.1f}" for name, value in figures.items()))
    return count, figures


def _read_through(folder: Path) -> None:
    for path in folder.glob("index.sqlite3*"):
        with path.open("rb") as file:
            while file.read(A_READ):
                pass


def _only(storage: "Storage", topic: str) -> "Storage":
    """Return the same storage with no other topic to index."""
    there = [storage.log.topic(topic)]
    storage.log.topics = lambda: there  # type: ignore[method-assign]
    return storage


def _of_a_topic(broker: LocalPulsar, topic: str, count: int) -> dict[str, float]:
    apart(publish, broker.service_url, topic, count)
    figures = apart(asked, broker.service_url, broker.admin_url, topic, count)
    say(f"{topic}: " + ", ".join(f"{name} {figures[name]:,.1f}" for name in TIMES))
    return figures


def _figures(desk: "Desk", topic: str, count: int, *, payloads: bool = True) -> dict[str, float]:
    chosen, browser = _chosen(topic, count), _browser()
    with nullcontext() if payloads else _without_payloads(desk):
        for found in chosen[ASKED:]:  # what a process does only once: imports, the first connection, the templates
            _page(browser, found)
    asked = chosen[:ASKED]

    def times(ask: Callable[["Pointer"], object], of: Sequence["Pointer"] = asked) -> float:
        spent = [_milliseconds(partial(ask, found)) for found in of]
        return sorted(spent)[math.ceil(0.95 * len(spent)) - 1]

    by_id = times(lambda found: desk.index.with_event_id(found.event_id))
    by_correlation = times(lambda found: desk.index.conversation(found.correlation_id))
    with _without_payloads(desk):
        without = times(partial(_page, browser))
    of_index = {"aggregate_p95_ms": without, "id_p95_ms": max(by_id, by_correlation)}
    if not payloads:
        return of_index
    cold = times(partial(_page, browser))
    warm = times(partial(_page, browser), asked[-WARM:] * (ASKED // WARM))
    return {**of_index, "payloads_cold_p95_ms": cold, "payloads_warm_p95_ms": warm}


def _chosen(topic: str, count: int) -> list["Pointer"]:
    """Return events of different aggregates, from all over the topic."""
    from eventstore.index.lookup import queries

    row = queries.partition_row(topic, 0)
    assert row is not None
    ordinals = random.Random(SEED).sample(range(count), min(count, 3 * (ASKED + ONCE)))
    by_aggregate = {found.aggregate_id: found for found in queries.at_ordinals(row, ordinals)}
    chosen = list(by_aggregate.values())
    random.Random(SEED).shuffle(chosen)
    return chosen[: ASKED + ONCE]


@contextmanager
def _without_payloads(desk: "Desk") -> Iterator[None]:
    """The desk as if its page read no payload and did not check why there is none."""
    from dashboard.web import store_health

    with (
        patch.object(desk.streams, "stream", partial(desk.streams.stream, payloads=False)),
        patch.object(store_health, store_health.outage_now.__name__, lambda: None),
    ):
        yield


def _browser() -> "Client":
    """Return a client in which a person of the role support is logged in."""
    from django.test import Client

    from dashboard.models import Person, Role

    browser = Client(SERVER_NAME="127.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    known = Person.objects.filter(username="bench").first()  # in a folder that stays
    made = known or Person.objects.create_user(username="bench", password="not-asked-for-here", role=Role.SUPPORT)
    browser.force_login(made)
    return browser


def _page(browser: "Client", found: "Pointer") -> None:
    """Open an aggregate's page."""
    from django.urls import reverse

    answer = browser.get(reverse("aggregate", args=[found.aggregate_type, found.aggregate_id]), secure=True)
    lines, missing = (answer.content.count(mark) for mark in (b"data-own=", b'<span class="badge">payload '))
    if answer.status_code != HTTPStatus.OK or not lines or missing:
        raise SystemExit(f"a page came with status {answer.status_code}, {lines} events and {missing} payloads missing")


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _growth(small: float, large: float) -> float:
    return large / small if large - small > ALLOWED_MORE_MS else 1.0


if __name__ == "__main__":
    main()
