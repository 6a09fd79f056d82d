"""Events for the tests of filters, with as little as a test must say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from eventstore.model.events import NOTHING, Event
from eventstore.model.pointers import Pointer
from tests.unit.messages import PUBLISHED, message

TIME = datetime(2024, 5, 1, 12, 30, 15, tzinfo=UTC)


def event(
    data: Any = b"{}",
    *,
    key: str | None = "k-1",
    properties: Mapping[str, str] = NOTHING,
    topic: str = "public/default/patients",
    ordering_key: str | None = None,
    **parts: Any,
) -> Event:
    """An event with this data: bytes as they are, anything else as JSON."""
    raw = data if isinstance(data, bytes) else msgspec.json.encode(data)
    known: dict[str, Any] = {
        "id": "e-1",
        "type": "PatientRegistered",
        "aggregate_type": "patient",
        "aggregate_id": "4711",
        "time": TIME,
    }
    given = replace(message(raw, key=key, properties=properties, topic=topic), ordering_key=ordering_key)
    return Event(message=given, data=raw, **(known | parts))


def unreadable(data: bytes = b"\x00junk", *, key: str | None = "k-1", properties: Mapping[str, str] = NOTHING) -> Event:
    """A message that fits no envelope."""
    return Event(
        message=message(data, key=key, properties=properties),
        id="11@0@public/default/patients",
        id_is_position=True,
        time=PUBLISHED,
        data=data,
        problem="unrecognised format: it is a test",
    )


def pointer_to(of: Event, **changes: Any) -> Pointer:
    """What the index knows of this event."""
    known: dict[str, Any] = {
        "position": of.position,
        "ordinal": 0,
        "event_id": of.id,
        "type": of.type,
        "time": of.time,
        "published": of.message.published,
        "size": len(of.message.payload),
        "version": None if of.problem else 1,
        "aggregate_type": of.aggregate_type,
        "aggregate_id": of.aggregate_id,
        "correlation_id": of.correlation_id,
        "causation_id": of.causation_id,
        "unreadable": bool(of.problem),
    }
    return Pointer(**(known | changes))
