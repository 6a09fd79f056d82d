"""One event with everything that belongs to it, as a viewer may see it: for its own page, and beside an aggregate's stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from dashboard.gateway import desk
from dashboard.privacy import AccessProfile, DisplayValue, can_see, display_value
from dashboard.rendering import (
    AnomalyFinding,
    EventLine,
    Payload,
    build_line,
    build_pointer_line,
    findings,
    key_of,
    payload_of_event,
    plain_story,
)
from eventstore.model import Event, Pointer
from eventstore.streams import Row

MOST_TOGETHER = 200
"""As many events of a conversation, or effects, as the index answers with."""
LONGEST_VALUE = 4_000
HIDDEN = "hidden from your role"
KEPT_AS_HASH = "kept as a hash"
_CORE = frozenset({"source", "subject", "datacontenttype", "dataschema", "sequence"})
"""Attributes whose names alone say nothing about anybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A name and a value; either may be masked. ``copy`` is offered for copying."""

    name: DisplayValue
    value: DisplayValue
    copy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """``causes``: where the index knows the event that ``cause_id`` names (none where it does not)."""

    line: EventLine
    title: str
    event: Event | None
    pointer: Pointer | None
    facts: Sequence[Fact]
    attributes: Sequence[Fact]
    attributes_are_properties: bool
    """The envelope is CloudEvents in binary mode: its attributes stand among the message's properties already."""
    message: Sequence[Fact]
    properties: Sequence[Fact]
    correlation_id: str
    conversation: Sequence[EventLine]
    cause_id: str
    causes: Sequence[EventLine]
    effects: Sequence[EventLine]
    payload: Payload | None
    notes: Sequence[str]
    anomalies: Sequence[AnomalyFinding]
    values: Sequence[Fact]
    """The searchable values that the index keeps of it."""
    most: int = MOST_TOGETHER


def detail_of(row: Row, viewer: AccessProfile, limit: int) -> Detail:
    """The event at this row. ``limit``: bytes of the payload to show."""
    line = build_line(row, viewer)
    event, pointer = row.event, row.pointer
    correlation, cause = _links(row)
    return Detail(
        line=line,
        title=plain_story(line.pieces),
        event=event,
        pointer=pointer,
        facts=_facts(event, viewer) if event else (),
        attributes=attribute_facts(event.attributes, viewer) if event else (),
        attributes_are_properties=event is not None and "ce_specversion" in event.message.properties,
        message=_message_facts(event, viewer) if event else _pointer_facts(pointer, viewer),
        properties=property_facts(event.message.properties, viewer) if event else (),
        correlation_id=correlation,
        conversation=_lines(desk().index.conversation(correlation)) if correlation else (),
        cause_id=cause,
        causes=_lines(desk().index.with_event_id(cause)[:3]) if cause else (),
        effects=() if line.id_is_position else _lines(desk().index.effects_of(line.event_id)),
        payload=payload_of_event(event, viewer, limit) if event else None,
        notes=event.notes if event else (),
        anomalies=findings(desk().index.anomalies_of(pointer), viewer) if pointer else (),
        values=value_facts(pointer.values, viewer) if pointer else (),
    )


def attribute_facts(attributes: Mapping[str, str], viewer: AccessProfile) -> list[Fact]:
    """The CloudEvents attributes as they were written; the names of extensions are values themselves."""
    facts = []
    hidden = False
    for name in sorted(attributes):
        if can_see(f"attributes.{name}", viewer) or name in _CORE:
            facts.append(_fact(name, attributes[name], f"attributes.{name}", viewer))
        else:
            hidden = True
    return [*facts, Fact(name="other attributes", value=HIDDEN)] if hidden else facts


def property_facts(properties: Mapping[str, str], viewer: AccessProfile) -> list[Fact]:
    """The message's own properties; for whoever sees no values, only that there are some."""
    if not properties:
        return []
    if not can_see("properties", viewer):
        return [Fact(name="names and values", value=HIDDEN)]
    return [_fact(name, properties[name], f"properties.{name}", viewer) for name in sorted(properties)]


def value_facts(values: Sequence[tuple[str, str]], viewer: AccessProfile) -> list[Fact]:
    """What the index keeps of the payload: nothing for whoever sees no values, as which of them an event has says something of
    it. A hash is never shown: with the key it could be compared to guesses."""
    if not viewer.sees_values:
        return []
    readable = {searchable.name for searchable in settings.EVENTDESK.searchables if not searchable.hashed}
    return [
        Fact(name=name, value=display_value(text, f"data.{name}", viewer) if name in readable else KEPT_AS_HASH)
        for name, text in values
    ]


def _facts(event: Event, viewer: AccessProfile) -> list[Fact]:
    """What the envelope says beyond id, type, time and aggregate."""
    given = (
        ("Source", event.source, "source"),
        ("Subject", event.subject, "subject"),
        ("Content type", event.content_type, "content_type"),
        ("Sequence", event.sequence, "sequence"),
    )
    return [_fact(name, value, path, viewer) for name, value, path in given if value]


def _message_facts(event: Event, viewer: AccessProfile) -> list[Fact]:
    message = event.message
    key = Fact(name="Key", value=key_of(event, viewer)) if message.key is not None else None
    given = (
        ("Payload", f"{len(message.payload):,} bytes", "size"),
        ("Producer", message.producer, "producer"),
        ("Schema", _schema_of(event), "schema_version"),
    )
    facts = [_fact(name, value, path, viewer) for name, value, path in given if value]
    return [key, *facts] if key else facts


def _pointer_facts(pointer: Pointer | None, viewer: AccessProfile) -> list[Fact]:
    """What the index alone knows of the message."""
    if pointer is None:
        return []
    given = (
        ("Payload", f"{pointer.size:,} bytes", "size"),
        ("Schema", f"version {pointer.schema_version}" if pointer.schema_version else "", "schema_version"),
    )
    return [_fact(name, value, path, viewer) for name, value, path in given if value]


def _schema_of(event: Event) -> str:
    kind = event.schema.kind if event.schema else ""
    version = event.message.schema_version
    return f"{kind}, version {version}" if kind and version else f"version {version}" if version else ""


def _fact(name: str, value: str, path: str, viewer: AccessProfile) -> Fact:
    shown = display_value(value, path, viewer)
    if isinstance(shown, str) and len(shown) > LONGEST_VALUE:
        return Fact(name=name, value=f"{shown[:LONGEST_VALUE]}… ({len(shown):,} characters)")
    return Fact(name=name, value=shown)


def _links(row: Row) -> tuple[str, str]:
    if row.event is not None:
        return row.event.correlation_id, row.event.causation_id
    assert row.pointer is not None
    return row.pointer.correlation_id, row.pointer.causation_id


def _lines(pointers: Sequence[Pointer]) -> list[EventLine]:
    return [build_pointer_line(pointer) for pointer in pointers]
