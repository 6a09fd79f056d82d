"""The story of an event: one line in plain words, with each value masked on its own."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings
from jmespath.exceptions import JMESPathError

from dashboard.privacy import MASKED, AccessProfile, DisplayValue, can_see, display_value, without_own_id
from dashboard.rendering.text import humanize_type, shorten, visible
from eventstore.config import Placeholder
from eventstore.model import Event

PAYLOAD_LIMIT = 256_000
"""Bytes of a payload that is parsed for a story. A longer one gets the words of its type only."""
LONGEST_VALUE = 80
MOST_VALUES = 10
"""Values of a list that a story names."""
LONGEST_CACHED = 200
"""Characters of a type whose words are cached."""
UNREADABLE = "Unreadable message"
NOT_GIVEN = "(not said)"
_NOT_NEEDED, _TOO_LONG, _UNPARSABLE = object(), object(), object()


def story_of(event: Event, profile: AccessProfile) -> tuple[tuple[DisplayValue, ...], bool]:
    """Tell what happened, and whether the payload that the story needs cannot be parsed.

    The story is the line configured for the event's type. Without one, or if its values cannot be looked up, the story is the
    type in plain words: a value that nobody could read must not appear as "(not said)".
    """
    if event.problem:
        return (UNREADABLE,), False
    type_alone = (type_words(event.type),)
    parts = settings.EVENTDESK.story(event.type)
    if parts is None or event.message.encrypted:
        return type_alone, False
    document = _document(event, profile, parts)
    if document is _UNPARSABLE or document is _TOO_LONG:
        return type_alone, document is _UNPARSABLE
    return tuple(part if isinstance(part, str) else _fill(part, event, document, profile) for part in parts), False


def plain_story(pieces: Sequence[DisplayValue]) -> str:
    """The story as bare text, for titles. Masked values become "…"."""
    return "".join("…" if piece is MASKED else visible(str(piece)) for piece in pieces)


def type_words(event_type: str) -> str:
    """``humanize_type`` with a cache, because a store has few types."""
    return _cached_words(event_type) if len(event_type) <= LONGEST_CACHED else humanize_type(event_type)


_cached_words = lru_cache(maxsize=1024)(humanize_type)


def _document(event: Event, profile: AccessProfile, parts: Sequence[str | Placeholder]) -> object:
    """The parsed payload, if some placeholder looks into it and the profile may see the value. Otherwise a marker, why not."""
    needed = any(isinstance(part, Placeholder) and part.expression and can_see(part.path, profile) for part in parts)
    if not needed or not event.data:
        return _NOT_NEEDED
    if len(event.data) > PAYLOAD_LIMIT:
        return _TOO_LONG
    try:
        return msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _UNPARSABLE


def _fill(part: Placeholder, event: Event, document: object, profile: AccessProfile) -> DisplayValue:
    if not can_see(part.path, profile):
        return MASKED  # before the look-up: even whether there is a value must stay hidden
    value = _attribute(event, part.path) if part.expression is None else _search(part, document)
    text = display_value(_in_words(without_own_id(value, event, profile)), part.path, profile)
    return shorten(text, LONGEST_VALUE) or NOT_GIVEN if isinstance(text, str) else text


def _in_words(value: Any) -> Any:
    """A list of simple values as one text, and how many there are of others: a line is no place for JSON."""
    if not isinstance(value, dict | list):
        return value
    if isinstance(value, dict) or any(isinstance(one, dict | list) for one in value):
        return f"({len(value):,} value{'' if len(value) == 1 else 's'})"
    named = [one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in value[:MOST_VALUES]]
    return ", ".join([*named, "…"] if len(value) > MOST_VALUES else named)


def _search(part: Placeholder, document: object) -> Any:
    if document is _NOT_NEEDED:
        return None
    assert part.expression is not None
    try:
        return part.expression.search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None  # a function of the expression cannot take what this payload holds: treated like a missing value


def _attribute(event: Event, name: str) -> str:
    fields: Mapping[str, str] = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "aggregatetype": event.aggregate_type,
        "aggregateid": event.aggregate_id,
        "correlationid": event.correlation_id,
        "causationid": event.causation_id,
    }
    return event.attributes.get(name) or fields.get(name, "")
