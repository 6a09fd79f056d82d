"""Protobuf messages become documents by the descriptors that the registry holds, and nothing hostile gets far."""

import base64
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory, timestamp_pb2

from eventstore.schemas import DecodeError, UnusableSchema
from eventstore.schemas.decode_budget import MOST_PAYLOAD
from eventstore.schemas.protobuf import protobuf_reader


def patient_file() -> descriptor_pb2.FileDescriptorProto:
    """Made by hand: a test needs no compiler."""
    file = descriptor_pb2.FileDescriptorProto(name="patient.proto", package="health", syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/duration.proto"])
    kind = file.enum_type.add(name="Kind")
    for number, name in enumerate(["UNKNOWN", "PRIVATE"]):
        kind.value.add(name=name, number=number)
    patient = file.message_type.add(name="Patient")
    entry = patient.nested_type.add(name="LabelsEntry")
    entry.options.map_entry = True
    types = descriptor_pb2.FieldDescriptorProto
    for target, name, number, type in ((entry, "key", 1, types.TYPE_STRING), (entry, "value", 2, types.TYPE_INT64)):
        target.field.add(name=name, number=number, type=type, label=types.LABEL_OPTIONAL)
    for name, number, type, many, named in (
        ("name", 1, types.TYPE_STRING, False, ""),
        ("number", 2, types.TYPE_INT64, False, ""),
        ("photo", 3, types.TYPE_BYTES, False, ""),
        ("kind", 4, types.TYPE_ENUM, False, ".health.Kind"),
        ("seen", 5, types.TYPE_MESSAGE, False, ".google.protobuf.Timestamp"),
        ("child", 6, types.TYPE_MESSAGE, True, ".health.Patient"),
        ("labels", 7, types.TYPE_MESSAGE, True, ".health.Patient.LabelsEntry"),
        ("weight", 8, types.TYPE_DOUBLE, False, ""),
        ("stay", 9, types.TYPE_MESSAGE, False, ".google.protobuf.Duration"),
        ("ids", 10, types.TYPE_INT32, True, ""),
        ("kinds", 11, types.TYPE_ENUM, True, ".health.Kind"),
        ("height", 12, types.TYPE_FLOAT, False, ""),
        ("doses", 13, types.TYPE_FLOAT, True, ""),
    ):
        label = types.LABEL_REPEATED if many else types.LABEL_OPTIONAL
        patient.field.add(name=name, number=number, type=type, label=label, type_name=named or None)
    return file


def patient_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(patient_file().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("health.Patient"))


def patient_definition(*files: bytes, root: str = "health.Patient") -> bytes:
    found = descriptor_pb2.FileDescriptorSet()
    written_files = files or [
        patient_file().SerializeToString(),
        *(m.DESCRIPTOR.serialized_pb for m in (timestamp_pb2, duration_pb2)),
    ]
    for file in written_files:
        found.file.add().ParseFromString(file)
    return json.dumps(
        {
            "fileDescriptorSet": base64.b64encode(found.SerializeToString()).decode(),
            "rootMessageTypeName": root,
            "rootFileDescriptorName": "patient.proto",
        }
    ).encode()


def test_a_protobuf_message_becomes_a_document() -> None:
    patient = patient_class()(
        name="Mück",
        number=2**53 + 1,
        photo=b"\x00\xff",
        kind=1,
        weight=math.inf,
        ids=[1, 2],
        kinds=[1, 77],
        height=1.1,
        doses=[0.1, 2],
    )
    patient.seen.FromJsonString("2024-05-01T10:00:00.5Z")
    patient.stay.FromJsonString("-1.5s")
    patient.child.add(name="Kind")
    patient.labels["a"] = 7
    assert protobuf_reader(patient_definition())(patient.SerializeToString()) == {
        "name": "Mück",
        "number": 2**53 + 1,
        "photo": "AP8=",
        "kind": "PRIVATE",
        "seen": "2024-05-01T10:00:00.500000000Z",
        "child": [{"name": "Kind"}],
        "labels": {"a": 7},
        "weight": "Infinity",
        "stay": "-1.5s",
        "ids": [1, 2],
        "kinds": ["PRIVATE", 77],
        "height": 1.1,
        "doses": [0.1, 2.0],
    }


def own_file(name: str, fields: Sequence[tuple[str, int, bool]]) -> bytes:
    """A file that gives the name of one of Google's own messages to these fields: name, type, whether there may be many."""
    file = descriptor_pb2.FileDescriptorProto(name="own.proto", package="google.protobuf", syntax="proto3")
    made = file.message_type.add(name=name)
    types = descriptor_pb2.FieldDescriptorProto
    for number, (field, type, many) in enumerate(fields, start=1):
        label = types.LABEL_REPEATED if many else types.LABEL_OPTIONAL
        made.field.add(name=field, number=number, type=type, label=label)
    written: bytes = file.SerializeToString()
    return written


INT32, INT64, STRING = 5, 3, 9


@pytest.mark.parametrize("name", ["Timestamp", "Duration"])
@pytest.mark.parametrize(
    ("fields", "payload", "shown"),
    [
        ([], b"", {}),
        ([("seconds", INT64, False)], b"\x08\x07", {"seconds": 7}),
        ([("seconds", STRING, False), ("nanos", INT32, False)], b"\x0a\x01x\x10\x05", {"seconds": "x", "nanos": 5}),
        ([("seconds", INT64, True), ("nanos", INT32, False)], b"\x0a\x01\x07", {"seconds": [7]}),
        ([("seconds", INT64, False), ("nanos", INT32, False), ("more", INT32, False)], b"\x18\x01", {"more": 1}),
    ],
)
def test_a_message_that_is_called_a_timestamp_and_is_none_is_read_as_what_it_is(
    name: str, fields: Sequence[tuple[str, int, bool]], payload: bytes, shown: Any
) -> None:
    definition = patient_definition(own_file(name, fields), root=f"google.protobuf.{name}")
    assert protobuf_reader(definition)(payload) == shown


def test_a_timestamp_may_be_the_whole_message() -> None:
    definition = patient_definition(timestamp_pb2.DESCRIPTOR.serialized_pb, root="google.protobuf.Timestamp")
    assert protobuf_reader(definition)(b"\x08\x01") == "1970-01-01T00:00:01Z"


def test_an_empty_protobuf_message_is_an_empty_document() -> None:
    assert protobuf_reader(patient_definition())(b"") == {}


def test_what_is_no_such_protobuf_message_does_not_fit() -> None:
    reader = protobuf_reader(patient_definition())
    for payload in (b"\x0a\xff", b"\xff" * 20, b"\x0a\x02\xff\xff"):
        with pytest.raises(DecodeError):
            reader(payload)


@pytest.mark.slow
def test_a_deep_or_a_large_protobuf_message_is_refused() -> None:
    reader = protobuf_reader(patient_definition())
    nested = b""
    for _ in range(90):
        nested = b"\x32" + varint(len(nested)) + nested
    for payload in (nested, b"\x32\x00" * (MOST_PAYLOAD // 2)):
        with pytest.raises(DecodeError):
            reader(payload)


def varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7) if number > 0x7F else bytes([number])


@pytest.mark.parametrize(
    "definition",
    [
        b"", b"{}", b"[]", b'{"fileDescriptorSet":"!","rootMessageTypeName":"a"}',
        b'{"fileDescriptorSet":7,"rootMessageTypeName":"a"}',
        patient_definition(root="no.Such"), patient_definition(root=""),
        patient_definition(patient_file().SerializeToString()),
        patient_definition(b"\x0a\x01a\x1a\x01b", b"\x0a\x01b\x1a\x01a"),
        b'{"fileDescriptorSet":"////","rootMessageTypeName":"a"}',
    ],
    ids=["empty", "no members", "a list", "no base64", "a number", "another root", "no root",
         "a file is missing", "a circle", "rubbish"],
)  # fmt: skip
def test_descriptors_that_cannot_be_used_are_refused(definition: bytes) -> None:
    with pytest.raises(UnusableSchema):
        protobuf_reader(definition)
