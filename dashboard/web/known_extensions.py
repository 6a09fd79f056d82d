"""What CloudEvents' documented extension attributes mean, for the envelope of an event.

Names and meanings: cloudevents/extensions in the specification's repository, and W3C's Trace Context for ``traceparent``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """One attribute: its label, its value as published, what it means, and where it leads (empty: nowhere)."""

    attribute: str
    label: str
    value: str
    note: str
    url: str = ""


_LABELS = {
    "recordedtime": ("Recorded", "When the publisher wrote this event. Time is when it happened."),
    "expirytime": ("Expires", "Consumers may ignore the event from then on. It stays in the store."),
    "traceparent": ("Trace", "The request in which it was published (W3C Trace Context)."),
    "partitionkey": ("Partition key", "Events with the same one belong together."),
    "dataref": ("Payload kept at", "The payload, or a copy of it. Eventdesk never fetches it."),
    "dataclassification": ("Data classification", "How the payload must be protected."),
    "dataregulation": ("Data regulation", "The data protection rules that apply to the payload."),
    "datacategory": ("Data category", "The kind of personal data in the payload."),
    "deprecated": ("Deprecated", "Events of this type will be replaced."),
    "deprecationfrom": ("Deprecated since", ""),
    "deprecationsunset": ("Supported until", "Consumers may stop handling this type then."),
    "deprecationmigration": ("What replaces it", "Documentation of the publisher."),
    "authtype": ("Triggered by a", "The kind of account that caused it, as the publisher says."),
    "authid": ("Triggered by", "The account that caused it, as the publisher says."),
}
_TIMES = frozenset({"recordedtime", "expirytime", "deprecationfrom", "deprecationsunset"})
_TRACE = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
EXPIRED = "Expired: consumers may ignore the event. It stays in the store."
NOT_DEPRECATED = "Events of this type are in use."
NO_TIME = "This is not a time as the extension has it."
NO_TRACE = "This is not in the form of W3C Trace Context."


def meanings(attributes: Mapping[str, str], now: datetime) -> Iterator[Meaning]:
    """Yield the known extensions among these attributes, those that belong together one after another."""
    for attribute, (label, note) in _LABELS.items():
        if value := attributes.get(attribute, ""):
            url = trace_url(value) if attribute == "traceparent" else ""
            note_now = _note(attribute, value, now) or note
            yield Meaning(attribute=attribute, label=label, value=value, note=note_now, url=url)


def _note(attribute: str, value: str, now: datetime) -> str:
    """What this very value means, if that is another thing than the attribute's meaning in general. Otherwise empty."""
    if attribute in _TIMES:
        at = _instant(value)
        return NO_TIME if at is None else EXPIRED if attribute == "expirytime" and at <= now else ""
    if attribute == "traceparent" and not _TRACE.fullmatch(value):
        return NO_TRACE
    return NOT_DEPRECATED if attribute == "deprecated" and value.lower() == "false" else ""


def trace_url(traceparent: str) -> str:
    """Where the configuration says that this trace is shown. Empty if it does not, or if this is not a trace."""
    found, template = _TRACE.fullmatch(traceparent), settings.EVENTDESK.links.trace
    if not found or not template:
        return ""
    return str(template).replace("{trace_id}", found[1]).replace("{span_id}", found[2])


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
