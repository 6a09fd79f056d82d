"""Decode Avro's binary encoding by the writer's schema into JSON-like values.

This is a decoder of its own, because the fast ones trust their input: a list of a billion empty records takes four bytes, and
a recursive schema ends the process of a decoder in C. Here, every value and every level of depth is counted. There is no
schema resolution, because the registry gives the very schema that wrote the payload. Source: the Avro 1.12 specification,
"Binary Encoding".
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from eventstore.schemas.connect import connect_type
from eventstore.schemas.decode_budget import (
    DEEPEST,
    EACH_VALUE,
    MOST_DEFINITION,
    MOST_TYPES,
    DecodeBudget,
    DecodeError,
    Read,
    UnusableSchema,
)
from eventstore.schemas.logical import bytes_as_text, logical_of, number_as_json, single_as_json

_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")
_ENDS_EARLY = "it ends too early"


class Input:
    """A payload while it is decoded."""

    __slots__ = ("budget", "data", "depth", "place")

    def __init__(self, data: bytes) -> None:
        self.data, self.place, self.depth, self.budget = data, 0, 0, DecodeBudget()

    def take(self, length: int) -> bytes:
        end = self.place + length
        if length < 0 or end > len(self.data):
            raise DecodeError(_ENDS_EARLY)
        piece = self.data[self.place : end]
        self.place = end
        return piece

    def long(self) -> int:
        """Read a variable-length zigzag integer."""
        data, place, number, shift = self.data, self.place, 0, 0
        try:
            while True:
                byte = data[place]
                place += 1
                number |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
                if shift > 63:
                    raise DecodeError("it holds a number of more than 64 bits")
        except IndexError:
            raise DecodeError(_ENDS_EARLY) from None
        self.place = place
        return (number >> 1) ^ -(number & 1)


Part = Callable[[Input], Any]
"""Reads one value of one type at the input's present place."""


