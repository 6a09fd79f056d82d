"""Many messages in little time, by the bare client."""

from collections.abc import Sequence

import pulsar

from eventstore.model.events import NewMessage


def publish_batched(service_url: str, topic: str, messages: Sequence[NewMessage], *, batch: int) -> None:
    """Publish payloads and keys: thousands a second, ``batch`` messages to an entry."""
    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    producer = client.create_producer(
        f"persistent://{topic}", block_if_queue_full=True, batching_enabled=True, batching_max_messages=batch
    )
    for message in messages:
        producer.send_async(message.payload, None, partition_key=message.key)
    producer.flush()
    client.close()
