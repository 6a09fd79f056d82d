"""Whatever a publisher writes into a message, every reader shows it: index, topic page, event page, tail, search and check.

The soak publishes 20,000 messages, the ordinary run some hundred. Both print the seed, and ``ANY_MESSAGE_SEED`` repeats it.
"""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import override_settings
from django.urls import reverse
from msgspec.structs import replace

from dashboard.privacy import AccessProfile
from dashboard.sockets.tail.frames import Framing, divide_take, frame_texts
from eventstore.copying import read_through
from eventstore.drivers.pulsar.client.entry_batches import fetch_batch
from eventstore.drivers.pulsar.positions import place_of
from eventstore.index.check.run import check_topic
from eventstore.index.lookup import progress
from eventstore.model.events import Event, Message, Position, Topic
from eventstore.model.log import Edge
from eventstore.model.storage import copying_of
from eventstore.scanning.scan import Scan, ScanLimits, ScanRequest
from eventstore.search import parse_filter
from eventstore.tail import Start
from tests.broker.any_messages import SECRET, groups, publish
from tests.indexing import pointers
from tests.java_producer import JavaProducer, raw
from tests.namespaces import Broker, own_namespace
from tests.web.desk import Desk, attribute, opened_desk

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

SEES_ALL = AccessProfile(name="support", sees_values=True)
FILTER = f"text:{SECRET} or data.n>5 or property.ce_id~e- or time<2024-01-01 or key:a"
PAGES = 40
"""Pages of single events that the ordinary run opens."""
SOAK_PAGES = 2_000
"""Those that the soak opens of its 20,000."""
LONGEST, TRIES = 1.0, 3
"""Seconds that a step may take in the soak, and how often it is tried."""

T = TypeVar("T")


class Slowest:
    """How long the slowest of many steps took, by name. Only the soak asserts it.

    It counts all time, the broker's too, except that for which the step had to wait for a processor of a busy machine.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def of(self, name: str, step: Callable[[], T]) -> T:
        """Take a step that may be taken again. One that took long is, at most twice: a message that makes it slow does so each
        time, a busy machine does not."""
        seconds: list[float] = []
        while not seconds or (min(seconds) > LONGEST and len(seconds) < TRIES):
            began = without_waiting()
            found = step()
            seconds.append(without_waiting() - began)
        self.seconds[name] = max(self.seconds.get(name, 0.0), min(seconds))
        return found

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = without_waiting()
        yield
        self.seconds[name] = max(self.seconds.get(name, 0.0), without_waiting() - began)


def without_waiting() -> float:
    """Return the clock's seconds less those for which this thread was ready to run and had no processor. Linux tells those, in
    nanoseconds; elsewhere all count."""
    told = Path("/proc/thread-self/schedstat")
    waited = int(told.read_text().split()[1]) if told.exists() else 0
    return time.monotonic() - waited / 1e9


@pytest.fixture(scope="module")
def java(pulsar_broker: Broker) -> Iterator[JavaProducer]:
    with JavaProducer(pulsar_broker.service_url) as one:
        yield one


@pytest.fixture
def desk(pulsar_broker: Broker) -> Iterator[Desk]:
    with override_settings(**own_namespace(pulsar_broker)), opened_desk() as opened:
        yield opened


def topic_of(desk: Desk, partitions: int) -> Topic:
    return desk.log.create_topic(f"{settings.EVENTSTORE_NAMESPACES}/anything", partitions=partitions)


@pytest.mark.parametrize(
    ("count", "partitions"),
    [(400, 1), pytest.param(20_000, 4, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)], id="soak")],
)
def test_every_reader_shows_every_message(
    desk: Desk,
    java: JavaProducer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    count: int,
    partitions: int,
) -> None:
    seed, slowest = int(os.environ.get("ANY_MESSAGE_SEED") or random.randrange(10**9)), Slowest()
    print("seed", seed)  # noqa: T201 -- to repeat it
    topic = topic_of(desk, partitions)
    assert publish(java, topic.name, groups(random.Random(seed), count)) == count

    desk.index()
    found = [pointer for number in range(partitions) for pointer in pointers(topic.name, number)]
    assert (len(found), progress.troubled()) == (count, [])
    same_by_both_ways(desk, topic, partitions, slowest)
    reports = check_topic(desk.faces.store, desk.faces.config, topic, lambda events: None, threading.Event())
    assert [report.difference for report in reports] == [""] * partitions
    shown = topic_pages(desk, topic, slowest)
    assert sorted(shown) == sorted(pointer.position.encode() for pointer in found)
    soak = count > PAGES * 10
    for position in random.Random(seed).sample(shown, SOAK_PAGES if soak else PAGES):
        open_event(desk, position, slowest)
    assert tailed(desk, topic, slowest) == count
    assert searched(desk, topic) == count
    said = capfd.readouterr()  # Pulsar's client writes to stderr itself
    print(said.out, said.err)  # noqa: T201
    assert SECRET not in caplog.text + said.err
    print({name: round(seconds, 2) for name, seconds in slowest.seconds.items()})  # noqa: T201
    if soak:
        assert all(seconds <= LONGEST for seconds in slowest.seconds.values())


def test_a_publish_time_that_is_no_time_holds_up_nobody(desk: Desk, java: JavaProducer) -> None:
    """As apache/pulsar#4562: a producer's clock may be any number. The three messages are those of its report."""
    topic = topic_of(desk, 1)
    for number, time_of in enumerate((None, 1_732_865_000_000 << 16, None)):
        properties = {"ce_id": f"e{number}", "ce_type": f"T{number}", "ce_source": "/s", "ce_specversion": "1.0"}
        java.publish(topic.name, [raw(key="k1", properties=properties, publishTime=time_of)])
    desk.index()
    answer = desk.get(reverse("topic", args=[topic.name]))
    assert answer.status_code == 200
    assert attribute(answer, "data-event-id") == ["e2", "e1", "e0"]
    assert answer.content.decode().count("time unknown") == 1
    page = desk.get("/events/e1/").content.decode()
    assert "Its publish time is unknown: its publisher wrote 113565040640000000" in page
    assert [pointer.version for pointer in pointers(topic.name)] == [1, 2, 3]


