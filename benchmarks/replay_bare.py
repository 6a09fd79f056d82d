"""The events of the benchmark of replays, and bare loops that copy them with the client alone."""

import time
from collections.abc import Callable
from typing import Any

EACH = 25
"""Events of an aggregate."""
PAYLOAD = b"{" + b" " * 198 + b"}"
PARTITIONS, PENDING, WINDOW = 4, 2_000, 1_000


def properties_of(number: int, aggregate: str) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": f"e{number}",
        "ce_type": "DocumentUploaded",
        "ce_source": "/bench",
        "ce_aggregatetype": "document",
        "ce_aggregateid": aggregate,
    }


def publish(client: Any, topic: str, count: int) -> None:
    """Publish in batches, as the client does by itself."""
    producer = client.create_producer(
        topic, batching_enabled=True, block_if_queue_full=True, max_pending_messages=20_000, batching_max_publish_delay_ms=5
    )
    aggregates = max(1, count // EACH)
    for number in range(count):
        aggregate = f"aggregate-{number % aggregates}"
        producer.send_async(
            PAYLOAD,
            None,
            properties=properties_of(number, aggregate),
            partition_key=aggregate,
            event_timestamp=1_700_000_000_000 + number,
        )
    producer.flush()
    producer.close()


def bare_replay(client: Any, source: str, target: str) -> None:
    """Read each partition to its end and publish what was read."""
    for partition in range(PARTITIONS):
        bare_copies(client, f"{source}-partition-{partition}", f"{target}-partition-{partition}", lambda message: True)


def bare_copies(client: Any, source: str, target: str, takes: Callable[[Any], bool]) -> int:
    import pulsar

    reader = client.create_reader(source, pulsar.MessageId.earliest, receiver_queue_size=WINDOW)
    producer = client.create_producer(
        target, batching_enabled=False, block_if_queue_full=True, max_pending_messages=PENDING, chunking_enabled=True
    )
    receipts: list[Any] = []

    def answered(result: Any, message_id: Any) -> None:
        assert result == pulsar.Result.Ok
        receipts.append(message_id)

    sent = 0
    while reader.has_message_available():
        message = reader.read_next()
        if not takes(message):
            continue
        marks = {"replayid": "bare", "replayof": str(message.message_id()), "replaytime": str(message.publish_timestamp())}
        producer.send_async(
            message.data(),
            answered,
            properties={**message.properties(), **marks},
            partition_key=message.partition_key(),
            event_timestamp=message.event_timestamp(),
        )
        sent += 1
    while len(receipts) < sent:
        time.sleep(0.0005)
    reader.close()
    producer.close()
    return sent
