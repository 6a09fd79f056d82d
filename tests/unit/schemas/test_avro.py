"""Avro's binary encoding becomes a document, and nothing hostile gets far."""

import json
import math
import random
import struct
import uuid
from base64 import b16decode
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from eventstore.schemas import DecodeError, UnusableSchema
from eventstore.schemas.avro import avro_reader
from eventstore.schemas.decode_budget import MOST_DEFINITION, MOST_PAYLOAD
from tests.unit.schemas.avro_payloads import read, record, written

LOGICAL: list[tuple[Any, Any, Any]] = [
    ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, Decimal("-12.05"), "-12.05"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 0}, Decimal(7), "7"),
    (
        {"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal", "precision": 9, "scale": 3},
        Decimal("0.005"),
        "0.005",
    ),
    ({"type": "int", "logicalType": "date"}, date(2024, 2, 29), "2024-02-29"),
    ({"type": "int", "logicalType": "time-millis"}, time(23, 59, 1, 5000), "23:59:01.005"),
    ({"type": "long", "logicalType": "time-micros"}, time(0, 0, 0, 7), "00:00:00.000007"),
    (
        {"type": "long", "logicalType": "timestamp-millis"},
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        "1969-12-31T23:59:59Z",
    ),
    (
        {"type": "long", "logicalType": "timestamp-micros"},
        datetime(2024, 5, 1, 10, 0, 0, 25, UTC),
        "2024-05-01T10:00:00.000025Z",
    ),
    ({"type": "long", "logicalType": "local-timestamp-millis"}, datetime(2024, 5, 1, 10), "2024-05-01T10:00:00"),  # noqa: DTZ001
    ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ({"type": "string", "logicalType": "no-such-thing"}, "text", "text"),
]


@pytest.mark.parametrize(("schema", "value", "shown"), LOGICAL, ids=lambda part: str(part)[:40])
def test_logical_types_come_as_people_write_them(schema: Any, value: Any, shown: Any) -> None:
    assert read(schema, written(schema, value)) == shown


def test_what_a_logical_type_cannot_mean_stays_a_number() -> None:
    for schema in ({"type": "long", "logicalType": "timestamp-millis"}, {"type": "int", "logicalType": "date"}):
        assert read(schema, written(schema["type"], 2**31 - 1)) in (2**31 - 1, "1970-01-25T20:31:23.647Z")
    assert read({"type": "long", "logicalType": "timestamp-millis"}, written("long", 2**62)) == 2**62
    assert read({"type": "int", "logicalType": "time-millis"}, written("int", -1)) == -1


def test_a_duration_is_months_days_and_seconds() -> None:
    schema = {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}
    assert read(schema, struct.pack("<III", 1, 2, 3004)) == "P1M2DT3.004S"


def test_bytes_are_base64_and_infinities_are_words() -> None:
    assert read("bytes", written("bytes", b"\x00\xff")) == "AP8="
    assert read({"type": "fixed", "name": "F", "size": 2}, b"\x00\xff") == "AP8="
    for number, shown in ((math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN"), (1.5, 1.5)):
        assert read("double", written("double", number)) == shown
        assert read("float", written("float", number)) == shown


def test_names_are_found_by_namespace_and_may_refer_to_themselves() -> None:
    schema = {
        "type": "record",
        "name": "Node",
        "namespace": "a.b",
        "fields": [
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["LEAF", "BRANCH"]}},
            {"name": "twin", "type": "a.b.Kind"},
            {"name": "next", "type": ["null", "Node"]},
        ],
    }
    value = {"kind": "LEAF", "twin": "BRANCH", "next": {"kind": "BRANCH", "twin": "LEAF", "next": None}}
    assert read(schema, written(schema, value)) == value


def test_what_the_reference_writer_writes_comes_back() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    for _ in range(300):
        names = iter(f"N{number}" for number in range(10_000))
        schema = any_schema(rng, names, 0)
        value = any_value(rng, schema)
        assert read(schema, written(schema, value)) == value, schema


def any_schema(rng: random.Random, names: Any, depth: int) -> Any:
    simple = ["null", "boolean", "int", "long", "double", "string"]
    kind = rng.choice([*simple, "record", "array", "map", "union", "enum"] if depth < 4 else simple)
    if kind == "record":
        fields = [{"name": f"f{n}", "type": any_schema(rng, names, depth + 1)} for n in range(rng.randrange(4))]
        return {"type": "record", "name": next(names), "fields": fields}
    if kind in ("array", "map"):
        return {"type": kind, "items" if kind == "array" else "values": any_schema(rng, names, depth + 1)}
    if kind == "enum":
        return {"type": "enum", "name": next(names), "symbols": ["A", "B", "C"]}
    return ["null", rng.choice(["string", "long"])] if kind == "union" else kind


