"""Keys and values as Java's and Python's clients write them: aggregates, filters and notes have what they stand for."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.web.event_detail import KEY_IS_BINARY, key_notes
from eventstore.config.loading import parse_config
from eventstore.desk.desk import Desk
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import UNREADABLE_KEY, Event
from eventstore.model.storage import Storage
from eventstore.search import parse_filter
from tests.broker.encoded import Encoded
from tests.contract.stores import storage_from
from tests.java_producer import run_java
from tests.namespaces import own_namespace
from tests.run_servers import BrokerAddress
from tests.stream_check import looking
from tests.unit.schemas.test_avro_numbers import CORNERS, PAYLOAD

pytestmark = pytest.mark.broker

JAVA = r"""
import static java.nio.charset.StandardCharsets.UTF_8;
import org.apache.pulsar.client.api.*;
import org.apache.pulsar.common.schema.*;

public class P {
    public static class K { public int id; }
    public static class V { public String name; }
    static PulsarClient client;
    static String namespace;

    static <T> Producer<T> on(Schema<T> schema, String topic) throws Exception {
        return client.newProducer(schema).topic(namespace + topic).create();
    }

    static <T> TypedMessageBuilder<T> ce(Producer<T> producer, String id) {
        return producer.newMessage().property("ce_id", id).property("ce_type", "T").property("ce_source", "/s")
            .property("ce_specversion", "1.0");
    }

    public static void main(String[] a) throws Exception {
        namespace = a[1];
        client = PulsarClient.builder().serviceUrl(a[0]).build();
        KeyValueEncodingType apart = KeyValueEncodingType.SEPARATED;
        Producer<KeyValue<String, String>> texts = on(Schema.KeyValue(Schema.STRING, Schema.STRING, apart), "kvsep-string");
        ce(texts, "s1").value(new KeyValue<>("device-1", "{\"a\":1}")).send();
        ce(texts, "s2").value(new KeyValue<>("device-1", null)).send();
        Producer<KeyValue<K, V>> records =
            on(Schema.KeyValue(Schema.AVRO(K.class), Schema.AVRO(V.class), apart), "kvsep-avro");
        K k = new K(); k.id = 1001;
        V v = new V(); v.name = "Ada";
        ce(records, "a1").value(new KeyValue<>(k, v)).send();
        ce(records, "a2").value(new KeyValue<>(k, null)).send();
        Producer<KeyValue<K, V>> documents =
            on(Schema.KeyValue(Schema.JSON(K.class), Schema.JSON(V.class), apart), "kvsep-json");
        ce(documents, "j1").value(new KeyValue<>(k, v)).send();
        Producer<KeyValue<byte[], byte[]>> inline =
            on(Schema.KeyValue(Schema.BYTES, Schema.BYTES, KeyValueEncodingType.INLINE), "kvinline-bytes");
        ce(inline, "b1").key("1001")
            .value(new KeyValue<>("{\"id\":1001}".getBytes(UTF_8), "{\"a\":1}".getBytes(UTF_8))).send();
        Producer<byte[]> bytes = on(Schema.BYTES, "binary-key");
        ce(bytes, "kb1").keyBytes(new byte[] {0, 1, 2, (byte) 0xff}).value("{}".getBytes()).send();
        ce(bytes, "kb2").key("AAEC/w==").value("{}".getBytes()).send();
        ce(bytes, "ok1").orderingKey("order-7".getBytes()).value("{}".getBytes()).send();
        ce(bytes, "ok2").key("k").orderingKey("order-7".getBytes()).value("{}".getBytes()).send();
        ce(bytes, "ok3").orderingKey(new byte[] {0, (byte) 0xff}).value("{}".getBytes()).send();
        client.close();
    }
}
"""
CE = {"ce_type": "T", "ce_source": "/s", "ce_specversion": "1.0"}
MAPPING = """
[[mapping]]
topics = ["raw-bigint"]
type = { from = "json", path = "eventType" }
aggregate_id = { from = "json", path = "orderId" }
version = { from = "json", path = "ver" }
id = { from = "json", path = "no" }
"""
BIG = (
    b'{"eventType":"X","orderId":23958446825181076828,"ver":1.10,"no":202201180000000014}',
    b'{"eventType":"X","orderId":23958446825181076829,"ver":1,"no":202201180000000015}',
    b'{"eventType":"X","orderId":1E3,"ver":2.0,"no":3}',
)


TOPICS = (
    "avro-corners", "raw-bigint", "ordering", "kvsep-string", "kvsep-avro", "kvsep-json", "kvinline-bytes", "binary-key",
)  # fmt: skip


@pytest.fixture
def storage(pulsar_broker: BrokerAddress, desk_databases: dict[str, str]) -> Iterator[Storage]:
    opened = storage_from(own_namespace(pulsar_broker))
    yield opened
    opened.close()


def publish_all(storage: Storage, client: Any, address: BrokerAddress) -> None:
    corners, big, ordering, *_ = (f"persistent://{storage.log.create_topic(name).name}" for name in TOPICS)
    run_java(JAVA, address.service_url, corners.removesuffix("avro-corners"))
    producer = client.create_producer(corners, schema=Encoded(CORNERS))
    producer.send(PAYLOAD, partition_key="k", properties=CE | {"ce_id": "av1"})
    producer.close()
    producer = client.create_producer(big)
    for payload in BIG:
        producer.send(payload, partition_key="k")
    producer.close()
    producer = client.create_producer(ordering)
    producer.send(b"{}", ordering_key="order-7", partition_key="k", properties=CE | {"ce_id": "ord1"})
    producer.close()


def of_topic(desk: Desk, name: str) -> list[Event]:
    """The events of the topic's page, oldest first."""
    rows = desk.streams.topic_page(desk.streams.topic(name)).items
    return [row.event for row in reversed(rows) if row.event]


