"""Payloads become documents by their own schema version, looked up once; what does not fit is said in words."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from eventstore.envelope import read_event
from eventstore.index.writing.envelope import events_in
from eventstore.model.errors import StoreClosed, StoreRefused, StoreUnreachable
from eventstore.model.events import Message, Position, SchemaUse
from eventstore.model.schema_registry import Schema
from eventstore.schemas import Schemas, kinds
from eventstore.schemas.decode_budget import MOST_PAYLOAD
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import PUBLISHED
from tests.unit.schemas.avro_payloads import record, written


@dataclass
class Registry:
    """A registry in memory that counts how often it is asked."""

    schemas: Mapping[tuple[str, str], Schema]
    asked: list[tuple[str, str]] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0

    def schema(self, topic: str, version: str) -> Schema | None:
        self.asked.append((topic, version))
        if self.error:
            raise self.error
        return self.schemas.get((topic, version))


TOPIC = "public/default/users"


def schema(kind: str, definition: Any = b"", **properties: str) -> Schema:
    told = definition if isinstance(definition, bytes) else json.dumps(definition).encode()
    return Schema(
        kind=kind,
        name="users",
        definition=told,
        properties={name.replace("_", "."): text for name, text in properties.items()},
    )


def message(payload: bytes, version: str = "0", **more: Any) -> Message:
    return Message(
        position=Position(topic=TOPIC, partition=0, token="11"),
        payload=payload,
        published=PUBLISHED,
        key="user_1",
        schema_version=version,
        **more,
    )


def decoded(kind: Schema, payload: bytes) -> tuple[bytes, SchemaUse]:
    found = Schemas(Registry({(TOPIC, "0"): kind})).decoded(message(payload))
    assert found is not None
    return found


def document(kind: Schema, payload: bytes) -> Any:
    data, use = decoded(kind, payload)
    assert use.converted, use.problem
    return json.loads(data)


def test_a_message_without_a_schema_costs_no_question() -> None:
    registry = Registry({})
    schemas = Schemas(registry)
    assert schemas.decoded(message(b"{}", "")) is None
    assert schemas.decoded(message(b"", "0", null=True)) is None
    assert schemas.decoded(message(b"x", "0", encrypted=True)) is None
    assert registry.asked == []


def test_each_version_is_asked_for_once_and_reads_its_own_messages() -> None:
    old, new = record(("name", "string")), record(("name", "string"), ("age", "int"))
    registry = Registry({(TOPIC, "0"): schema("AVRO", old), (TOPIC, "1"): schema("AVRO", new)})
    schemas = Schemas(registry)
    for _ in range(3):
        found = [
            schemas.decoded(message(written(old, {"name": "a"}), "0")),
            schemas.decoded(message(written(new, {"name": "b", "age": 7}), "1")),
        ]
        assert [one and json.loads(one[0]) for one in found] == [{"name": "a"}, {"name": "b", "age": 7}]
        assert [one and (one[1].kind, one[1].version) for one in found] == [("Avro", "0"), ("Avro", "1")]
    assert registry.asked == [(TOPIC, "0"), (TOPIC, "1")]


def test_a_payload_that_does_not_fit_is_left_as_it_is_with_the_reason() -> None:
    data, use = decoded(schema("AVRO", record(("name", "string"))), b"Secret Name")
    assert data == b"Secret Name"
    assert not use.converted
    assert use.problem.startswith("its schema version 0 is Avro, and the payload does not fit it: ")
    assert "Secret" not in use.problem


def test_a_definition_that_cannot_be_used_is_said_once_and_for_all() -> None:
    registry = Registry({(TOPIC, "0"): schema("AVRO", b"{")})
    schemas = Schemas(registry)
    for _ in range(3):
        found = schemas.decoded(message(b"x"))
        assert found is not None
        assert found[1].problem == "its schema version 0 is Avro, and its definition cannot be used: it is no JSON"
    assert len(registry.asked) == 1


def test_a_registry_that_is_away_is_asked_again_after_a_moment_and_not_for_each_message() -> None:
    registry = Registry({(TOPIC, "0"): schema("INT8")}, error=StoreUnreachable("away"))
    schemas = Schemas(registry, clock=lambda: registry.seconds)
    for _ in range(100):
        found = schemas.decoded(message(b"\x05"))
        assert found is not None
        assert found[1].unanswered
    assert len(registry.asked) == 1
    registry.error, registry.seconds = None, 10.0
    found = schemas.decoded(message(b"\x05"))
    assert found is not None
    assert (found[0], found[1].problem) == (b"5", "")


def test_a_version_that_is_not_there_is_asked_for_again_later() -> None:
    registry = Registry({})
    schemas = Schemas(registry, clock=lambda: registry.seconds)
    for registry.seconds in (0.0, 30.0, 59.0, 61.0):
        found = schemas.decoded(message(b"\x05"))
        assert found is not None
        assert found[1].problem == "its schema version 0 is not in the registry"
        assert not found[1].unanswered
    assert len(registry.asked) == 2


def test_a_refusal_is_a_problem_that_nobody_waits_for_and_a_closed_store_is_an_error() -> None:
    now = [100.0]
    registry = Registry({(TOPIC, "0"): schema("STRING")}, error=StoreRefused("No permission."))
    schemas = Schemas(registry, clock=lambda: now[0])
    for _ in range(3):
        found = schemas.decoded(message(b"x"))
        assert found is not None
        assert not found[1].unanswered
        assert "the schema registry refuses it (No permission.)" in found[1].problem
    assert len(registry.asked) == 1
    [event] = events_in([message(b"x")], BY_EVENT_TYPE, schemas.decoded)  # it stops no topic
    assert event.schema is not None
    assert event.schema.problem
    registry.error = None
    now[0] += 61
    found = schemas.decoded(message(b"x"))
    assert found is not None
    assert found[1].problem == ""
    with pytest.raises(StoreClosed):
        Schemas(Registry({}, error=StoreClosed("closed"))).decoded(message(b"x"))


def test_a_reader_that_fails_as_nobody_foresaw_is_a_problem_in_fixed_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def reader(definition: bytes) -> Any:
        if definition == b"bad":
            raise AttributeError("Erika")

        def read(payload: bytes) -> Any:
            raise AttributeError(payload.decode())

        return read

    monkeypatch.setattr(kinds, "_COMPILED", {"AVRO": reader})
    monkeypatch.setattr(kinds, "_AS_IT_IS", {"JSON": reader(b"")})
    for kind in (schema("AVRO", b"bad"), schema("AVRO", b"good"), schema("JSON")):
        data, use = decoded(kind, b"Erika")
        assert (data, use.converted, use.unanswered) == (b"Erika", False, False)
        assert "its reader met what it was not made for" in use.problem
        assert "Erika" not in use.problem
        assert use.kind in ("Avro", "JSON")


def test_it_remembers_a_bounded_number() -> None:
    registry = Registry({})
    schemas = Schemas(registry, clock=lambda: 0.0)
    for number in range(1_500):
        schemas.decoded(message(b"x", str(number)))
    schemas.decoded(message(b"x", "1499"))
    assert len(registry.asked) == 1_500
    schemas.decoded(message(b"x", "0"))
    assert len(registry.asked) == 1_501


@pytest.mark.parametrize(
    ("kind", "payload", "shown"),
    [
        ("INT8", b"\xff", -1),
        ("INT16", b"\x01\x00", 256),
        ("INT32", b"\xff\xff\xff\xfe", -2),
        ("INT64", b"\x7f" + b"\xff" * 7, 2**63 - 1),
        ("FLOAT", struct.pack(">f", 0.5), 0.5),
        ("DOUBLE", struct.pack(">d", -math.inf), "-Infinity"),
        ("BOOLEAN", b"\x01", True),
        ("TIMESTAMP", struct.pack(">q", 1_500), "1970-01-01T00:00:01.500Z"),
        ("DATE", struct.pack(">q", 0), "1970-01-01T00:00:00Z"),
        ("TIME", struct.pack(">q", 3_600_000), "01:00:00"),
        ("INSTANT", struct.pack(">qi", 1, 5), "1970-01-01T00:00:01.000000005Z"),
        ("LOCAL_DATE", struct.pack(">q", 31), "1970-02-01"),
        ("LOCAL_TIME", struct.pack(">q", 1), "00:00:00.000000001"),
        ("LOCAL_DATE_TIME", struct.pack(">qq", 1, 1_000_000_000), "1970-01-02T00:00:01"),
    ],
)
def test_a_number_or_a_time_is_a_document_of_one_value(kind: str, payload: bytes, shown: Any) -> None:
    assert document(schema(kind), payload) == shown
    assert "another length" in decoded(schema(kind), payload + b"x")[1].problem


@pytest.mark.parametrize(
    ("kind", "fits", "does_not", "words"),
    [("JSON", b'{"a":1}', b"{", "JSON"), ("STRING", "Mück".encode(), b"\xff", "string"), ("BYTES", b"\xff", None, "bytes")],
)
def test_json_and_text_stay_byte_for_byte(kind: str, fits: bytes, does_not: bytes | None, words: str) -> None:
    data, use = decoded(schema(kind), fits)
    assert (data, use.kind, use.converted, use.problem) == (fits, words, False, "")
    if does_not is not None:
        assert "does not fit" in decoded(schema(kind), does_not)[1].problem


@pytest.mark.parametrize("kind", ["PROTOBUF", "AUTO_CONSUME", "SOMETHING_NEW"])
def test_a_kind_that_cannot_be_read_is_no_fault_of_the_message(kind: str) -> None:
    data, use = decoded(schema(kind), b"\x01")
    assert data == b"\x01"
    assert use.note
    assert not use.problem


def test_a_large_payload_is_left_as_it_is() -> None:
    data, use = decoded(schema("AVRO", "bytes"), written("bytes", bytes(MOST_PAYLOAD)))
    assert len(data) > MOST_PAYLOAD
    assert "more than 1 MB" in use.note
    assert not use.problem


def part(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else len(data).to_bytes(4, "big") + data


def test_a_key_and_a_value_in_one_payload() -> None:
    pair = schema("KEY_VALUE", {"key": "", "value": record(("n", "int"))}, key_schema_type="STRING", value_schema_type="AVRO")
    value = written(record(("n", "int")), {"n": 3})
    assert document(pair, part(b"k") + part(value)) == {"key": "k", "value": {"n": 3}}
    assert document(pair, part(b"k") + part(None)) == {"key": "k", "value": None}
    assert decoded(pair, b"")[1].kind == "key (string) and value (Avro)"
    for wrong in (b"", part(b"k"), part(b"k") + part(value) + b"x", part(b"\xff") + part(value), b"\x7f\xff\xff\xff"):
        assert "does not fit" in decoded(pair, wrong)[1].problem


def test_a_value_whose_key_is_the_messages_own() -> None:
    pair = schema(
        "KEY_VALUE", {"key": "", "value": {}}, key_schema_type="STRING", value_schema_type="JSON", kv_encoding_type="SEPARATED"
    )
    assert document(pair, b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("definition", [b"", b"[]", b'{"value":{}}'])
def test_a_pair_whose_parts_cannot_be_used(definition: bytes) -> None:
    pair = schema("KEY_VALUE", definition, key_schema_type="AVRO", value_schema_type="AVRO")
    assert "its definition cannot be used" in decoded(pair, b"x")[1].problem


# -- through the envelope


BY_EVENT_TYPE = mappings('type = { from = "json", path = "eventType" }', '["users"]')


def test_a_mapping_reads_the_document_of_an_avro_message() -> None:
    user = record(("eventType", "string"), ("email", "string"))
    schemas = Schemas(Registry({(TOPIC, "0"): schema("AVRO", user)}))
    payload = written(user, {"eventType": "UserCreated", "email": "a@example.org"})
    event = read_event(message(payload), BY_EVENT_TYPE, schemas.decoded)
    assert (event.type, event.aggregate_id, event.problem) == ("UserCreated", "user_1", "")
    assert json.loads(event.data) == {"eventType": "UserCreated", "email": "a@example.org"}
    assert event.message.payload == payload
    assert event.schema is not None
    assert event.schema.converted


def test_a_mapped_message_that_does_not_fit_its_schema_says_so() -> None:
    schemas = Schemas(Registry({(TOPIC, "0"): schema("AVRO", record(("eventType", "string")))}))
    event = read_event(message(b"\xff"), BY_EVENT_TYPE, schemas.decoded)
    assert event.problem == "fits no envelope: its payload cannot be read by its schema"
    assert event.schema is not None
    assert "its schema version 0 is Avro, and the payload does not fit it" in event.schema.problem
    assert event.data == b"\xff"


def test_an_envelope_in_properties_stands_whatever_its_payload_holds() -> None:
    schemas = Schemas(Registry({(TOPIC, "0"): schema("AVRO", record(("n", "int")))}))
    properties = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_type": "T", "ce_source": "/s"}
    for payload, fits in ((b"\x0e", True), (b"", False)):
        event = read_event(message(payload, properties=properties), (), schemas.decoded)
        assert (event.id, event.problem) == ("e-1", "")
        assert event.schema is not None
        assert bool(event.schema.problem) is not fits
        assert event.data == (b'{"n":7}' if fits else payload)


def test_an_encrypted_message_is_an_event_by_its_properties_alone() -> None:
    properties = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_type": "T", "ce_source": "/s"}
    assert read_event(message(b"\x8f", encrypted=True, properties=properties)).id == "e-1"
    assert "its payload is encrypted" in read_event(message(b"\x8f", encrypted=True)).problem
