"""Events to measure with: about 500 bytes each, UUIDs as ids, fifty events per aggregate, spread over the whole history.

Every event has a correlation id, and every other one a causation id. They are made in bulk, so that making them is not
measured, and published within bounded memory.
"""

import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.running import say

SEED = 3
AN_AGGREGATE, FED_AN_AGGREGATE = 50, 25
TYPES = tuple(f"document.{what}" for what in ("uploaded", "read", "signed", "shared"))
START = datetime(2024, 5, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=100)
PIECE = 5_000
TEXT = "x" * 125

A_LEDGER, AN_ENTRY = 50_000, 100


def uuids(count: int) -> list[str]:
    """Return random UUIDs in the usual form."""
    digits = os.urandom(16 * count).hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}-"
        f"{digits[at + 16 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, 32 * count, 32)
    ]


def aggregate_ids(events: int, each: int = AN_AGGREGATE) -> list[str]:
    """Return the ids of the aggregates of this many events."""
    return uuids(max(1, events // each))


def publish(service_url: str, topic: str, count: int) -> None:
    """Publish this many events with the bare client, in batches. At most some thousands are in memory."""
    import pulsar

    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    producer = client.create_producer(
        topic,
        batching_enabled=True,
        batching_max_messages=500,
        batching_max_publish_delay_ms=5,
        block_if_queue_full=True,
        max_pending_messages=PIECE,
    )
    total = 0
    for done, (payload, properties, key) in enumerate(_messages(count), start=1):
        producer.send_async(payload, None, properties=properties, partition_key=key)
        total += len(payload) + len(key) + sum(len(name) + len(value) for name, value in properties.items())
        if done % max(1, count // 5) == 0:
            say(f"published {done:,} of {count:,}")
    producer.flush()
    client.close()
    say(f"{count:,} events of {total // count} bytes: key, properties and payload")


def _messages(count: int) -> Iterator[tuple[bytes, dict[str, str], str]]:
    """Yield payload, properties and key of each message."""
    chance, aggregates = random.Random(SEED), aggregate_ids(count)
    for first in range(0, count, PIECE):
        size = min(PIECE, count - first)
        columns = uuids(size), uuids(size), uuids(size)
        for number, own in zip(range(first, first + size), zip(*columns, strict=True), strict=True):
            aggregate = aggregates[int(chance.random() * len(aggregates))]
            payload = f'{{"documentId":"{aggregate}","text":"{TEXT}"}}'.encode()
            yield payload, _properties(number, own), aggregate


def _properties(number: int, own: Sequence[str]) -> dict[str, Any]:
    id, correlation, causation = own
    properties = {
        "ce_specversion": "1.0",
        "ce_id": id,
        "ce_source": "/services/documents",
        "ce_type": TYPES[number % len(TYPES)],
        "ce_time": (START + STEP * number).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_datacontenttype": "application/json",
        "ce_aggregatetype": "document",
        "ce_correlationid": correlation,
    }
    return properties | ({"ce_causationid": causation} if number % 2 else {})
