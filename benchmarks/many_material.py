"""Much of everything, on a real broker."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import httpx

from benchmarks.running import say

NAMESPACE = "public/default"
CROWDED, LONG = f"{NAMESPACE}/crowded", f"{NAMESPACE}/long"
TYPE, WIDE, LONGEST = "customer", "wide", "longest"
SUBSCRIBED_EVERY = 4
TOGETHER = 16
PENDING = 20_000


class Sizes(NamedTuple):
    events: int
    topics: int
    subscriptions: int
    spread: int


def topics_of(sizes: Sizes) -> list[str]:
    """All topics. The first ones are those of the aggregate that is in many."""
    return [CROWDED, *(f"{NAMESPACE}/topic-{number:04}" for number in range(sizes.topics - 2)), LONG]


def prepare(service_url: str, admin_url: str, sizes: Sizes) -> None:
    """Make topics, subscriptions and events."""
    import pulsar

    client = pulsar.Client(service_url, io_threads=2, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    topics = topics_of(sizes)
    for_each(
        partial(_publish_one, client),
        [(topic, WIDE if number < sizes.spread else topic) for number, topic in enumerate(topics)],
    )
    say(f"{len(topics):,} topics")
    with httpx.Client(base_url=f"{admin_url}/admin/v2/persistent/", timeout=60) as admin:
        of_one = [(CROWDED, f"service-{number:03}") for number in range(sizes.subscriptions)]
        of_others = [(topic, "service") for topic in topics[1::SUBSCRIBED_EVERY]]
        for_each(partial(_subscribe, admin), [*of_one, *of_others])
    say(f"{len(of_one) + len(of_others):,} subscriptions")
    _publish_many(client, sizes.events)
    say(f"{sizes.events:,} events of one aggregate")
    client.close()


def for_each(work: Callable[[Any], object], things: Sequence[Any]) -> None:
    with ThreadPoolExecutor(TOGETHER) as pool:
        for _ in pool.map(work, things):
            pass


def _publish_one(client: Any, asked: tuple[str, str]) -> None:
    topic, id = asked
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=False)
    producer.send(json.dumps({"topic": topic}).encode(), properties=_properties(f"first-of-{topic}"), partition_key=id)
    producer.close()


def _publish_many(client: Any, events: int) -> None:
    producer = client.create_producer(
        f"persistent://{LONG}", batching_max_messages=500, block_if_queue_full=True, max_pending_messages=PENDING
    )
    for number in range(events):
        payload = b'{"number":%d,"text":"%s"}' % (number, b"x" * 100)
        producer.send_async(payload, None, properties=_properties(f"long-{number}"), partition_key=LONGEST)
    producer.flush()
    producer.close()


def _properties(id: str) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": id,
        "ce_source": "/services/customers",
        "ce_type": "customer.changed",
        "ce_aggregatetype": TYPE,
        "ce_correlationid": "one-conversation" if id.startswith("first-of-") else "",
    }


def _subscribe(admin: httpx.Client, asked: tuple[str, str]) -> None:
    topic, name = asked
    admin.put(f"{topic}/subscription/{name}", json="earliest").raise_for_status()
