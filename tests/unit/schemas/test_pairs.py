"""Pairs of a key and a value: in one payload, or with the key as the message's, which then is decoded by its own schema."""

import json
from typing import Any

import msgspec
import pytest

from eventstore.envelope import read_event
from eventstore.index.writing.envelope import events_in
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Event, Message
from eventstore.model.schema_registry import Schema
from eventstore.schemas import Schemas
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import CE
from tests.unit.schemas.avro_payloads import record, written
from tests.unit.schemas.registry import TOPIC, Registry, decoded, message, schema

USER = record(("id", "int"))
NO_PARTS = {"key": "", "value": ""}
SEPARATED = {"kv_encoding_type": "SEPARATED"}


def pair(key: str = "STRING", value: str = "STRING", definition: Any = NO_PARTS, **properties: str) -> Schema:
    return schema("KEY_VALUE", definition, key_schema_type=key, value_schema_type=value, **properties)


def separated(key: str = "STRING", key_schema: Any = "", value: str = "STRING") -> Schema:
    return pair(key, value, {"key": key_schema, "value": ""}, **SEPARATED)


def keyed(kind: Schema, key: str | None, payload: bytes = b"{}", **more: Any) -> Event:
    """The event of a message whose key, as the client tells it, is this."""
    given = msgspec.structs.replace(message(payload, properties=CE), key=key, **more)
    return read_event(given, (), Schemas(Registry({(TOPIC, "0"): kind})).decoded)


