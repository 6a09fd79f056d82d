"""Publishes numbered events of about 500 bytes at a steady rate. Each has its publish time in its payload and id.

``python -m benchmarks.tail_publishing SERVICE-URL TOPIC RATE COUNT`` prints when it began, when it ended, and how many.
"""

import json
import sys
import time
from urllib.request import Request, urlopen

NAMESPACE = "public/default"
TICK = 0.01
GIVES_UP_AFTER = 4
"""A multiple of the time it should take. A broker that hangs must not block the benchmark for ever."""
TEXT = "x" * 180
ALIKE = {
    "ce_specversion": "1.0",
    "ce_source": "/services/documents",
    "ce_time": "2026-01-31T09:20:39.000Z",
    "ce_datacontenttype": "application/json",
    "ce_aggregatetype": "document",
}
TYPES = tuple(f"document.{what}" for what in ("uploaded", "read", "signed", "shared"))


def create(admin_url: str, topic: str, partitions: int) -> None:
    """Create a partitioned topic. With 0 partitions it is none, and the first who publishes creates it."""
    if partitions:
        address = f"{admin_url.rstrip('/')}/admin/v2/persistent/{topic}/partitions"
        body = str(partitions).encode()
        urlopen(Request(address, data=body, method="PUT", headers={"Content-Type": "application/json"}), timeout=60).close()


def publish(service_url: str, topic: str, rate: int, count: int) -> tuple[float, float, int]:
    """Publish ``count`` events, ``rate`` per second, with the bare client, or fewer if that takes far too long.

    Returns the clock's times before the first event and after the last receipt, and how many were published.
    """
    import pulsar

    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    producer = client.create_producer(
        topic, batching_enabled=True, batching_max_publish_delay_ms=2, block_if_queue_full=True, max_pending_messages=5_000
    )
    begun, clock, sent = time.time(), time.monotonic(), 0
    patience = GIVES_UP_AFTER * (count / rate + 1)
    while sent < count and time.monotonic() - clock < patience:
        due = min(count, int((time.monotonic() - clock) * rate) + 1)
        for number in range(sent, due):
            key, payload, properties = event(number, time.time())
            producer.send_async(payload, None, properties=properties, partition_key=key)
        sent = due
        time.sleep(TICK)
    producer.flush()
    ended = time.time()
    client.close()
    return begun, ended, sent


def event(number: int, now: float) -> tuple[str, bytes, dict[str, str]]:
    """Key, payload and properties, some 500 bytes together. Formatted by hand: who publishes takes little of the machine."""
    aggregate = f"document-{number % 997:08}-0000-4000"
    payload = f'{{"n":{number},"at":{now!r},"documentId":"{aggregate}","text":"{TEXT}"}}'.encode()
    return (
        aggregate,
        payload,
        {
            **ALIKE,
            "ce_id": f"{number}-{now:.4f}",
            "ce_type": TYPES[number % len(TYPES)],
            "ce_correlationid": f"{number:08}-aaaa-4000-8000",
        },
    )


if __name__ == "__main__":
    print(json.dumps(publish(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
