"""The last events of a topic, looked through for their fields. A bounded look: so many events, bytes and seconds."""

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.utils import timezone

from dashboard.gateway import desk
from dashboard.masking.seen_fields import SeenFields, Steps
from dashboard.privacy import is_open, is_personal
from eventstore.model import STORES_PROPERTIES, Event, Topic

EVENTS = 200
MOST_EVENTS = 1_000
"""Events of the type that are looked at: by default, and at most."""
MOST_READ = 3_000
MOST_BYTES = 16_000_000
MOST_SECONDS = 2.0
"""What is read of a topic to find them: events of any type, bytes of their payloads, and for how long."""
LARGEST = 1_000_000
"""Bytes of a payload that is parsed. Of a larger one, only key, attributes and properties are looked at."""
PAGE = 50
ATTRIBUTES = ("ce_", "ce-", "cloudevents:", "cloudevents_")
_parse = msgspec.json.Decoder(strict=False).decode


@dataclass(kw_only=True)
class Latest:
    """What the look has found. ``types`` counts every event that was read by its type; ``not_json`` those of the wanted type
    whose payload is no JSON; ``too_large`` those whose payload was not parsed; ``own_ids`` those whose event id, which
    everybody sees, holds the personal id of their own aggregate."""

    wanted: str
    fields: SeenFields
    types: Counter[str] = field(default_factory=Counter)
    read: int = 0
    bytes: int = 0
    not_json: int = 0
    too_large: int = 0
    own_ids: int = 0
    whole: bool = False
    """Whether the topic's first event was reached."""

    def add(self, event: Event) -> None:
        self.read += 1
        self.bytes += len(event.message.payload)
        if event.problem:
            return
        self.types[event.type] += 1
        if event.type == self.wanted:
            self.fields.add(self._parts(event))
            self.own_ids += _tells_own_id(event)

    def _parts(self, event: Event) -> Mapping[Steps, Any]:
        attributes = {name: text for name, text in event.attributes.items() if not is_open(f"attributes.{name}")}
        properties = {name: text for name, text in event.message.properties.items() if not _is_known(name)}
        parts: dict[Steps, Any] = {
            (of,): texts for of, texts in (("attributes", attributes), ("properties", properties)) if texts
        }
        if event.message.key is not None and event.message.key != event.aggregate_id:
            parts[("key",)] = event.message.key
        if len(event.data) > LARGEST or event.message.encrypted:
            self.too_large += 1
            return parts
        try:
            parts[("data",)] = _parse(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.not_json += bool(event.data)
        return parts


def latest(topic: Topic, type: str, wanted: int = EVENTS) -> Latest:
    """Look at the last ``wanted`` events of this type. Without a type, at the topic's last events for their types.

    Raises ``StoreUnreachable`` and other errors of the store.
    """
    found = Latest(wanted=type, fields=SeenFields(today=timezone.now().date()))
    deadline = time.monotonic() + MOST_SECONDS
    page_token = None
    while not _enough(found, wanted, deadline):
        page = desk().streams.topic_page(topic, page_token=page_token, limit=PAGE)
        for row in page.items:
            if row.event is not None:
                found.add(row.event)
            if _enough(found, wanted, deadline):
                return found
        page_token = page.older
        if page_token is None:
            found.whole = True
            break
    return found


def _tells_own_id(event: Event) -> bool:
    """Whether the event's id is the personal id of its aggregate, or has it as a part, as in ``4711-3``."""
    if event.id_is_position or not event.aggregate_id or not is_personal(event.aggregate_type):
        return False
    return re.search(rf"(?<![^\W_]){re.escape(event.aggregate_id)}(?![^\W_])", event.id) is not None


def _is_known(name: str) -> bool:
    """Whether this property is the store's own, or an attribute as CloudEvents are written into properties."""
    return name.startswith(STORES_PROPERTIES) or name.lower().startswith(ATTRIBUTES)


def _enough(found: Latest, wanted: int, deadline: float) -> bool:
    looked_at = found.fields.events if found.wanted else found.read
    if looked_at >= wanted or found.read >= MOST_READ or found.bytes >= MOST_BYTES:
        return True
    return found.read > 0 and time.monotonic() > deadline
