"""The kinds of schema: numbers, times, texts, and mappings of their documents. Pairs have a module of their own."""

import json
import math
import struct
from typing import Any

import pytest

from eventstore.envelope import read_event
from eventstore.model.schema_registry import Schema
from eventstore.schemas import Schemas
from eventstore.schemas.decode_budget import MOST_PAYLOAD
from tests.unit.schemas.avro_payloads import record, written
from tests.unit.schemas.registry import BY_EVENT_TYPE, TOPIC, Registry, decoded, message, schema


def document(kind: Schema, payload: bytes) -> Any:
    data, use, *_ = decoded(kind, payload)
    assert use.converted, use.problem
    return json.loads(data)


@pytest.mark.parametrize(
    ("kind", "payload", "shown"),
    [
        ("INT8", b"\xff", -1),
        ("INT16", b"\x01\x00", 256),
        ("INT32", b"\xff\xff\xff\xfe", -2),
        ("INT64", b"\x7f" + b"\xff" * 7, 2**63 - 1),
        ("FLOAT", struct.pack(">f", 0.5), 0.5),
        ("FLOAT", struct.pack(">f", 1.1), 1.1),
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
    data, use, *_ = decoded(schema(kind), fits)
    assert (data, use.kind, use.converted, use.problem) == (fits, words, False, "")
    if does_not is not None:
        assert "does not fit" in decoded(schema(kind), does_not)[1].problem


@pytest.mark.parametrize("kind", ["PROTOBUF", "AUTO_CONSUME", "SOMETHING_NEW"])
def test_a_kind_that_cannot_be_read_is_no_fault_of_the_message(kind: str) -> None:
    data, use, *_ = decoded(schema(kind), b"\x01")
    assert data == b"\x01"
    assert use.note
    assert not use.problem


def test_a_large_payload_is_left_as_it_is() -> None:
    data, use, *_ = decoded(schema("AVRO", "bytes"), written("bytes", bytes(MOST_PAYLOAD)))
    assert len(data) > MOST_PAYLOAD
    assert "more than 1 MB" in use.note
    assert not use.problem


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
    assert event.problem == "unrecognised format: its payload cannot be read by its schema"
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
