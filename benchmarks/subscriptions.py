"""How long a person waits for the table of all subscriptions, and what it costs the broker.

Five subscriptions on each of ``TOPICS`` (100) topics of a real broker, three of which have four partitions: some have
caught up, some wait behind all events, some have acknowledged every third event. The index has all events, in SQLite.
The page is what the desk returns to a logged-in person of the role support, through Django's test client: all 500 rows
with their sparklines.

- ``cold_p95_ms``: the page of a process that was just started, in which nothing is known, and nothing is stored either:
  the broker is asked about everything. What was found is stored in a moment after that, and not in the time. The 95th
  percentile of ``COLD`` (20), after ``UNMEASURED`` (10): the broker was started a moment before, and Java compiles what it
  runs often. One that has run for hours has done so.
- ``warm_p95_ms``: the page while a poller runs. Each time the process looks in the database whether there are newer
  figures; there are in every tenth. The 95th percentile of ``WARM`` (100).
- ``admin_calls``: the most admin calls of one refresh, whether one person or fifty at once open the page; ``allowed``
  is two for each topic and ten.
- ``delivery_ratio``: an aggregate's page of 50 events with the delivery to 5 subscriptions, divided by the same page
  without it (``benchmarks.deliveries``).
- ``cli_ratio``: the time of ``pulsar-admin topics stats`` for one topic, divided by the median cold time.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx

from benchmarks.deliveries import delivery_figures, publish_aggregate
from benchmarks.index import apart
from benchmarks.running import desk_in_a_folder, report, say, setting
from scripts.local_pulsar import LocalPulsar
from scripts.pulsar_distribution import distribution

if TYPE_CHECKING:
    from django.test import Client

NAMES = ("exact", "half-way", "idle", "late", "new")
PARTITIONED, PARTITIONS = 3, 4
EVENTS, ACKNOWLEDGED_EVERY = 60, 3
COLD, UNMEASURED, WARM, NEWER_EVERY = 20, 10, 100, 10
VIEWERS = 50
CLI_RUNS = 3
ALLOWED_MORE = 10
NAMESPACE = "public/default"
LONG = timedelta(hours=1)
SECONDS = 30_000


def main() -> None:
    topics = setting("TOPICS", 100)
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            apart(prepare, broker.service_url, broker.admin_url, topics)
            figures = apart(measured, broker.service_url, broker.admin_url, topics)
            cli = _seconds_of_the_cli(broker)
        finally:
            broker.stop()
    figures["cli_ratio"] = 1000 * cli / figures["cold_p50_ms"]
    report({"subscriptions": len(NAMES) * topics, **figures, "cli_seconds": cli, "allowed": 2 * topics + ALLOWED_MORE})


def prepare(service_url: str, admin_url: str, topics: int) -> None:
    """Make topics, subscriptions and events, and acknowledge some."""
    import pulsar

    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    admin = httpx.Client(base_url=f"{admin_url}/admin/v2/persistent/{NAMESPACE}/", timeout=30)
    for number in range(topics):
        topic = f"topic-{number:03}"
        if number < PARTITIONED:
            admin.put(f"{topic}/partitions", json=PARTITIONS).raise_for_status()
        else:
            admin.put(topic).raise_for_status()
        for name in NAMES[:-1]:
            admin.put(f"{topic}/subscription/{name}", json="earliest").raise_for_status()
        producer = client.create_producer(f"persistent://{NAMESPACE}/{topic}", batching_enabled=False)
        for event in range(EVENTS):
            producer.send_async(b"{}", lambda result, position: None, partition_key=str(event))
        producer.flush()
        producer.close()
        admin.put(f"{topic}/subscription/{NAMES[-1]}", json="latest").raise_for_status()
        _acknowledge(client, topic, NAMES[0], every=1)
        _acknowledge(client, topic, NAMES[1], every=ACKNOWLEDGED_EVERY)
    publish_aggregate(client, f"{NAMESPACE}/topic-{topics - 1:03}")
    client.close()
    say(f"{topics} topics with {len(NAMES)} subscriptions each")


def _acknowledge(client: Any, topic: str, name: str, *, every: int) -> None:
    import pulsar

    whole = f"persistent://{NAMESPACE}/{topic}"
    consumer = client.subscribe(whole, name, consumer_type=pulsar.ConsumerType.Shared)
    for number in range(EVENTS):
        message = consumer.receive(SECONDS)
        if number % every == 0:
            consumer.acknowledge(message)
    consumer.close()


def measured(service_url: str, admin_url: str, topics: int) -> dict[str, float]:
    """Index the topics, and open the page again and again."""
    os.environ |= {"EVENTSTORE_URL": service_url, "PULSAR_ADMIN_URL": admin_url}
    with desk_in_a_folder():
        from dashboard.gateway import close

        _index()
        browser = _browser()
        _page(browser, topics)  # what a process does only once: imports, templates
        cold, calls = _cold(browser, topics)
        say(f"cold: {statistics.median(cold):,.0f} ms, {max(calls)} calls")
        calls.append(_calls_of_many(topics))
        say(f"{VIEWERS} viewers at once: {calls[-1]} calls")
        warm = _warm(browser, topics)
        delivery = delivery_figures(browser, len(NAMES))
        say(f"delivery: {delivery}")
        close()
    return {
        "cold_p95_ms": _percentile(cold),
        "cold_p50_ms": statistics.median(cold),
        "warm_p95_ms": _percentile(warm),
        "warm_p50_ms": statistics.median(warm),
        "admin_calls": max(calls),
        **delivery,
    }


def _index() -> None:
    from dashboard.gateway import desk
    from eventstore.index.indexer.run import Following, index_until_caught_up

    here = desk()
    following = Following(
        storage=here.store, config=here.config, stop=threading.Event(), on_batch=lambda topic, partition, events: None
    )
    say(f"indexed {index_until_caught_up(following):,} events")


def _cold(browser: "Client", topics: int) -> tuple[list[float], list[int]]:
    times, calls = [], []
    for _ in range(UNMEASURED + COLD):
        _forget_everything()
        with _counted_calls() as counted:
            times.append(_milliseconds(lambda: _page(browser, topics)))
        calls.append(len(counted))
    return times[UNMEASURED:], calls


def _calls_of_many(topics: int) -> int:
    """Return how many calls it takes when fifty people open the page at once."""
    from django.db import connections

    browsers = [_browser(f"viewer-{number}") for number in range(VIEWERS)]

    def look(browser: "Client") -> None:
        _page(browser, topics)
        connections.close_all()

    _forget_everything()
    with _counted_calls() as counted, ThreadPoolExecutor(VIEWERS) as pool:
        list(pool.map(look, browsers))
    return len(counted)


def _warm(browser: "Client", topics: int) -> list[float]:
    from dashboard.gateway import desk
    from dashboard.subscriptions import backlog_cache

    stop, times = threading.Event(), []
    with patch.object(backlog_cache, "FRESH", timedelta(0)):
        for number in range(WARM):
            if number % NEWER_EVERY == 0:
                desk().backlogs.forget()
                desk().backlogs.poll(LONG, stop.is_set)
            times.append(_milliseconds(lambda: _page(browser, topics)))
    return times


def _forget_everything() -> None:
    """As if the process had just been started, and nobody had ever asked."""
    from dashboard.gateway import close
    from eventstore.index.models import BacklogRow, LookRow

    close()
    BacklogRow.objects.all().delete()
    LookRow.objects.all().delete()


@contextmanager
def _counted_calls() -> Iterator[list[str]]:
    """Note every request to the broker's admin API, by whatever thread and in whichever way."""
    from eventstore.drivers.quick_http import QuickHttp

    calls: list[str] = []
    sent, got = httpx.Client.send, QuickHttp.get

    def get(quick: QuickHttp, path: str) -> bytes | None:
        calls.append(path)
        return got(quick, path)

    def send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        calls.append(request.url.path)
        return sent(client, request, **options)

    with patch.object(httpx.Client, "send", send), patch.object(QuickHttp, "get", get):
        yield calls


