"""What differs between two events of one type: the one that holds a subscription up, and the last one that was acknowledged.

Only forms are compared: which fields there are and of which kind, never whether two values are equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eventstore.comparison.shapes import ELEMENT, LONGEST_NAME, Field, Form, Kind, Path, Shape, shape_of
from eventstore.model.events import STORES_PROPERTIES, Event

MOST_DIFFERENCES = 100
MUCH, FEW_BYTES = 2, 256
"""A size differs if it is at least this many times the other one, and by this many bytes."""


class What(StrEnum):
    ENVELOPE = "envelope"
    """One of them fits no envelope. ``now`` and ``before`` say why."""
    FORM = "form"
    """The form of the payload: JSON, text, binary, empty …"""
    SCHEMA = "schema"
    CONTENT_TYPE = "content type"
    MISSING = "missing field"
    NEW = "new field"
    KIND = "kind of field"
    """A field's value is of another kind: a text became an object."""
    SIZE = "size"
    MISSING_PROPERTY = "missing property"
    NEW_PROPERTY = "new property"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """``path`` is a field's (``uploadedBy.person``, ``pages[].bytes``) or a property's name; empty for the event as a whole.

    ``now`` and ``before`` are words for the kind or version of each; they hold no value. ``value_now`` and ``value_before``
    are the beginning of the field's value as JSON, where it has one. Path and values belong to the payload: mask them.
    """

    what: What
    path: str = ""
    now: str = ""
    before: str = ""
    value_now: str = ""
    value_before: str = ""
    parts: tuple[str, ...] = ()
    """The path of a field, name by name; empty for a property."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """``all_fields``: every field of both payloads was compared."""

    differences: Sequence[Difference]
    all_fields: bool
    more: int = 0
    """Differences that are left out."""


def compare(now: Event, before: Event) -> Comparison:
    """Return how ``now`` differs from ``before``. Takes milliseconds, whatever the two hold."""
    shape_now, shape_before = shape_of(now), shape_of(before)
    found = [*_of_envelope(now, before), *_of_form(shape_now, shape_before), *_of_schema(now, before)]
    if shape_now.form is shape_before.form is Form.JSON:
        found += _of_fields(shape_now, shape_before)
    found += [*_of_size(now, before), *_of_properties(now, before)]
    shown = found[:MOST_DIFFERENCES]
    return Comparison(differences=shown, all_fields=shape_now.whole and shape_before.whole, more=len(found) - len(shown))


def _of_envelope(now: Event, before: Event) -> Iterator[Difference]:
    if bool(now.problem) != bool(before.problem):
        yield Difference(what=What.ENVELOPE, now=now.problem or "recognised", before=before.problem or "recognised")


def _of_form(now: Shape, before: Shape) -> Iterator[Difference]:
    if now.form is not before.form:
        yield Difference(what=What.FORM, now=now.form, before=before.form)


def _of_schema(now: Event, before: Event) -> Iterator[Difference]:
    if _schema(now) != _schema(before):
        yield Difference(what=What.SCHEMA, now=_schema(now), before=_schema(before))
    readable = not now.problem and not before.problem
    if readable and now.content_type != before.content_type:
        yield Difference(what=What.CONTENT_TYPE, now=now.content_type or "none", before=before.content_type or "none")


def _schema(event: Event) -> str:
    kind = event.schema.kind if event.schema else ""
    version = event.message.schema_version
    return " ".join(part for part in (kind, f"version {version}" if version else "") if part) or "none"


def _of_fields(now: Shape, before: Shape) -> Iterator[Difference]:
    """Missing fields first, then those of another kind, then new ones. Of an object that is missing, only its own path."""
    for path in _only_in(before, now):
        one = before.fields[path]
        yield Difference(what=What.MISSING, path=_spelled(path), parts=path, before=_words(one), value_before=one.value)
    for path, one in now.fields.items():
        other = before.fields.get(path)
        if other is not None and one.kinds.isdisjoint(other.kinds):
            words, values = (_words(one), _words(other)), (one.value, other.value)
            yield Difference(
                what=What.KIND,
                path=_spelled(path),
                parts=path,
                now=words[0],
                before=words[1],
                value_now=values[0],
                value_before=values[1],
            )
    for path in _only_in(now, before):
        one = now.fields[path]
        yield Difference(what=What.NEW, path=_spelled(path), parts=path, now=_words(one), value_now=one.value)


def _only_in(one: Shape, other: Shape) -> Iterator[Path]:
    """Paths that only one of them has and whose object both have. None if the other one was not looked at as a whole."""
    if other.whole:
        for path in one.fields:
            if path and path not in other.fields and path[-1] != ELEMENT and _holds(other, path[:-1]):
                yield path


def _holds(shape: Shape, path: Path) -> bool:
    """Whether there is an object at this path, which could have the field."""
    found = shape.fields.get(path)
    return found is not None and Kind.OBJECT in found.kinds


def _words(one: Field) -> str:
    return " or ".join(sorted(one.kinds))


def _spelled(path: Path) -> str:
    return ".".join(path).replace(f".{ELEMENT}", ELEMENT)


def _of_size(now: Event, before: Event) -> Iterator[Difference]:
    one, other = len(now.message.payload), len(before.message.payload)
    if abs(one - other) >= FEW_BYTES and max(one, other) >= MUCH * min(one, other):
        yield Difference(what=What.SIZE, now=f"{one:,} bytes", before=f"{other:,} bytes")


def _of_properties(now: Event, before: Event) -> Iterator[Difference]:
    one, other = _properties(now), _properties(before)
    yield from (Difference(what=What.MISSING_PROPERTY, path=name[:LONGEST_NAME]) for name in sorted(other - one))
    yield from (Difference(what=What.NEW_PROPERTY, path=name[:LONGEST_NAME]) for name in sorted(one - other))


def _properties(event: Event) -> set[str]:
    return {name for name in event.message.properties if not name.startswith(STORES_PROPERTIES)}
