"""What an entry of the audit record holds, and the hash over it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Q

from dashboard.auditing.old_entries import RESOURCE_COLUMNS
from dashboard.models import AuditEntry
from dashboard.privacy import known_handle, public_filter, public_id
from eventstore.actions import AggregateName, FilterText, Resource
from eventstore.model import Position, Process

HASH_VERSION = 3
"""What is written today; 1 is the first release's, and 2 had neither ``begins`` nor ``reason`` and ``ticket``."""
LONGEST = 500
"""Characters kept of a name: what an index of PostgreSQL takes in any script."""


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
_SIMPLE = (str, bool, int, float)
_AS_THEY_ARE = frozenset({*_SIMPLE, type(None)})


class Row(NamedTuple):
    """An entry as it is read to be verified or exported: ``AuditEntry``'s columns, without an object for each."""

    number: int
    hash_version: int
    act: UUID
    state: str
    begins: bool
    actor: str
    via: str
    action: str
    kind: str
    topic: str
    subscription: str
    aggregate_type: str
    aggregate_id: str
    name: str
    scope: str
    reason: str
    ticket: str
    details: str
    written: datetime
    host: str
    pid: int
    process_start: str
    pid_namespace: str
    previous: str
    hash: str


def canonical(details: Mapping[str, Any]) -> str:
    """Details as the one JSON text that is stored and hashed: sorted keys, no spaces, ASCII."""
    return _ENCODE(_plain(details))


def hash_of(entry: AuditEntry | Row) -> str:
    """SHA-256, in hexadecimal, as the entry's hash version has it."""
    if entry.hash_version < HASH_VERSION:
        return _old_hash_of(entry)
    return hashlib.sha256(f"{entry.previous}\n{entry.number}\n{content_of(entry)}".encode("ascii")).hexdigest()


def content_of(entry: AuditEntry | Row) -> str:
    """All that an entry of today's version says, apart from its place in the chain: a JSON array, ASCII, without spaces."""
    return (
        f"[{entry.hash_version},{quoted(str(entry.act))},{quoted(entry.state)},{'true' if entry.begins else 'false'},"
        f"{quoted(entry.actor)},{quoted(entry.via)},{quoted(entry.action)},"
        f"{quoted(entry.kind)},{quoted(entry.topic)},{quoted(entry.subscription)},"
        f"{quoted(entry.aggregate_type)},{quoted(entry.aggregate_id)},{quoted(entry.name)},"
        f"{quoted(entry.reason)},{quoted(entry.ticket)},{quoted(entry.details)},{quoted(time_text(entry.written))},"
        f"{quoted(entry.host)},{entry.pid},{quoted(entry.process_start)},{quoted(entry.pid_namespace)}]"
    )


def line_of(row: Row) -> bytes:
    """The entry as a line of an export: a JSON object of all its columns."""
    return msgspec.json.encode({**row._asdict(), "written": time_text(row.written)}) + b"\n"


def time_text(written: datetime) -> str:
    """In UTC, to the microsecond: ``2026-11-30T12:00:00.000000+00:00``."""
    return written.astimezone(UTC).isoformat(timespec="microseconds")


def _old_hash_of(entry: AuditEntry | Row) -> str:
    fields = {
        "number": entry.number,
        "act": str(entry.act),
        "state": str(entry.state),
        "actor": entry.actor,
        "via": entry.via,
        "action": entry.action,
        "scope": entry.scope,
        "details": entry.details,
        "written": time_text(entry.written),
        "host": entry.host,
        "pid": entry.pid,
        "process_start": entry.process_start,
        "previous": entry.previous,
    }
    if entry.hash_version != 1:
        fields |= {name: getattr(entry, name) for name in ("hash_version", "pid_namespace", *RESOURCE_COLUMNS)}
    return hashlib.sha256(canonical(fields).encode("ascii")).hexdigest()


def storable(text: str) -> str:
    """Text that every database can hold and index: NUL and lone surrogates as escapes, and cut where it is very long."""
    if not text.isascii() or "\0" in text:
        text = "".join(rf"\u{ord(c):04x}" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def columns_of(resource: Resource) -> dict[str, str]:
    """The resource as an entry's columns."""
    recorded = as_recorded(resource)
    return {name: storable(getattr(recorded, name)) for name in RESOURCE_COLUMNS}


def as_recorded(resource: Resource) -> Resource:
    """The resource with a handle in place of an id that is personal: as the record and the locks know it."""
    if not resource.aggregate_id:
        return resource
    return replace(resource, aggregate_id=public_id(resource.aggregate_type, resource.aggregate_id))


def columns_said(details: Mapping[str, Any]) -> dict[str, str]:
    """The columns of a first entry that repeat its details, so that they can be searched."""
    return {name: storable(str(details[name])) if details.get(name) else "" for name in ("reason", "ticket")}


def as_meant(recorded: Resource) -> Resource:
    """The resource that the store knows, of one with a handle on the record."""
    named = known_handle(recorded.aggregate_id)
    return replace(recorded, aggregate_id=named[1]) if named else recorded


def resource_of(entry: AuditEntry) -> Resource:
    """The resource that the entry's act acted on, as far as its names could be stored."""
    return Resource(**{name: getattr(entry, name) for name in RESOURCE_COLUMNS})


def about(resource: Resource) -> Q:
    """Entries of acts on this very resource."""
    return Q(**columns_of(resource))


def about_aggregate(type: str, id: str) -> Q:
    """Entries of acts on this aggregate."""
    return Q(aggregate_type=storable(type), aggregate_id=storable(public_id(type, id)))


@lru_cache(maxsize=64)
def _columns_of_process(process: Process) -> tuple[tuple[str, Any], ...]:
    return (
        ("host", storable(process.host)),
        ("pid", process.pid),
        ("process_start", process.start),
        ("pid_namespace", process.namespace),
    )


def process_columns(process: Process) -> dict[str, Any]:
    """The process as columns of an entry, or of a lock."""
    return dict(_columns_of_process(process))


def _plain_text(text: str) -> str:
    if isinstance(text, AggregateName):
        return f"{text.type}{text.between}{public_id(text.type, text.id)}"
    return public_filter(text) if isinstance(text, FilterText) else str(text)


def _plain(value: Any) -> Any:
    """Details as JSON's own types, which most are."""
    return value if type(value) in _AS_THEY_ARE else _made_plain(value)


def _made_plain(value: Any) -> Any:
    """What nobody foresaw is recorded by its class: it might be a value of an event."""
    if isinstance(value, _SIMPLE):
        return _plain_text(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(str(part) for part in value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value.encode() if isinstance(value, Position) else type(value).__name__
