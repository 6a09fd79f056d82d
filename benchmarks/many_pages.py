"""Opening each page again and again, in a process of its own."""

import gc
import math
import os
import re
import statistics
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.many_material import CROWDED, LONG, LONGEST, TYPE, WIDE, Sizes
from benchmarks.running import say, setting

if TYPE_CHECKING:
    from django.test import Client

ASKED, UNKNOWN, PARTS = 12, 2, 1
THREADS = 16
"""Reader threads of the indexer: most of the time it waits for the broker, which opens a topic for each of them."""
FILLED_WITHIN = 60.0
HOUR = timedelta(hours=1)
PART = re.compile(rb'hx-get="([^"]+)" hx-trigger="load"')
"""The parts that a page leaves to be filled in."""


def measured(data: str, sizes: Sizes) -> dict[str, Any]:
    """Index everything into this data directory, ask for the subscriptions, and open the pages."""
    _set_up(data)
    from dashboard.gateway import close, desk

    begun = time.perf_counter()
    _index()
    say(f"indexed in {time.perf_counter() - begun:,.0f} s")
    browser, pages = _browser(), _pages(sizes)
    filled = _filled(browser, pages["overview"])
    say(f"the overview was filled in after {filled:,.1f} s")
    unknown = _unknown(browser, pages)
    begun = time.perf_counter()
    desk().backlogs.poll(HOUR, threading.Event().is_set)
    polled = time.perf_counter() - begun
    say(f"asked for all subscriptions in {polled:,.1f} s")
    known, parts, sizes_of, queries = _known(browser, pages)
    close()
    for name in sorted(known, key=lambda name: -_p95(known[name])):
        say(
            f"  {name:28} {_p95(known[name]):8.1f} ms  unknown {_p95(unknown[name]):8.1f} ms"
            f"  parts {_p95(parts[name]):8.1f} ms {sizes_of[name] / 1000:8.1f} KB {queries[name]:5} queries"
        )
    small = statistics.median(known["nothing"])
    return {
        "worst_p95_ms": max(map(_p95, known.values())),
        "unknown_p95_ms": max(map(_p95, unknown.values())),
        "filled_p95_ms": max(map(_p95, parts.values())),
        "against_one": max(map(_p95, known.values())) / small,
        "polled_seconds": polled,
        "overview_filled_seconds": filled,
        "pages_p95_ms": {name: round(_p95(times), 1) for name, times in known.items()},
        "parts_p95_ms": {name: round(_p95(times), 1) for name, times in parts.items() if any(times)},
    }


def _pages(sizes: Sizes) -> Mapping[str, str]:
    """The address of each page, by a name for the report."""
    from urllib.parse import urlencode

    from django.urls import reverse

    from dashboard.gateway import desk

    long = desk().streams.stream(TYPE, LONGEST, limit=50)
    older = urlencode({"page": long.older})
    wide = reverse("aggregate", args=[TYPE, WIDE])
    found = f"service-{sizes.subscriptions // 2:03}"
    return {
        "nothing": reverse("aggregates") + "?" + urlencode({"q": "x" * 2000}),
        "overview": reverse("overview"),
        "topics": reverse("topics"),
        "topic, crowded": reverse("topic", args=[CROWDED]),
        "topic, long": reverse("topic", args=[LONG]),
        "topic, filtered": reverse("topic", args=[CROWDED]) + "?" + urlencode({"filter": "type=customer.changed"}),
        "topic details": reverse("topic_details", args=[CROWDED]),
        "tails": reverse("tails"),
        "tail": reverse("tail", args=[CROWDED]),
        "aggregates": reverse("aggregates"),
        "search, id": reverse("aggregates") + "?" + urlencode({"q": "w"}),
        "search, subscription": reverse("aggregates") + "?" + urlencode({"q": "service"}),
        "search, nothing": reverse("aggregates") + "?" + urlencode({"q": "there is none"}),
        "aggregate type": reverse("aggregate_type", args=[TYPE]),
        "aggregate, wide": wide,
        "aggregate, wide, delivery": wide + "?" + urlencode({"filter": f"delivery:{found}=pending"}),
        "aggregate, long": reverse("aggregate", args=[TYPE, LONGEST]),
        "aggregate, long, older": reverse("aggregate", args=[TYPE, LONGEST]) + "?" + older,
        "aggregate, long, filtered": reverse("aggregate", args=[TYPE, LONGEST]) + "?" + urlencode({"filter": "id=long-500"}),
        "erasure, wide": reverse("erasure", args=[TYPE, WIDE]),
        "erasure, long": reverse("erasure", args=[TYPE, LONGEST]),
        "event, crowded": reverse("event", args=[f"first-of-{CROWDED}"]),
        "event, long": reverse("event", args=["long-500"]),
        **_of_subscriptions(found),
    }


