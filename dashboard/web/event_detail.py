"""One event with everything that belongs to it, masked: for its own page, and beside an aggregate's stream."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.db import DatabaseError

from dashboard.gateway import desk
from dashboard.privacy import (
    AccessProfile,
    Origin,
    can_see,
    origin_of,
    origin_of_pointer,
    without_own_id,
    without_own_ids,
)
from dashboard.privacy.facts import Fact, attribute_facts, one_fact, property_facts, store_facts, value_facts
from dashboard.rendering import (
    AnomalyFinding,
    EventLine,
    Payload,
    build_line,
    build_pointer_line,
    findings,
    key_of,
    ordering_key_of,
    payload_of_event,
    plain_story,
)
from dashboard.web.known_extensions import meanings
from eventstore.envelope import unreadable_event
from eventstore.model import NOT_THE_MESSAGE, Event, EventStoreError, Pointer, Position, reported
from eventstore.streams import Row

MOST_TOGETHER = 200
"""Events of a conversation, or effects, that the index returns at most."""
KEY_MAY_BE_BINARY = (
    "The key may be binary: it reads like base64, and the store does not tell now whether it was set as bytes. "
    "Events with these bytes as key and events with this text are one aggregate here."
)
KEY_IS_BINARY = (
    "The key is binary: it was set as bytes, and is shown as their base64. "
    "Events whose key is this text belong to the same aggregate here."
)
MEMBER_NOTE = (
    "This is member {number:,} of {count:,} in one message, a batch of CloudEvents. The store knows only the message: a "
    "consumer gets all members together, and a cursor that is reset to one of them delivers all of them again. Key, "
    "properties and publish time are the message's."
)
SHORTEST_UNPADDED = 16
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_MIXED = tuple(re.compile(kind) for kind in ("[a-z]", "[A-Z]", "[0-9+/]"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """Everything about one event. ``causes`` are the events with the id ``cause_id``, as far as the index knows them."""

    line: EventLine
    title: str
    event: Event | None
    pointer: Pointer | None
    facts: Sequence[Fact]
    attributes: Sequence[Fact]
    attributes_are_properties: bool
    """The envelope is in CloudEvents' binary mode, so the message's properties already show the attributes."""
    message: Sequence[Fact]
    properties: Sequence[Fact]
    by_store: Sequence[Fact]
    """Properties that the store has added by itself."""
    correlation_id: str
    conversation: Sequence[EventLine]
    cause_id: str
    causes: Sequence[EventLine]
    effects: Sequence[EventLine]
    payload: Payload | None
    notes: Sequence[str]
    anomalies: Sequence[AnomalyFinding]
    values: Sequence[Fact]
    """The searchable values of the event that the index stores."""
    most: int = MOST_TOGETHER


def detail_of(row: Row, profile: AccessProfile, limit: int) -> Detail:
    """The event of this row as the profile may see it, whatever it holds, with at most ``limit`` bytes of its payload."""
    try:
        return _detail_of(row, profile, limit)
    except (*NOT_THE_MESSAGE, DatabaseError):
        raise
    except Exception as error:
        if row.event is None:
            raise
        event = unreadable_event(row.event.message, reported(error, row.position.where))
        return _detail_of(replace(row, event=event), profile, limit)


def _detail_of(row: Row, profile: AccessProfile, limit: int) -> Detail:
    line = build_line(row, profile)
    event, pointer = row.event, row.pointer
    origin = _origin(row)
    correlation, cause = _links(row)
    return Detail(
        line=line,
        title=plain_story((build_line(row, profile.standing()) if profile.reveals else line).pieces),
        event=event,
        pointer=pointer,
        facts=_facts(event, profile, origin) if event else (),
        attributes=attribute_facts(without_own_ids(event.attributes, event, profile), profile, origin) if event else (),
        attributes_are_properties=event is not None and "ce_specversion" in event.message.properties,
        message=_message_facts(event, profile, origin) if event else _pointer_facts(pointer, profile, origin),
        properties=property_facts(without_own_ids(event.message.properties, event, profile), profile, origin) if event else (),
        by_store=store_facts(event.message.properties, profile, origin) if event else (),
        correlation_id=_shown(correlation, row, profile),
        conversation=_lines(desk().index.conversation(correlation), profile) if correlation else (),
        cause_id=_shown(cause, row, profile),
        causes=_lines(_causes(cause)[:3], profile) if cause else (),
        effects=() if line.id_is_position else _lines(desk().index.effects_of(line.event_id), profile),
        payload=payload_of_event(event, profile, limit) if event else None,
        notes=(*event.notes, *member_notes(event), *key_notes(event, desk().log.key_is_bytes)) if event else (),
        anomalies=findings(desk().index.anomalies_of(pointer), profile, origin) if pointer else (),
        values=value_facts(pointer.values, profile, origin) if pointer else (),
    )


def _origin(row: Row) -> Origin | None:
    if row.event is not None:
        return origin_of(row.event)
    return origin_of_pointer(row.pointer) if row.pointer is not None else None


def _facts(event: Event, profile: AccessProfile, origin: Origin | None) -> list[Fact]:
    """What the envelope tells beyond id, type, time, and aggregate."""
    candidates = (
        ("Source", event.source, "source"),
        ("Subject", without_own_id(event.subject, event, profile), "subject"),
        ("Content type", event.content_type, "content_type"),
        ("Sequence", event.sequence, "sequence"),
    )
    known = [one_fact(name, value, path, profile, origin) for name, value, path in candidates if value]
    return [*known, *_extension_facts(event, profile, origin)]


def _extension_facts(event: Event, profile: AccessProfile, origin: Origin | None) -> list[Fact]:
    """The extensions whose meaning is documented. A profile that may not see one learns nothing of it."""
    return [
        replace(
            one_fact(each.label, each.value, f"attributes.{each.attribute}", profile, origin), note=each.note, url=each.url
        )
        for each in meanings(without_own_ids(event.attributes, event, profile), datetime.now(UTC))
        if can_see(f"attributes.{each.attribute}", profile, origin)
    ]


def _message_facts(event: Event, profile: AccessProfile, origin: Origin | None) -> list[Fact]:
    message = event.message
    keys = [Fact(name="Key", value=key_of(event, profile))] if message.key is not None else []
    if message.ordering_key is not None:
        keys.append(Fact(name="Ordering key", value=ordering_key_of(event, profile)))
    candidates = (
        ("Payload", f"{len(message.payload):,} bytes", "size"),
        ("Producer", message.producer, "producer"),
        ("Schema", _schema_of(event), "schema_version"),
    )
    return [*keys, *(one_fact(name, value, path, profile, origin) for name, value, path in candidates if value)]


def member_notes(event: Event) -> Sequence[str]:
    """What it means for this event that its message holds others."""
    member = event.message.member
    return (MEMBER_NOTE.format(number=member.number, count=member.count),) if member else ()


def key_notes(event: Event, is_bytes: Callable[[Position], bool | None]) -> Sequence[str]:
    """What there is to say of a key that reads like base64. ``is_bytes`` tells whether it was set as bytes (``Log``)."""
    if (event.schema is not None and event.schema.key_read) or not looks_like_base64(event.message.key or ""):
        return ()
    try:
        told = is_bytes(event.position)
    except EventStoreError:  # the store is away, or refuses: the rest of the page needs no answer
        told = None
    return (KEY_MAY_BE_BINARY,) if told is None else (KEY_IS_BINARY,) if told else ()


def looks_like_base64(key: str) -> bool:
    """Whether the key reads like base64: it is padded with ``=``, or has at least 16 signs, as mixed as those of random bytes.

    Ids of letters and digits alone, such as ``customer0001``, could be base64 as well, but hardly ever are.
    """
    if not _BASE64.fullmatch(key):
        return False
    return key.endswith("=") or (len(key) >= SHORTEST_UNPADDED and all(kind.search(key) for kind in _MIXED))


def _pointer_facts(pointer: Pointer | None, profile: AccessProfile, origin: Origin | None) -> list[Fact]:
    """What the index knows of the message."""
    if pointer is None:
        return []
    candidates = (
        ("Payload", f"{pointer.size:,} bytes", "size"),
        ("Schema", f"version {pointer.schema_version}" if pointer.schema_version else "", "schema_version"),
    )
    return [one_fact(name, value, path, profile, origin) for name, value, path in candidates if value]


def _schema_of(event: Event) -> str:
    kind = event.schema.kind if event.schema else ""
    version = event.message.schema_version
    return f"{kind}, version {version}" if kind and version else f"version {version}" if version else ""


def _causes(id: str) -> Sequence[Pointer]:
    """The events with this id; their copies, such as dead letters, only where nothing else has it."""
    found = desk().index.with_event_id(id)
    return [pointer for pointer in found if not pointer.derived] or found


def _links(row: Row) -> tuple[str, str]:
    if row.event is not None:
        return row.event.correlation_id, row.event.causation_id
    assert row.pointer is not None
    return row.pointer.correlation_id, row.pointer.causation_id


def _shown(id: str, row: Row, profile: AccessProfile) -> str:
    """The id of a conversation or a cause. Some publishers take the aggregate's own id for one."""
    known = row.event or row.pointer
    return without_own_id(id, known, profile) if known is not None else id


def _lines(pointers: Sequence[Pointer], profile: AccessProfile) -> list[EventLine]:
    return [build_pointer_line(pointer, profile=profile) for pointer in pointers]