def _browser(name: str = "bench") -> "Client":
    """Return a client in which a person of the role support is logged in."""
    from django.test import Client

    from dashboard.models import Person, Role

    browser = Client(SERVER_NAME="127.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(Person.objects.create_user(username=name, password="not-asked-for-here", role=Role.SUPPORT))
    return browser


def _page(browser: "Client", topics: int) -> None:
    answer = browser.get("/subscriptions/", secure=True)
    rows = answer.content.count(b"data-subscription=")
    if answer.status_code != HTTPStatus.OK or rows != len(NAMES) * topics:
        raise SystemExit(f"the page came with status {answer.status_code} and {rows} rows")


def _seconds_of_the_cli(broker: LocalPulsar) -> float:
    """Return the median time of the broker's own command for one topic's statistics."""
    command = [str(distribution(broker.version) / "bin/pulsar-admin"), "--admin-url", broker.admin_url]
    asked = [*command, "topics", "stats", f"persistent://{NAMESPACE}/topic-{PARTITIONED:03}"]
    times = []
    for _ in range(CLI_RUNS):
        begun = time.perf_counter()
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - begun)
        if answer.returncode:
            sys.exit(f"pulsar-admin failed: {answer.stderr[-500:]}")
        json.loads(answer.stdout)
    return statistics.median(times)


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _percentile(spent: list[float]) -> float:
    return sorted(spent)[math.ceil(0.95 * len(spent)) - 1]


if __name__ == "__main__":
    main()