VALUES: Mapping[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "int": [0, -1, 63, -64, 64, 2**31 - 1, -(2**31)],
    "long": [0, -1, 63, -64, 64, 2**63 - 1, -(2**63)],
    "double": [0.0, -1.5, 1e300],
    "string": ["", "Mück", "\u202e", "🙂" * 3],
}


def any_value(rng: random.Random, schema: Any) -> Any:
    if isinstance(schema, list):
        return any_value(rng, rng.choice(schema))
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {part["name"]: any_value(rng, part["type"]) for part in schema["fields"]}
    if kind == "array":
        return [any_value(rng, schema["items"]) for _ in range(rng.randrange(5))]
    if kind == "map":
        return {f"k{n}": any_value(rng, schema["values"]) for n in range(rng.randrange(5))}
    return rng.choice(schema["symbols"] if kind == "enum" else VALUES[kind])


def test_a_payload_that_is_cut_or_changed_anywhere_never_raises_anything_else() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    schema = record(
        ("a", {"type": "array", "items": "string"}), ("b", ["null", "long"]), ("c", {"type": "map", "values": "bytes"})
    )
    reader = avro_reader(json.dumps(schema).encode())
    sound = written(schema, {"a": ["x", "yy"], "b": 7, "c": {"k": b"v"}})
    for cut in range(len(sound)):
        with pytest.raises(DecodeError):
            reader(sound[:cut])
    for _ in range(2_000):
        spoilt = bytearray(sound)
        spoilt[rng.randrange(len(sound))] = rng.randrange(256)
        try:
            reader(bytes(spoilt))
        except DecodeError:
            continue
    with pytest.raises(DecodeError, match="behind its end"):
        reader(sound + b"\x00")


MANY = b16decode("FEFFFFFFFFFFFFFFFF01")  # a block of nearly 2^63 items


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        ({"type": "array", "items": "null"}, MANY),
        ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, MANY),
        ({"type": "array", "items": record(*((f"f{n}", "null") for n in range(5_000)))}, b"\xa0\x8d\x06" + b"\x00"),
        ({"type": "array", "items": {"type": "array", "items": "null"}}, MANY + MANY),
        ({"type": "array", "items": {"type": "enum", "name": "L", "symbols": ["x" * 100_000]}}, b"\x90\x4e" + bytes(5_000)),
        (record(("next", "R")), b""),
        (record(("next", ["null", "R"])), b"\x02" * MOST_PAYLOAD),
        (record(("a", ["null", "R"]), ("b", ["null", "R"])), b"\x02" * 1_000),
        ("long", b"\x80" * MOST_PAYLOAD),
        ("bytes", written("long", 2**62)),
        ("string", written("long", -5)),
        ({"type": "map", "values": "null"}, MANY),
    ],
    ids=["nothings", "empty records", "wide records", "lists of nothings", "long symbols", "endless", "deep", "wide and deep",
         "endless number", "long bytes", "negative text", "endless map"],
)  # fmt: skip
def test_a_payload_that_stands_for_too_much_is_refused(schema: Any, payload: bytes) -> None:
    with pytest.raises(DecodeError):
        read(schema, payload)


def deep(levels: int) -> str:
    return '{"type":"array","items":' * levels + '"null"' + "}" * levels


@pytest.mark.parametrize(
    "definition",
    [
        b"", b"{", b"\xff", b"7", b"null", b'{"type":"record"}', b'{"type":"record","name":"R","fields":7}', b'"Nowhere"',
        b'{"type":"enum","name":"E","symbols":[1]}', b'{"type":"fixed","name":"F","size":-1}', b'{"type":"array"}',
        b'{"type":{}}',
        b'{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}',
        deep(5_000).encode(), b"[" * 100_000, b"[" + b'"null",' * 20_000 + b'"null"]', b" " * (MOST_DEFINITION + 1),
    ],
    ids=range(17),
)  # fmt: skip
def test_a_definition_that_cannot_be_used_is_refused(definition: bytes) -> None:
    with pytest.raises(UnusableSchema):
        avro_reader(definition)
