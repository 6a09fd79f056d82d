"""Payloads that do not decode by their schemas in a real registry: each is found, and none that decodes."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pulsar.schema import AvroSchema, Record, String

from eventstore.config.loading import Config
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.anomalies import Anomaly
from eventstore.model.storage import Storage
from tests.broker.encoded import Encoded
from tests.contract.stores import storage_from
from tests.namespaces import own_namespace
from tests.run_servers import BrokerAddress
from tests.stream_check import looking
from tests.unit.schemas.avro_payloads import record

pytestmark = pytest.mark.broker

RECORD = record(("email", "string"))


class Order(Record):  # type: ignore[misc]
    email = String()


@pytest.fixture
def storage(pulsar_broker: BrokerAddress, desk_databases: dict[str, str]) -> Iterator[Storage]:
    opened = storage_from(own_namespace(pulsar_broker))
    yield opened
    opened.close()


def publish(client: Any, topic: str, schema: Any, value: Any, id: str, **more: str) -> None:
    properties = {"ce_specversion": "1.0", "ce_id": id, "ce_type": "T", "ce_source": "/s", **more}
    producer = client.create_producer(f"persistent://{topic}", schema=schema, batching_enabled=False)
    producer.send(value, partition_key="o-1", properties=properties)
    producer.close()


def test_a_payload_that_does_not_decode_is_noticed_of_its_event_and_its_aggregate(storage: Storage, client: Any) -> None:
    name = storage.log.create_topic("orders").name
    publish(client, name, Encoded(RECORD), b"\x02a", "good")
    publish(client, name, Encoded(RECORD), b"\xff\xff Erika", "bad")
    publish(client, name, Encoded(RECORD), b"\x02b", "good-again")
    other = storage.log.create_topic("others").name
    publish(client, other, AvroSchema(Order), Order(email="a"), "other")
    letters = storage.log.create_topic("orders-mailer-DLQ").name
    publish(client, letters, Encoded(RECORD), b"\xff\xff Erika", "bad", ORIGIN_MESSAGE_ID="1:1:-1")
    index_until_caught_up(
        Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None)
    )
    desk = looking(storage)
    assert desk.index.anomaly_counts() == {Anomaly.SCHEMA: 1}
    [line] = desk.index.anomalies(Anomaly.SCHEMA).items
    assert (line.pointer.event_id, line.pointer.position.topic) == ("bad", name)
    assert "its schema version 0 is Avro, and the payload does not fit it" in line.detail
    assert "Erika" not in line.detail
    aggregate = desk.index.aggregate("orders", "o-1")
    assert aggregate is not None
    assert (aggregate.events, aggregate.anomalies) == (3, {Anomaly.SCHEMA: 1})
