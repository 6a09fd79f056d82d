"""Payloads that real publishers wrote with schemas, decoded by what the registry holds."""

import json
from typing import Any

import httpx
import pulsar
import pytest
from pulsar.schema import AvroSchema, Float, Integer, JsonSchema, ProtobufNativeSchema, Record, String, StringSchema

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.model.events import Event, Message, Position
from eventstore.schemas import Schemas
from tests.broker.conftest import MakeTopic
from tests.broker.encoded import Encoded
from tests.unit.messages import PUBLISHED
from tests.unit.schemas.avro_payloads import record, written
from tests.unit.schemas.test_protobuf import patient_class

pytestmark = pytest.mark.broker


ENVELOPE = {"ce_specversion": "1.0", "ce_id": "e", "ce_type": "T", "ce_source": "/s"}


class User(Record):  # type: ignore[misc]
    email = String()
    visits = Integer()


def later_user() -> Any:
    """The same record with one more field."""

    class User(Record):  # type: ignore[misc]
        email = String()
        visits = Integer()
        weight = Float(required_default=True)

    return User


def publish(client: Any, topic: str, schema: Any, *values: Any, **settings: Any) -> None:
    producer = client.create_producer(f"persistent://{topic}", schema=schema, batching_enabled=False, **settings)
    for value in values:
        producer.send(value, partition_key="k", properties=ENVELOPE)
    producer.close()


def events(storage: PulsarStorage, topic: str, partitions: int = 1) -> list[Event]:
    decode = Schemas(storage.schemas).decoded
    found = [message for number in range(partitions) for message in storage.log.read_forward(topic, number, limit=100)]
    return [read_event(message, (), decode) for message in found]


def by_hand(topic: str, payload: bytes) -> Message:
    """Publish a message as a Java publisher would, with a schema that the Python client does not have."""
    place = Position(topic=topic, partition=0, token="11")
    return Message(position=place, payload=payload, published=PUBLISHED, schema_version="0")


def told(event: Event) -> tuple[str, str, Any]:
    assert event.schema is not None
    assert event.schema.problem == ""
    return event.schema.kind, event.schema.version, json.loads(event.data)


@pytest.mark.parametrize("partitions", [1, 2])
def test_each_avro_message_is_read_by_its_own_version(
    storage: PulsarStorage, client: Any, topic: MakeTopic, partitions: int
) -> None:
    name, later = topic(partitions=partitions), later_user()
    publish(client, name, AvroSchema(User), User(email="a@example.org", visits=3))
    publish(client, name, AvroSchema(later), later(email="b@example.org", visits=None, weight=0.5))
    found = sorted(events(storage, name, partitions), key=lambda event: event.message.published)
    assert [told(event) for event in found] == [
        ("Avro", "0", {"email": "a@example.org", "visits": 3}),
        ("Avro", "1", {"email": "b@example.org", "visits": None, "weight": 0.5}),
    ]


def test_json_text_and_bytes_stay_what_they_are(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    by_json, by_text, by_none = topic(), topic(), topic()
    publish(client, by_json, JsonSchema(User), User(email="a@example.org", visits=3))
    publish(client, by_text, StringSchema(), "Mück")
    publish(client, by_none, pulsar.schema.BytesSchema(), b"\xff")
    [as_json], [as_text], [as_none] = (events(storage, name) for name in (by_json, by_text, by_none))
    assert told(as_json) == ("JSON", "0", {"email": "a@example.org", "visits": 3})
    assert as_json.data == as_json.message.payload
    assert (as_text.data, as_text.schema and as_text.schema.kind) == ("Mück".encode(), "string")
    assert (as_none.data, as_none.schema) == (b"\xff", None)


def test_protobuf_is_read_by_the_descriptors_of_the_registry(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name, patient = topic(), patient_class()
    publish(client, name, ProtobufNativeSchema(patient), patient(name="Erika", number=2**60, kind=1))
    [event] = events(storage, name)
    assert told(event) == ("Protobuf", "0", {"name": "Erika", "number": 2**60, "kind": "PRIVATE"})


def test_a_payload_that_does_not_fit_its_schema_says_so(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    publish(client, name, Encoded(record(("email", "string"))), b"\xff\xff Erika")
    [event] = events(storage, name)
    assert event.schema is not None
    assert "its schema version 0 is Avro, and the payload does not fit it" in event.schema.problem
    assert event.data == event.message.payload


def test_a_number_is_read(storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic) -> None:
    name = topic()
    body = {"type": "INT32", "schema": "", "properties": {}}
    admin.post(f"schemas/{name}/schema", json=body).raise_for_status()
    decoded = Schemas(storage.schemas).decoded(by_hand(name, (7).to_bytes(4, "big")))
    assert decoded is not None
    assert (decoded[0], decoded[1].kind, decoded[1].problem) == (b"7", "int32", "")


def test_the_old_form_of_protobuf_is_named_and_left_as_bytes(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    publish(client, name, Encoded(record(("email", "string")), pulsar._pulsar.SchemaType.PROTOBUF), b"\x0a\x01a")
    [event] = events(storage, name)
    assert event.schema is not None
    assert (event.schema.kind, event.schema.problem, event.data) == ("Protobuf (old form)", "", b"\x0a\x01a")
    assert "does not say which field has which number" in event.schema.note


def test_a_key_and_a_value_are_read_by_the_schemas_of_both(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    key_schema = {"type": "record", "name": "K", "fields": [{"name": "id", "type": "string"}]}
    body = {
        "type": "KEY_VALUE",
        "schema": json.dumps({"key": key_schema, "value": record(("n", "int"))}),
        "properties": {
            "key.schema.name": "k", "key.schema.type": "AVRO", "key.schema.properties": "{}", "value.schema.name": "v",
            "value.schema.type": "AVRO", "value.schema.properties": "{}", "kv.encoding.type": "INLINE",
        },
    }  # fmt: skip
    admin.post(f"schemas/{name}/schema", json=body).raise_for_status()
    found = storage.schemas.schema(name, "0")
    assert found is not None
    assert found.kind == "KEY_VALUE"
    key = written("string", "k1")
    payload = len(key).to_bytes(4, "big") + key + b"\x00\x00\x00\x01\x0e"
    decoded = Schemas(storage.schemas).decoded(by_hand(name, payload))
    assert decoded is not None
    assert json.loads(decoded[0]) == {"key": {"id": "k1"}, "value": {"n": 7}}


def test_a_version_or_a_topic_without_a_schema_has_none(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    assert storage.schemas.schema(name, "0") is None
    publish(client, name, AvroSchema(User), User(email="a", visits=1))
    assert storage.schemas.schema(name, "0") is not None
    for version in ("1", "-1", "x", "", "../../clusters", "999999999999999999999"):
        assert storage.schemas.schema(name, version) is None
