"""Messages for tests of the envelope: as a store would hand them out."""

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventstore.model.events import Message, NewMessage, Position

PUBLISHED = datetime(2026, 1, 31, 9, 20, 39, tzinfo=UTC)
CE = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_type": "PatientRegistered", "ce_source": "/patients"}
DOCUMENT = {"specversion": "1.0", "id": "e-1", "type": "PatientRegistered", "source": "/patients", "aggregateid": "4711"}


def message(
    payload: bytes = b"{}",
    *,
    key: str | None = "4711",
    properties: Mapping[str, str] | None = None,
    topic: str = "public/default/patients",
    event_time: datetime | None = None,
) -> Message:
    return Message(
        position=Position(topic=topic, partition=0, token="11"),
        payload=payload,
        published=PUBLISHED,
        key=key,
        properties=properties or {},
        event_time=event_time,
    )


def stored(new: NewMessage, topic: str = "public/default/patients") -> Message:
    """The message as it reads back once it was appended."""
    return message(new.payload, key=new.key, properties=new.properties, topic=topic, event_time=new.event_time)


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def lines(*values: Any) -> bytes:
    """A file with one document a line; bytes go in as they are."""
    return b"".join((value if isinstance(value, bytes) else json(value)) + b"\n" for value in values)


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
