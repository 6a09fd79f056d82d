"""What an entry of the audit record holds, and the hash over it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from dashboard.auditing.old_entries import RESOURCE_COLUMNS
from dashboard.models import AuditEntry
from dashboard.privacy import public_filter, public_id
from eventstore.actions import AggregateName, FilterText, Resource
from eventstore.model import Position, Process

HASH_VERSION = 2
"""What is written today; version 1 is the first release's."""
LONGEST = 500
"""Characters kept of a name: what an index of PostgreSQL takes in any script."""


def canonical(details: Mapping[str, Any]) -> str:
    """Details as the one JSON text that is stored and hashed: sorted keys, no spaces, ASCII."""
    return json.dumps(_plain(details), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def hash_of(entry: AuditEntry) -> str:
    """SHA-256 over the canonical JSON of the fields that the entry's hash version covers."""
    fields = {
        "number": entry.number,
        "act": str(entry.act),
        "state": str(entry.state),
        "actor": entry.actor,
        "via": entry.via,
        "action": entry.action,
        "scope": entry.scope,
        "details": entry.details,
        "written": entry.written.astimezone(UTC).isoformat(timespec="microseconds"),
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


def resource_of(entry: AuditEntry) -> Resource:
    """The resource that the entry's act acted on, as far as its names could be stored."""
    return Resource(**{name: getattr(entry, name) for name in RESOURCE_COLUMNS})


def about(resource: Resource) -> Q:
    """Entries of acts on this very resource."""
    return Q(**columns_of(resource))


def about_aggregate(type: str, id: str) -> Q:
    """Entries of acts on this aggregate."""
    return Q(aggregate_type=storable(type), aggregate_id=storable(public_id(type, id)))


def process_columns(process: Process) -> dict[str, Any]:
    """The process as columns of an entry, or of a lock."""
    return {
        "host": storable(process.host),
        "pid": process.pid,
        "process_start": process.start,
        "pid_namespace": process.namespace,
    }


def _plain_text(text: str) -> str:
    if isinstance(text, AggregateName):
        return f"{text.type}{text.between}{public_id(text.type, text.id)}"
    return public_filter(text) if isinstance(text, FilterText) else str(text)


def _plain(value: Any) -> Any:
    """Details as JSON's own types. What nobody foresaw is recorded by its class: it might be a value of an event."""
    if value is None or isinstance(value, str | bool | int | float):
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
