"""Publishers and operators for tests of topics that are deleted and made anew."""

import time
from typing import Any

import httpx

from tests.broker.encoded import Encoded

ADA = b"\x06Ada\x02"
"""The text Ada and the number 1, by any schema that ``described_by`` makes."""
TRIES = 40


def described_by(field: str) -> Encoded:
    """An Avro schema of one text and one number."""
    fields = [{"name": field, "type": "string"}, {"name": "n", "type": "int"}]
    return Encoded({"type": "record", "name": "R", "fields": fields})


def publish(client: Any, topic: str, field: str, *, events: int = 1, keys: int = 1) -> None:
    """Publish events whose ids name the schema's field and the number, of so many aggregates in turn."""
    producer = client.create_producer(f"persistent://{topic}", schema=described_by(field))
    for number in range(events):
        envelope = {"ce_id": f"{field}-{number}", "ce_type": "T", "ce_source": "/tests", "ce_specversion": "1.0"}
        producer.send_async(ADA, None, partition_key=f"k{number % keys}", properties=envelope)
    producer.flush()
    producer.close()


def delete(admin: httpx.Client, topic: str, *, partitions: int = 0) -> None:
    """Delete the topic by force, as an operator does who does not ask who is connected."""
    admin.delete(f"persistent/{topic}{'/partitions' if partitions else ''}", params={"force": "true"}).raise_for_status()


def make_partitioned(admin: httpx.Client, topic: str, partitions: int) -> None:
    """Create the topic; remove partitions first that a reconnecting client has brought back on their own."""
    for _ in range(TRIES):
        answer = admin.put(f"persistent/{topic}/partitions", json=partitions)
        if answer.is_success:
            return
        for number in range(partitions):
            admin.delete(f"persistent/{topic}-partition-{number}", params={"force": "true"})
        time.sleep(0.25)
    answer.raise_for_status()