def _of_subscriptions(found: str) -> Mapping[str, str]:
    from urllib.parse import urlencode

    from django.urls import reverse

    of = [CROWDED, found]
    return {
        "subscriptions": reverse("subscriptions"),
        "subscriptions, one topic": reverse("subscriptions") + "?" + urlencode({"topic": CROWDED}),
        "subscription": reverse("subscription", args=of),
        "waiting events": reverse("waiting_events", args=of),
        "cursor reset": reverse("cursor_reset_new", args=of),
        "moves": reverse("cursor_moves", args=of),
        "dead letters": reverse("dead_letters", args=of),
        "projections": reverse("projections"),
        "replays": reverse("replays"),
        "jobs": reverse("jobs"),
        "index": reverse("indexing"),
        "anomalies": reverse("anomalies"),
        "anomalies of a kind": reverse("anomalies_of_kind", args=["unreadable"]),
        "masking": reverse("masking"),
        "audit": reverse("audit"),
        "readyz": reverse("readyz"),
    }


def _filled(browser: "Client", overview: str) -> float:
    """Seconds until the overview of a process that was just started knows all subscriptions, though none is stored."""
    from dashboard.gateway import close
    from eventstore.index.models import BacklogRow

    close()
    BacklogRow.objects.all().delete()
    begun = time.perf_counter()
    while b"data-asking" in _get(browser, overview) and time.perf_counter() - begun < FILLED_WITHIN:
        time.sleep(0.1)
    return time.perf_counter() - begun


def _unknown(browser: "Client", pages: Mapping[str, str]) -> dict[str, list[float]]:
    """Each page in a process that was just started, and nothing stored of any subscription."""
    from dashboard.gateway import close
    from eventstore.index.models import BacklogRow

    _get(browser, pages["nothing"])
    spent: dict[str, list[float]] = {}
    for name, url in pages.items():
        for _ in range(UNKNOWN):
            close()
            gc.collect()  # a process that was just started has nothing of earlier ones
            BacklogRow.objects.all().delete()
            spent.setdefault(name, []).append(_milliseconds(partial(_get, browser, url)))
    close()
    return spent


def _known(
    browser: "Client", pages: Mapping[str, str]
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, int], dict[str, int]]:
    """Each page, and its parts, after newer figures were stored."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    known: dict[str, list[float]] = {}
    filled: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    queries: dict[str, int] = {}
    for name, url in pages.items():
        parts: list[bytes] = []
        for number in range(setting("ASKED", ASKED) + 1):
            _newer_figures()
            if not number:  # what a process does only once
                with CaptureQueriesContext(connections["index"]) as counted:
                    page = _get(browser, url)
                sizes[name], queries[name], parts = len(page), len(counted), PART.findall(page)
                continue
            known.setdefault(name, []).append(_milliseconds(partial(_get, browser, url)))
            spent = [
                _milliseconds(partial(_get, browser, part.decode().replace("&amp;", "&"), fragment=True))
                for part in (parts if number <= PARTS else ())
            ]
            filled.setdefault(name, []).append(max(spent, default=0.0))
    return known, filled, sizes, queries


def _newer_figures() -> None:
    """As if a poller had just stored all figures anew, and as if this process had not looked for a while."""
    from django.db.models.functions import Now

    from dashboard.gateway import shared
    from dashboard.subscriptions.backlog_cache import BacklogCache
    from eventstore.index.models import BacklogRow

    BacklogRow.objects.exclude(topic="").update(as_of=Now())
    BacklogRow.objects.filter(topic="").update(asked_at=Now(), promised_until=Now() + timedelta(minutes=5))
    shared(BacklogCache)._read_at = -math.inf


def _set_up(data: str) -> None:
    (config := Path(data) / "desk.toml").write_text("[limits]\n")
    os.environ |= {"EVENTDESK_DATA": data, "EVENTDESK_CONFIG": str(config), "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    import django
    from django.core.management import call_command

    django.setup()
    for alias in ("default", "index"):
        call_command("migrate", database=alias, verbosity=0)
    _load_as_served()


def _load_as_served() -> None:
    """Load what a web process has loaded before its first request, and keep it from the garbage collector, as there."""
    from dashboard.management.loading import load_for_children
    from dashboard.running import memory

    load_for_children()
    gc.enable()
    memory.freeze_loaded_objects()


def _index() -> None:
    from dashboard.gateway import desk
    from eventstore.index.indexer.run import Following, index_until_caught_up

    here = desk()
    following = Following(
        storage=here.store,
        config=here.config,
        stop=threading.Event(),
        on_batch=lambda topic, partition, events: None,
        threads=setting("THREADS", THREADS),
    )
    say(f"indexed {index_until_caught_up(following):,} events")


def _browser() -> "Client":
    from django.test import Client

    from dashboard.models import Person, Role

    browser = Client(SERVER_NAME="127.0.0.1", HTTP_X_FORWARDED_PROTO="https")
    browser.force_login(Person.objects.create_user(username="bench", password="not-asked-for-here", role=Role.ADMIN))
    return browser


def _get(browser: "Client", url: str, *, fragment: bool = False) -> bytes:
    answer = browser.get(url, secure=True, headers={"HX-Request": "true"} if fragment else {})
    if answer.status_code not in (HTTPStatus.OK, HTTPStatus.FOUND):
        say(f"{url} came with status {answer.status_code}")
    return answer.content


def _milliseconds(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _p95(spent: list[float]) -> float:
    return sorted(spent)[math.ceil(0.95 * len(spent)) - 1]