def avro_reader(definition: bytes) -> Read:
    """Return a decoder for payloads of this schema. Raises ``UnusableSchema`` if the definition is not an Avro schema."""
    if len(definition) > MOST_DEFINITION:
        raise UnusableSchema("it is larger than 1 MB")
    try:
        part = _Compiler().part(msgspec.json.decode(definition), "")
    except RecursionError as error:
        raise UnusableSchema("it is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableSchema("it is not JSON") from error

    def read(data: bytes) -> Any:
        given = Input(data)
        try:
            value = part(given)
        except RecursionError as error:
            raise DecodeError("it is nested too deeply") from error
        if given.place != len(data):
            raise DecodeError("there are bytes behind its end")
        return value

    return read


class _Compiler:
    """Makes a decoder for each type of one schema. ``names`` holds the named types so far, by full name."""

    def __init__(self) -> None:
        self.names: dict[str, Part] = {}
        self.left = MOST_TYPES
        self._complex: Mapping[str, Callable[[Mapping[str, Any], str], Part]] = {
            "record": self._record,
            "error": self._record,
            "enum": self._enum,
            "fixed": self._fixed,
            "array": lambda schema, space: _array(self.part(schema.get("items"), space)),
            "map": lambda schema, space: _map(self.part(schema.get("values"), space)),
        }

    def part(self, schema: Any, space: str) -> Part:
        self.left -= 1
        if self.left < 0:
            raise UnusableSchema(f"it has more than {MOST_TYPES:,} types and fields")
        if isinstance(schema, str):
            return self._named(schema, space)
        if isinstance(schema, list):
            return _union([self.part(branch, space) for branch in schema])
        if not isinstance(schema, dict) or "type" not in schema:
            raise UnusableSchema("one of its types is neither a name, a list nor an object with a type")
        kind = schema["type"]
        if not isinstance(kind, str):
            return self.part(kind, space)
        complex = self._complex.get(kind)
        if complex is not None:
            return complex(schema, space)
        return logical_of(schema, self._named(kind, space), _bytes if kind == "bytes" else None)

    def _named(self, name: str, space: str) -> Part:
        if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        full = name if "." in name or not space else f"{space}.{name}"
        if full not in self.names and name not in self.names:
            raise UnusableSchema("it refers to a type that it does not define")
        wanted = full if full in self.names else name

        def named(given: Input) -> Any:
            return self.names[wanted](given)  # looked up late: a type may be used inside itself

        return named

    def _record(self, schema: Mapping[str, Any], space: str) -> Part:
        full, inner = _full_name(schema, space)
        self.names[full] = _not_yet
        fields = schema.get("fields")
        if not isinstance(fields, list):
            raise UnusableSchema("a record has no list of fields")
        parts = [(_text(field, "name"), self.part(_member(field, "type"), inner)) for field in fields]
        if len({name for name, _ in parts}) != len(parts):
            raise UnusableSchema("a record has two fields of one name")
        cost = sum(EACH_VALUE + len(name) for name, _ in parts)

        def record(given: Input) -> dict[str, Any]:
            given.budget.take(cost)
            given.depth += 1
            if given.depth > DEEPEST:
                raise DecodeError("it is nested too deeply")
            value = {name: part(given) for name, part in parts}
            given.depth -= 1
            return value

        self.names[full] = connect_type(schema, record)
        return self.names[full]

    def _enum(self, schema: Mapping[str, Any], space: str) -> Part:
        full, _ = _full_name(schema, space)
        symbols = schema.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise UnusableSchema("an enum has no list of symbols")

        def enum(given: Input) -> str:
            number = given.long()
            if not 0 <= number < len(symbols):
                raise DecodeError("it holds a symbol that its enum does not have")
            given.budget.take(len(symbols[number]))
            return str(symbols[number])

        self.names[full] = enum
        return enum

    def _fixed(self, schema: Mapping[str, Any], space: str) -> Part:
        full, _ = _full_name(schema, space)
        size = schema.get("size")
        if not isinstance(size, int) or size < 0:
            raise UnusableSchema("a fixed type has no size")
        self.names[full] = logical_of(
            schema, lambda given: bytes_as_text(_taken(given, size)), lambda given: _taken(given, size)
        )
        return self.names[full]


def _not_yet(given: Input) -> Any:
    raise AssertionError("a type is used before it was compiled")


def _full_name(schema: Mapping[str, Any], space: str) -> tuple[str, str]:
    """Return the full name, and the namespace for the types inside."""
    name = _text(schema, "name")
    if "." not in name:
        given = schema.get("namespace")
        space = given if isinstance(given, str) else space
        name = f"{space}.{name}" if space else name
    return name, name.rpartition(".")[0]


def _member(schema: Any, name: str) -> Any:
    if not isinstance(schema, dict) or name not in schema:
        raise UnusableSchema(f"a type or field has no {name}")
    return schema[name]


def _text(schema: Any, name: str) -> str:
    found = _member(schema, name)
    if not isinstance(found, str) or not found:
        raise UnusableSchema(f"a type or field has no {name}")
    return found


# -- values


def _taken(given: Input, length: int) -> bytes:
    piece = given.take(length)
    given.budget.take(2 * length)
    return piece


def _bytes(given: Input) -> bytes:
    return _taken(given, given.long())


def _string(given: Input) -> str:
    try:
        return _bytes(given).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("one of its texts is not UTF-8") from error


def _boolean(given: Input) -> bool:
    byte = given.take(1)[0]
    if byte > 1:
        raise DecodeError("it holds a truth value that is neither true nor false")
    return byte == 1


def _union(branches: list[Part]) -> Part:
    def union(given: Input) -> Any:
        number = given.long()
        if not 0 <= number < len(branches):
            raise DecodeError("it holds a branch that its union does not have")
        return branches[number](given)

    return union


def _array(item: Part) -> Part:
    def array(given: Input) -> list[Any]:
        found: list[Any] = []
        while count := _block(given):
            found += [item(given) for _ in range(count)]
        return found

    return array


def _map(value: Part) -> Part:
    def read_map(given: Input) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while count := _block(given):
            found |= {_string(given): value(given) for _ in range(count)}
        return found

    return read_map


def _block(given: Input) -> int:
    """Return how many items come now. Their cost is taken from the budget before the first one is read."""
    count = given.long()
    if count < 0:
        count = -count
        given.long()  # the block's size in bytes, for readers that skip it
    given.budget.take(EACH_VALUE * count)
    return count


_PRIMITIVES: Mapping[str, Part] = {
    "null": lambda given: None,
    "boolean": _boolean,
    "int": Input.long,
    "long": Input.long,
    "float": lambda given: single_as_json(_FLOAT.unpack(given.take(4))[0]),
    "double": lambda given: number_as_json(_DOUBLE.unpack(given.take(8))[0]),
    "bytes": lambda given: bytes_as_text(_bytes(given)),
    "string": _string,
}
