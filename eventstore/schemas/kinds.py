"""Choose the decoder that a schema needs, by its kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from eventstore.model.schema_registry import Schema
from eventstore.schemas.avro import avro_reader
from eventstore.schemas.decode_budget import DecodeError, Read, UnusableSchema
from eventstore.schemas.parts import (
    ReadKey,
    bytes_value,
    check_json,
    check_text,
    json_value,
    key_bytes_value,
    key_reader,
    key_text_value,
    text_value,
)
from eventstore.schemas.protobuf import protobuf_reader
from eventstore.schemas.simple import SIMPLE

WORDS: Mapping[str, str] = {
    "AVRO": "Avro",
    "JSON": "JSON",
    "PROTOBUF": "Protobuf (old form)",
    "PROTOBUF_NATIVE": "Protobuf",
    "STRING": "string",
    "BYTES": "bytes",
    "NONE": "bytes",
    "KEY_VALUE": "key and value",
}
OLD_PROTOBUF = "the registry does not say which field has which number, so that its bytes cannot be read"

_NO_VALUE = (1 << 32) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How payloads of one schema are read.

    ``read`` decodes a payload into a JSON-like value. ``check`` tests whether a payload fits that is shown as it is. Without
    either, any payload fits. ``key`` decodes the message's key, if the schema has one for it. ``note`` says why a payload is
    not decoded although nothing is wrong.
    """

    words: str
    read: Read | None = None
    check: Read | None = None
    key: ReadKey | None = None
    note: str = ""


def kind_of(schema: Schema) -> Kind:
    """Return how payloads of this schema are read. Raises ``UnusableSchema`` if the definition cannot be used."""
    words = words_of(schema.kind)
    if schema.kind == "KEY_VALUE":
        return _pair(schema)
    if schema.kind in _COMPILED:
        return Kind(words=words, read=_COMPILED[schema.kind](schema.definition))
    if schema.kind in SIMPLE:
        return Kind(words=words, read=SIMPLE[schema.kind])
    if schema.kind in _AS_IT_IS:
        return Kind(words=words, check=_AS_IT_IS[schema.kind])
    return Kind(words=words, note=OLD_PROTOBUF if schema.kind == "PROTOBUF" else "this kind of schema is not known here")


def words_of(kind: str) -> str:
    return WORDS.get(kind, kind.lower().replace("_", " "))


_COMPILED: Mapping[str, Callable[[bytes], Read]] = {"AVRO": avro_reader, "PROTOBUF_NATIVE": protobuf_reader}
_AS_IT_IS: Mapping[str, Read | None] = {"JSON": check_json, "STRING": check_text, "BYTES": None, "NONE": None}
"""By kind of payload that is shown as it is: the test whether it fits."""


# -- key and value


def _pair(schema: Schema) -> Kind:
    """Return how to read a payload that holds a key and a value, each after its length.

    If they are separated, the key is the message's, and the payload holds only the value, which is read as if its schema were
    the message's.
    """
    parts = _parts(schema.definition)
    key, value = (_part(schema, name, parts.get(name)) for name in ("key", "value"))
    if schema.properties.get("kv.encoding.type", "INLINE").upper() == "SEPARATED":
        return replace(value, words=f"{value.words}, with a key that is {key.words}", key=_key_reading(key))

    def read(data: bytes) -> Any:
        first, rest = _with_length(data)
        second, rest = _with_length(rest)
        if rest:
            raise DecodeError("there are bytes behind its end")
        read_key, read_value = _reading(key), _reading(value)
        return {
            "key": None if first is None else read_key(first),
            "value": None if second is None else read_value(second),
        }

    return Kind(words=f"key ({key.words}) and value ({value.words})", read=read)


def _parts(definition: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(definition)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableSchema("it is not JSON") from error
    if not isinstance(found, dict):
        raise UnusableSchema("it has no key and value")
    return found


def _part(schema: Schema, name: str, definition: Any) -> Kind:
    kind = schema.properties.get(f"{name}.schema.type", "BYTES")
    if kind == "KEY_VALUE":
        raise UnusableSchema("its parts are keys and values themselves")
    is_name = kind == "AVRO" and isinstance(definition, str) and not definition.startswith(("{", "[", '"'))  # Avro's "string"
    written = definition.encode() if isinstance(definition, str) and not is_name else msgspec.json.encode(definition)
    return kind_of(Schema(kind=kind, name=name, definition=written))


def _reading(kind: Kind) -> Read:
    """Return a decoder that always makes a value."""
    if kind.read is not None:
        return kind.read
    if kind.words == WORDS["JSON"]:
        return json_value
    return text_value if kind.words == WORDS["STRING"] else bytes_value


def _key_reading(kind: Kind) -> ReadKey:
    """Return how to read a message's key whose schema is of this kind. A text is the key as it is, even if it holds JSON."""
    if kind.read is not None:
        return key_reader(kind.read)
    if kind.words == WORDS["JSON"]:
        return key_reader(json_value)
    return key_reader(key_text_value if kind.words == WORDS["STRING"] else key_bytes_value)


def _with_length(data: bytes) -> tuple[bytes | None, bytes]:
    """Split off what follows a length of four bytes, and return it with the rest. A length of -1 means that there is
    nothing.
    """
    if len(data) < 4:
        raise DecodeError("it ends too early")
    length = int.from_bytes(data[:4], "big")
    if length == _NO_VALUE:
        return None, data[4:]
    if length > len(data) - 4:
        raise DecodeError("it ends too early")
    return data[4 : 4 + length], data[4 + length :]