def aggregates(desk: Desk, name: str) -> list[tuple[str, int]]:
    """The ids and sizes of the topic's aggregates, by the index."""
    ids = {event.aggregate_id for event in of_topic(desk, name) if event.aggregate_id}
    found = [desk.index.aggregate(name, id) for id in sorted(ids)]
    return [(one.id, one.events) for one in found if one]


def found(desk: Desk, name: str, filter: str) -> list[str]:
    return [event.id for event in of_topic(desk, name) if parse_filter(filter).matches(event)]


def test_keys_and_values_are_what_their_publishers_meant(storage: Storage, client: Any, pulsar_broker: BrokerAddress) -> None:
    publish_all(storage, client, pulsar_broker)
    config = parse_config(MAPPING, "desk.toml")
    index_until_caught_up(
        Following(storage=storage, config=config, stop=threading.Event(), on_batch=lambda topic, partition, events: None)
    )
    desk = looking(storage, config)
    separated_keys(desk)
    parts_of_pairs(desk)
    binary_and_ordering_keys(desk)
    numbers(desk)


def separated_keys(desk: Desk) -> None:
    assert aggregates(desk, "kvsep-string") == [("device-1", 2)]
    assert aggregates(desk, "kvsep-avro") == [('{"id":1001}', 2)]
    assert [event.message.key for event in of_topic(desk, "kvsep-json")] == ['{"id":1001}']
    assert found(desk, "kvsep-string", "key=device-1") == found(desk, "kvsep-string", "device-1") == ["s1", "s2"]
    assert [event.data for event in of_topic(desk, "kvsep-avro")] == [b'{"name":"Ada"}', b""]


def parts_of_pairs(desk: Desk) -> None:
    assert found(desk, "kvsep-string", "data.a:1") == ["s1"]
    [inline] = of_topic(desk, "kvinline-bytes")
    assert json.loads(inline.data) == {"key": {"id": 1001}, "value": {"a": 1}}
    assert found(desk, "kvinline-bytes", "data.value.a:1 data.key.id=1001") == ["b1"]


def binary_and_ordering_keys(desk: Desk) -> None:
    events = {event.id: event for event in [*of_topic(desk, "binary-key"), *of_topic(desk, "ordering")]}
    assert [key_notes(events[id], desk.log.key_is_bytes) for id in ("kb1", "kb2")] == [(KEY_IS_BINARY,), ()]
    assert (events["ok1"].aggregate_id, events["ok1"].message.ordering_key) == ("order-7", "order-7")
    assert "its ordering key stands in for it" in events["ok1"].notes[0]
    for id in ("ok2", "ord1"):
        assert (events[id].aggregate_id, events[id].message.ordering_key) == ("k", "order-7")
    assert found(desk, "binary-key", "ordering_key=order-7") == ["ok1", "ok2"]
    unreadable = [event for event in events.values() if event.problem]
    assert [event.message.ordering_key for event in unreadable] == [UNREADABLE_KEY]


def numbers(desk: Desk) -> None:
    ids = ["1E3", "23958446825181076828", "23958446825181076829"]
    assert aggregates(desk, "raw-bigint") == [(id, 1) for id in ids]
    assert [event.sequence for event in of_topic(desk, "raw-bigint")] == ["1.10", "1", "2.0"]
    assert found(desk, "avro-corners", 'data.f=1.1 data.bd="12.34" data.uf:0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55') == ["av1"]