def part(data: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if data is None else len(data).to_bytes(4, "big") + data


def document(kind: Schema, payload: bytes) -> Any:
    data, use, *_ = decoded(kind, payload)
    assert use.converted, use.problem
    return json.loads(data)


# -- a key and a value in one payload


def test_a_key_and_a_value_in_one_payload() -> None:
    both = pair("STRING", "AVRO", {"key": "", "value": record(("n", "int"))})
    value = written(record(("n", "int")), {"n": 3})
    assert document(both, part(b"k") + part(value)) == {"key": "k", "value": {"n": 3}}
    assert document(both, part(b"k") + part(None)) == {"key": "k", "value": None}
    assert decoded(both, b"").use.kind == "key (string) and value (Avro)"
    for wrong in (b"", part(b"k"), part(b"k") + part(value) + b"x", part(b"\xff") + part(value), b"\x7f\xff\xff\xff"):
        assert "does not fit" in decoded(both, wrong).use.problem


@pytest.mark.parametrize("kind", ["BYTES", "STRING"])
def test_a_part_that_holds_json_or_text_is_that_json_or_text(kind: str) -> None:
    payload = part(b'{"id":1001}') + part(b' [{"op":"c","n":1.10}]')
    data = decoded(pair(kind, kind), payload).data
    assert data == b'{"key":{"id":1001},"value": [{"op":"c","n":1.10}]}'
    assert document(pair(kind, kind), part(b"1001") + part("Mück {".encode())) == {"key": "1001", "value": "Mück {"}
    assert document(pair(kind, kind), part(b"{") + part(b"")) == {"key": "{", "value": ""}


def test_bytes_that_are_no_text_stay_base64() -> None:
    assert document(pair("BYTES", "BYTES"), part(b"\x00\xff") + part(b"a\x00b")) == {"key": "AP8=", "value": "YQBi"}


@pytest.mark.parametrize("definition", [b"", b"[]", b'{"value":{}}'])
def test_a_pair_whose_parts_cannot_be_used(definition: bytes) -> None:
    assert "its definition cannot be used" in decoded(pair("AVRO", "AVRO", definition), b"x").use.problem


# -- with the key as the message's


def test_a_separated_value_is_what_it_would_be_under_its_own_schema() -> None:
    for kind in ("JSON", "STRING", "BYTES"):
        found = decoded(separated(value=kind), b'{"a": 1}')
        assert (found.data, found.use.converted, found.use.problem) == (b'{"a": 1}', False, "")
    assert decoded(separated(value="STRING"), b"\xff").use.problem
    assert document(pair("STRING", "AVRO", {"key": "", "value": record(("n", "int"))}, **SEPARATED), b"\x06") == {"n": 3}
    assert decoded(separated("AVRO", USER, "JSON"), b"{}").use.kind == "JSON, with a key that is Avro"


@pytest.mark.parametrize(
    ("kind", "sent", "key"),
    [
        (separated(), "ZGV2aWNlLTE=", "device-1"),
        (separated(), "TcO8Y2s=", "Mück"),
        (separated("AVRO", USER), "0g8=", '{"id":1001}'),
        (separated("AVRO", "string"), "BGsx", "k1"),
        (separated("JSON", USER), "eyJpZCI6IDEwMDF9", '{"id": 1001}'),
        (separated("JSON", "string"), "ImRldmljZS0xIg==", "device-1"),
        (separated("INT32"), "AAAD6Q==", "1001"),
        (separated("FLOAT"), "P4zMzQ==", "1.1"),
        (separated("BYTES"), "eyJpZCI6MTAwMX0=", '{"id":1001}'),
        (separated("BYTES"), "AAEC/w==", "base64:AAEC/w=="),
        (separated("BYTES"), "QUFFQy93PT0=", "AAEC/w=="),
        (separated("BYTES"), "YmFzZTY0OkFBRUMvdz09", "base64:YmFzZTY0OkFBRUMvdz09"),
    ],
)
def test_a_separated_key_is_decoded_by_its_own_schema(kind: Schema, sent: str, key: str) -> None:
    event = keyed(kind, sent)
    assert (event.message.key, event.aggregate_id, event.problem) == (key, key, "")
    assert not [note for note in event.notes if "key" in note]
    assert event.schema is not None
    assert event.schema.key_read


def test_a_key_that_a_client_wrote_without_base64_is_read_as_it_stands() -> None:
    assert keyed(separated(), "device-1").aggregate_id == "device-1"
    assert keyed(separated(), "abcd").aggregate_id == "abcd"  # as base64 it would not be UTF-8
    assert keyed(separated("JSON", USER), '{"id":1}').aggregate_id == '{"id":1}'


@pytest.mark.parametrize("sent", ["!!", "0g8=0g8=", "//8=", "d2hhdCBpcyB0aGlz", "\ud800"])
def test_a_key_that_does_not_fit_its_schema_stays_as_it_was_sent_and_is_said_so(sent: str) -> None:
    event = keyed(separated("AVRO", USER), sent)
    assert event.message.key == sent
    assert event.schema is not None
    assert not event.schema.key_read
    assert not event.schema.problem
    assert [
        note for note in event.notes if note.startswith("The key is shown as it was sent: the key does not fit its schema")
    ]


def test_the_key_of_a_tombstone_and_of_an_encrypted_message_is_decoded() -> None:
    for payload, sealed in ((b"", {"null": True}), (b"\x8f", {"encrypted": True})):
        event = keyed(separated("AVRO", USER), "0g8=", payload, **sealed)
        assert (event.aggregate_id, event.data) == ('{"id":1001}', payload)
        assert event.schema is not None
        assert (
            keyed(schema("AVRO", USER), "0g8=", payload, **sealed).schema is None
        )  # the key has no schema, and there is no payload


def test_a_message_without_a_key_has_none() -> None:
    event = keyed(separated("AVRO", USER), None)
    assert event.problem == "unrecognised format: it has neither aggregateid nor a key"
    assert (event.message.key, event.notes[:-1]) == (None, ())


def test_a_mapping_reads_the_decoded_key() -> None:
    by_key = mappings('type = { from = "value", value = "T" }\naggregate_id = { from = "key" }', '["users"]')
    given = msgspec.structs.replace(message(b"{}"), key="0g8=")
    event = read_event(given, by_key, Schemas(Registry({(TOPIC, "0"): separated("AVRO", USER)})).decoded)
    assert (event.type, event.aggregate_id, event.problem) == ("T", '{"id":1001}', "")


def one(key: str, **more: Any) -> Message:
    return msgspec.structs.replace(message(b"{}", properties=CE), key=key, **more)


def test_an_aggregate_never_depends_on_whether_the_registry_answers() -> None:
    registry = Registry({(TOPIC, "0"): separated()}, error=StoreUnreachable("away"))
    schemas = Schemas(registry, clock=lambda: registry.seconds)
    for waiting in (one("ZGV2aWNlLTE="), one("ZGV2aWNlLTE=", null=True, payload=b"")):
        with pytest.raises(StoreUnreachable, match="The schema registry does not answer"):
            events_in([waiting], (), schemas.decoded)
    event = read_event(one("ZGV2aWNlLTE="), (), schemas.decoded)
    assert any(note.startswith("The key is shown as it was sent: the message's schema") for note in event.notes)
    registry.error, registry.seconds = None, 10.0
    assert [event.aggregate_id for event in events_in([one("ZGV2aWNlLTE=")], (), schemas.decoded)] == ["device-1"]


def test_a_schema_that_the_registry_has_lost_leaves_the_key_as_it_was_sent() -> None:
    [event, tombstone] = events_in([one("0g8="), one("0g8=", null=True, payload=b"")], (), Schemas(Registry({})).decoded)
    for found in (event, tombstone):
        assert found.aggregate_id == "0g8="
        assert any("cannot be looked up or used" in note for note in found.notes)
    assert tombstone.schema is not None
    assert not tombstone.schema.problem
    unusable = Schemas(Registry({(TOPIC, "0"): pair("AVRO", "AVRO", b"{", **SEPARATED)}))
    assert any("cannot be looked up or used" in note for note in read_event(one("0g8="), (), unusable.decoded).notes)
