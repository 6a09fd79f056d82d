"""Numbers and ids of Avro payloads as people write them: floats, decimals of every kind, and uuids in sixteen bytes."""

import random
import struct
import uuid
from typing import Any

import numpy as np
import pytest

from eventstore.schemas import DecodeError
from eventstore.schemas.logical import single_as_json
from eventstore.search import parse_filter
from tests.unit.schemas.avro_payloads import read, record, written
from tests.unit.search.search_events import event

BIG_DECIMAL = {"type": "bytes", "logicalType": "big-decimal"}
VARIABLE_SCALE = {
    "type": "record",
    "name": "VariableScaleDecimal",
    "namespace": "io.debezium.data",
    "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
    "connect.name": "io.debezium.data.VariableScaleDecimal",
}
CORNERS = {
    "type": "record",
    "name": "A",
    "namespace": "x",
    "fields": [
        {"name": "f", "type": "float"},
        {"name": "d", "type": "double"},
        {"name": "l", "type": "long"},
        {"name": "u", "type": ["null", {"type": "string", "logicalType": "uuid"}]},
        {"name": "uf", "type": {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}},
        {"name": "bd", "type": BIG_DECIMAL},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "vsd", "type": VARIABLE_SCALE},
    ],
}
PAYLOAD = bytes.fromhex(
    "cdcc8c3f92d54d06cff080448280808080808020024830623066326134342d366133312d346262302d393364322d3163346637643366336335350b"
    "0f2a446a314bb093d21c4f7d3f3c55080404d20404303904043039"
)
"""In Avro's binary encoding: 1.1, 1e22, 2^53 + 1, the uuid twice, 12.34, 123.45, and 123.45 with its scale."""


def big_decimal(unscaled: bytes, scale: int) -> bytes:
    return written("bytes", written("bytes", unscaled) + written("int", scale))


def variable(scale: int, value: bytes) -> Any:
    return read(VARIABLE_SCALE, written("int", scale) + written("bytes", value))


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1.1, 1.1),
        (0.1, 0.1),
        (16777217.0, 16777216.0),
        (1e10, 1e10),
        (3.4028235e38, 3.4028235e38),
        (1e-45, 1e-45),
        (-0.3, -0.3),
    ],
)
def test_a_float_is_the_shortest_decimal_that_stands_for_it(number: float, shown: float) -> None:
    assert read("float", struct.pack("<f", number)) == shown
    assert read({"type": "array", "items": "float"}, b"\x02" + struct.pack("<f", number) + b"\x00") == [shown]
    assert read({"type": "map", "values": ["null", "float"]}, b"\x02\x02k\x02" + struct.pack("<f", number) + b"\x00") == {
        "k": shown
    }


def test_every_float_is_written_as_numpy_writes_it() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201
    for bits in random.Random(seed).sample(range(2**32), 2_000):
        [number] = struct.unpack("<f", bits.to_bytes(4, "little"))
        if np.isfinite(number):
            assert single_as_json(number) == float(str(np.float32(number))), bits


def test_a_filter_finds_a_float_as_it_was_published() -> None:
    schema = record(("f", "float"), ("all", {"type": "array", "items": "float"}), ("by", {"type": "map", "values": "float"}))
    document = read(schema, written(schema, {"f": 1.1, "all": [0.5, 1.1], "by": {"a": 1.1}}))
    for asked in ("data.f=1.1", "data.f:1.1", "data.all=1.1", "data.all[1]=1.10", "data.by.a=1.1"):
        assert parse_filter(asked).matches(event(document)), asked


@pytest.mark.parametrize(
    ("unscaled", "scale", "shown"),
    [
        (b"\x04\xd2", 2, "12.34"), (b"\xfb\x2e", 2, "-12.34"), (b"\x05", 3, "0.005"), (b"\x00", 0, "0"), (b"\x00", -3, "0"),
        (b"\x0c", -2, "1200"), (b"\x04\xd2", 1_001, "BATS0g8="), (b"", 2, "AAQ="), (b"\x01" * 401, 0, None),
    ],
)  # fmt: skip
def test_a_big_decimal_carries_its_own_scale(unscaled: bytes, scale: int, shown: str | None) -> None:
    found = read(BIG_DECIMAL, big_decimal(unscaled, scale))
    assert found == shown if shown is not None else found.endswith("AQA=")


@pytest.mark.parametrize(
    "data", [b"", b"\x04\x04", b"\x04\x04\xd2", b"\x04\x04\xd2\x04\x00", b"\xff\xff\xff\xff\xff\xff", b"\x03\x04"]
)
def test_bytes_that_are_no_big_decimal_stay_bytes(data: bytes) -> None:
    assert read(BIG_DECIMAL, written("bytes", data)) == read("bytes", written("bytes", data))


def test_a_uuid_in_sixteen_bytes_is_its_text_and_in_other_bytes_none() -> None:
    schema = {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}
    given = uuid.UUID("0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55")
    assert read(schema, given.bytes) == str(given)
    assert read(schema | {"size": 2}, b"\x00\xff") == "AP8="


def test_a_decimal_of_variable_scale_is_a_text_and_another_record_a_record() -> None:
    assert variable(2, b"\x30\x39") == "123.45"
    assert variable(-1, b"\x30\x39") == "123450"
    assert variable(5_000, b"\x01") == {"scale": 5_000, "value": "AQ=="}
    other = VARIABLE_SCALE | {"connect.name": "io.debezium.data.Other"}
    assert read(other, written("int", 2) + written("bytes", b"\x30\x39")) == {"scale": 2, "value": "MDk="}


def test_few_bytes_that_stand_for_many_digits_are_refused() -> None:
    for item, one in (
        (BIG_DECIMAL, big_decimal(b"\x01", -1_000)),
        (VARIABLE_SCALE, written("int", -1_000) + written("bytes", b"\x01")),
    ):
        many = written("long", 20_000) + one * 20_000 + b"\x00"
        with pytest.raises(DecodeError, match="stands for more than can be shown"):
            read({"type": "array", "items": item}, many)
    small = {"type": "fixed", "name": "D", "size": 1, "logicalType": "decimal", "precision": 2, "scale": 1_000}
    with pytest.raises(DecodeError, match="stands for more than can be shown"):
        read({"type": "array", "items": small}, written("long", 20_000) + b"\x01" * 20_000 + b"\x00")


def test_the_corners_of_a_real_message() -> None:
    given = "0b0f2a44-6a31-4bb0-93d2-1c4f7d3f3c55"
    assert read(CORNERS, PAYLOAD) == {
        "f": 1.1, "d": 1e22, "l": 2**53 + 1, "u": given, "uf": given, "bd": "12.34", "amount": "123.45", "vsd": "123.45",
    }  # fmt: skip
