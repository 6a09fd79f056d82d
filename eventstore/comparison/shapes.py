"""The shape of a payload: its form, and which fields it has, of which kinds. No value decides anything.

Payloads are hostile: what is looked at is bounded by bytes, depth and number of fields, and nothing here calls itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from eventstore.model.events import Event

MOST_BYTES = 1_000_000
"""Payloads that are larger are not parsed."""
MOST_FIELDS = 2_000
"""Fields of a payload that are looked at."""
DEEPEST = 24
MOST_OF_A_LIST = 20
"""Elements of a list that are looked at: they are taken to be alike."""
LONGEST_NAME, LONGEST_VALUE = 120, 200


class Kind(StrEnum):
    OBJECT = "object"
    LIST = "list"
    TEXT = "text"
    EMPTY_TEXT = "empty text"
    NUMBER = "number"
    TRUTH = "true or false"
    NULL = "null"


class Form(StrEnum):
    JSON = "JSON"
    TEXT = "text that is not JSON"
    BINARY = "binary"
    EMPTY = "empty"
    NULL = "null (a tombstone)"
    ENCRYPTED = "encrypted"
    TOO_MUCH = "too large or too deeply nested to be compared"


class Field(NamedTuple):
    kinds: frozenset[Kind]
    value: str


Path = tuple[str, ...]
"""Names of fields from the outermost on. ``ELEMENT`` stands for any element of a list."""
ELEMENT = "[]"


@dataclass(kw_only=True, slots=True)
class Shape:
    """The fields of a payload, itself included as the empty path. ``whole``: it has no others."""

    form: Form
    fields: dict[Path, Field] = field(default_factory=dict)
    whole: bool = True


def shape_of(event: Event) -> Shape:
    """Return the shape of an event's data."""
    form = _form_by_message(event)
    if form is not None:
        return Shape(form=form, whole=form is not Form.TOO_MUCH)
    parsed = _parsed(event.data)
    if isinstance(parsed, Form):
        return Shape(form=parsed, whole=parsed is not Form.TOO_MUCH)
    shape = Shape(form=Form.JSON, whole=event.recoded is None or not event.recoded.cut)
    _walk(parsed[0], shape)
    return shape


def _form_by_message(event: Event) -> Form | None:
    """The form that needs no look into the payload; ``None`` if it does."""
    if event.message.null:
        return Form.NULL
    if event.message.encrypted:
        return Form.ENCRYPTED
    if not event.data:
        return Form.EMPTY
    return Form.TOO_MUCH if len(event.data) > MOST_BYTES else None


def _parsed(data: bytes) -> tuple[Any] | Form:
    """Return the JSON value, in a tuple because it may be ``None``; or what the payload is instead."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Form.BINARY
    try:
        return (msgspec.json.decode(data),)
    except RecursionError:
        return Form.TOO_MUCH
    except msgspec.DecodeError:
        pass
    try:  # it may hold numbers that the fast parser cannot
        return (json.loads(text, parse_int=float, parse_float=float, parse_constant=_refuse),)
    except RecursionError:
        return Form.TOO_MUCH
    except (ValueError, OverflowError):
        return Form.TEXT


def _refuse(word: str) -> float:
    raise ValueError(word)


def _walk(value: Any, shape: Shape) -> None:
    """Note the fields of this value, in the order of the payload, until there are too many."""
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if path not in shape.fields and len(shape.fields) >= MOST_FIELDS:
            shape.whole = False
            return
        known = shape.fields.get(path)
        kinds = frozenset({_kind(one)})
        shape.fields[path] = Field(known.kinds | kinds, known.value) if known else Field(kinds, _beginning(one))
        inside = _inside(one)
        if inside and len(path) >= DEEPEST:
            shape.whole = False
            continue
        shape.whole &= not isinstance(one, list) or len(one) <= MOST_OF_A_LIST
        waiting += [((*path, name), each) for name, each in reversed(inside)]


def _inside(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(_clean(str(name)[:LONGEST_NAME]), each) for name, each in list(value.items())[: MOST_FIELDS + 1]]
    if isinstance(value, list):
        return [(ELEMENT, each) for each in value[:MOST_OF_A_LIST]]
    return []


def _kind(value: Any) -> Kind:
    match value:
        case None:
            return Kind.NULL
        case bool():
            return Kind.TRUTH
        case int() | float():
            return Kind.NUMBER
        case str():
            return Kind.TEXT if value else Kind.EMPTY_TEXT
        case list():
            return Kind.LIST
    return Kind.OBJECT


def _beginning(value: Any) -> str:
    """A value as JSON, its beginning alone; of an object or list only how much it holds."""
    if isinstance(value, Mapping):
        return f"{{{len(value):,} field{'' if len(value) == 1 else 's'}}}"
    if isinstance(value, list):
        return f"[{len(value):,} element{'' if len(value) == 1 else 's'}]"
    text = _clean(json.dumps(value[:LONGEST_VALUE] if isinstance(value, str) else value, ensure_ascii=False))
    return text if len(text) <= LONGEST_VALUE + 2 else text[:LONGEST_VALUE] + "…"


def _clean(text: str) -> str:
    """The text without halves of surrogate pairs, which a JSON text may hold and no page can."""
    return text.encode("utf-8", "replace").decode()