def same_by_both_ways(desk: Desk, topic: Topic, partitions: int, slowest: Slowest) -> None:
    """What the admin API tells of messages in batches is what a reader reads, and it tells of some. On the way, each message
    is read and searched alone, as index, check and search do with many."""
    matches = parse_filter(FILTER).matches
    copying = copying_of(desk.faces.store)
    cluster, told = copying._cluster, 0  # type: ignore[attr-defined]
    for number in range(partitions):
        last = desk.log.ends(topic.name)[number].last
        log = cluster.partition_log(cluster.known(topic.name), number)
        assert last is not None
        for messages in read_through(copying, desk.log, topic.name, number, Edge.EARLIEST, last.message.token, lambda: None):
            for message in messages:
                place, at = place_of(message.position.token), message.position
                slowest.of("reading and searching", partial(reads, desk, message, matches))
                found = fetch_batch(cluster.admin, log.log, log._messages(), [place], [at])
                told += found is not None
                plain = replace(message, incarnation="")
                assert found is None or replace(found[at], incarnation="") == plain
    assert told


def reads(desk: Desk, message: Message, matches: Callable[[Event], object]) -> None:
    matches(desk.faces.read(message))


def topic_pages(desk: Desk, topic: Topic, slowest: Slowest) -> list[str]:
    """Walk the topic's pages to its beginning; return the position of every row."""
    query: str | None = ""
    shown: list[str] = []
    while query is not None:
        answer = slowest.of("topic page", partial(desk.get, reverse("topic", args=[topic.name]) + query))
        assert answer.status_code == 200
        shown += attribute(answer, "data-position")
        older = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
        query = unescape(older[1]) if older else None
    return shown


def open_event(desk: Desk, position: str, slowest: Slowest) -> None:
    row = desk.faces.streams.row_at(Position.decode(position))
    assert row.event is not None
    page = f"{reverse('event', args=[row.event.id])}?{urlencode({'at': position})}"
    answer = slowest.of("event page", partial(desk.get, page))
    assert answer.status_code == 200


def tailed(desk: Desk, topic: Topic, slowest: Slowest) -> int:
    """Follow the topic from its beginning, as a script and as a page, and return how many events were given."""
    subscriber = desk.faces.tail.open([topic], Start(places={}), lambda: None, complete=True)
    framings = [Framing(whole_events=whole, profile=SEES_ALL) for whole in (True, False)]
    given = 0
    try:
        while subscriber.is_behind or subscriber.has_pending:
            with slowest.step("tail"):
                take = subscriber.take()
                for framing in framings:
                    for number, content in enumerate(divide_take(take, framing), 1):
                        frame_texts(number, content, framing, "mark")
            given += sum(len(piece.entries) for piece in take.pieces)
            assert take.state != "away"
    finally:
        subscriber.close()
    return given


def searched(desk: Desk, topic: Topic) -> int:
    """Search the topic with a filter that looks into everything, and return how many events were examined."""
    keep: Callable[[Any], Any] = lambda event: event  # noqa: E731
    request = ScanRequest(topic=topic, filter=parse_filter(FILTER))
    limits = ScanLimits(matches=10**6, events=10**6, seconds=600, unwatched=600)
    scan = Scan(desk.log, request, read=desk.faces.read, keep=keep, limits=limits)
    scan.start()
    scan.join(600)
    return scan.progress().read
