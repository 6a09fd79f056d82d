"""Decode Protobuf messages by the descriptor set in the registry (Pulsar's ``PROTOBUF_NATIVE``).

Names are those of the ``.proto`` file. Numbers stay numbers, even those of 64 bits; bytes become base64; timestamps and
durations become texts. A field that is not in the payload is left out: Protobuf does not distinguish it from one with its
default value.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message

from eventstore.schemas.decode_budget import (
    DEEPEST,
    EACH_VALUE,
    MOST_DEFINITION,
    DecodeBudget,
    DecodeError,
    Read,
    UnusableSchema,
)
from eventstore.schemas.logical import bytes_as_text, instant_text, number_as_json, single_as_json


class _Definition(msgspec.Struct):
    """What Pulsar's clients write into the registry."""

    fileDescriptorSet: str
    rootMessageTypeName: str


def protobuf_reader(definition: bytes) -> Read:
    """Return a decoder for payloads of the schema's root message. Raises ``UnusableSchema`` if its descriptors cannot
    be used.
    """
    if len(definition) > MOST_DEFINITION:
        raise UnusableSchema("it is larger than 1 MB")
    try:
        given = msgspec.json.decode(definition, type=_Definition)
        files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(given.fileDescriptorSet, validate=True))
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError, ProtobufDecodeError) as error:
        raise UnusableSchema("it holds no descriptor set") from error
    try:
        root = _pool_of(files).FindMessageTypeByName(given.rootMessageTypeName)
        message_class = message_factory.GetMessageClass(root)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnusableSchema("its descriptors do not fit together") from error

    def read(data: bytes) -> Any:
        try:
            return _document(message_class.FromString(data), DecodeBudget(), 0)
        except (ProtobufDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError("it is not such a Protobuf message") from error

    return read


def _pool_of(files: descriptor_pb2.FileDescriptorSet) -> descriptor_pool.DescriptorPool:
    """Return a pool for this schema alone, with its files in the order in which they need each other."""
    pool = descriptor_pool.DescriptorPool()
    left = {file.name: file for file in files.file}
    while left:
        ready = [file for file in left.values() if not any(needed in left for needed in file.dependency)]
        if not ready:
            raise ValueError("files that need each other in a circle")
        for file in ready:
            pool.AddSerializedFile(file.SerializeToString())
            del left[file.name]
    return pool


def _document(message: Message, budget: DecodeBudget, depth: int) -> Any:
    if depth > DEEPEST:
        raise DecodeError("it is nested too deeply")
    special = _SPECIAL.get(message.DESCRIPTOR.full_name)
    if special is not None and _is_seconds_and_nanos(message.DESCRIPTOR):
        return special(message)
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        budget.take(EACH_VALUE + len(field.name))
        found[field.name] = _field(field, value, budget, depth)
    return found


def _field(field: FieldDescriptor, value: Any, budget: DecodeBudget, depth: int) -> Any:
    if _is_map(field):
        kind = field.message_type.fields_by_name["value"]
        return {_key(key, budget): _value(kind, value[key], budget, depth) for key in value}
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return _value(field, value, budget, depth)
    return [_value(field, item, budget, depth) for item in value]


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _key(key: Any, budget: DecodeBudget) -> str:
    text = {True: "true", False: "false"}[key] if isinstance(key, bool) else str(key)
    budget.take(len(text))
    return text


def _value(field: FieldDescriptor, value: Any, budget: DecodeBudget, depth: int) -> Any:
    budget.take(EACH_VALUE)
    if isinstance(value, Message):
        return _document(value, budget, depth + 1)
    if field.enum_type:
        symbol = field.enum_type.values_by_number.get(value)
        name = symbol.name if symbol else None
        budget.take(len(name or ""))
        return name if name is not None else value
    if isinstance(value, bytes):
        budget.take(2 * len(value))
        return bytes_as_text(value)
    if isinstance(value, str):
        budget.take(len(value))
        return value
    if isinstance(value, float):
        return single_as_json(value) if field.type == FieldDescriptor.TYPE_FLOAT else number_as_json(value)
    return value


def _is_seconds_and_nanos(descriptor: Descriptor) -> bool:
    """Return whether the fields are those of a timestamp or duration. A schema may give these names to any message."""
    types = {field.name: field.type for field in descriptor.fields if not field.is_repeated}
    return types == {"seconds": FieldDescriptor.TYPE_INT64, "nanos": FieldDescriptor.TYPE_INT32}


def _instant(message: Any) -> Any:
    nanoseconds = message.seconds * 1_000_000_000 + message.nanos
    return instant_text(nanoseconds, 9, "Z")


def _duration(message: Any) -> Any:
    nanoseconds = message.seconds * 1_000_000_000 + message.nanos
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{'-' if nanoseconds < 0 else ''}{seconds}{fraction}s"


_SPECIAL: Mapping[str, Any] = {"google.protobuf.Timestamp": _instant, "google.protobuf.Duration": _duration}
