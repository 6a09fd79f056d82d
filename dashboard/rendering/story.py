"""The story of an event: one line in plain words, with each value masked on its own."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from jmespath.exceptions import JMESPathError

from dashboard.privacy import (
    MASKED,
    AccessProfile,
    DisplayValue,
    Masked,
    Origin,
    Plan,
    display_json,
    looks_like_handle,
    origin_of,
    plan_of,
    sees_some,
    text_of,
    without_own_id,
)
from dashboard.rendering.text import humanize_type, shorten, visible
from eventstore.config import Placeholder
from eventstore.model import Event

PAYLOAD_LIMIT = 256_000
"""Bytes of a payload that is parsed for a story. A longer one gets the words of its type only."""
LONGEST_VALUE = 80
LONGEST_HANDLE = 24
"""Characters of the handle of a personal id: in full it is beside the line."""
MOST_VALUES = 10
"""Values of a list that a story names."""
LONGEST_CACHED = 200
"""Characters of a type whose words are cached."""
UNREADABLE = "Unreadable message"
NOT_GIVEN = "(not said)"
Parts = Sequence[str | Placeholder]
_NOT_NEEDED, _TOO_LONG, _UNPARSABLE = object(), object(), object()


class Story(NamedTuple):
    """What happened, as texts and masked values in turn.

    - ``payload_unreadable``: the payload that the line needs cannot be parsed.
    - ``new_shape``: a value that the line names has another shape than a line can show, such as an object.
    """

    pieces: tuple[DisplayValue, ...]
    payload_unreadable: bool = False
    new_shape: bool = False


class _NewShape(Exception):
    """A value is of another shape than the line expects."""


def story_of(event: Event, profile: AccessProfile) -> Story:
    """Tell what happened.

    The story is the line configured for the event's type. Without one, or if its values cannot be looked up or have another
    shape than a line can show, the story is the type in plain words: a value that nobody could read must not appear as "(not
    said)", and a line is no place for JSON.
    """
    if event.problem:
        return Story((UNREADABLE,))
    type_alone = (type_words(event.type),)
    parts = settings.EVENTDESK.story(event.type)
    if parts is None or event.message.encrypted or event.message.null:  # there is no value to tell
        return Story(type_alone)
    origin = None if profile.sees_values else origin_of(event)
    plan = plan_of(profile, origin) if origin else None
    seen = _seen(parts, profile, origin, plan)
    document = _document(event, parts, seen)
    if document is _UNPARSABLE or document is _TOO_LONG:
        return Story(type_alone, payload_unreadable=document is _UNPARSABLE)
    try:
        return Story(
            tuple(
                [
                    part
                    if isinstance(part, str)
                    else _fill(part, event, document, profile, origin, plan)
                    if part.path in seen
                    else MASKED  # not even looked up: whether there is a value must stay hidden
                    for part in parts
                ]
            )
        )
    except _NewShape:
        return Story(type_alone, new_shape=True)


def plain_story(pieces: Sequence[DisplayValue]) -> str:
    """The story as bare text, for titles. Masked values become "…"."""
    return "".join("…" if piece is MASKED else visible(str(piece)) for piece in pieces)


def type_words(event_type: str) -> str:
    """``humanize_type`` with a cache, because a store has few types."""
    return _cached_words(event_type) if len(event_type) <= LONGEST_CACHED else humanize_type(event_type)


_cached_words = lru_cache(maxsize=1024)(humanize_type)


def _seen(parts: Parts, profile: AccessProfile, origin: Origin | None, plan: Plan | None) -> list[str]:
    """The paths of the placeholders of whose values the profile may see something."""
    return [part.path for part in parts if isinstance(part, Placeholder) and sees_some(part.path, profile, origin, plan=plan)]


def _document(event: Event, parts: Parts, seen: Sequence[str]) -> object:
    """The parsed payload, if some placeholder looks into it and the profile may see the value. Otherwise a marker, why not."""
    needed = any(isinstance(part, Placeholder) and part.expression and part.path in seen for part in parts)
    if not needed or not event.data:
        return _NOT_NEEDED
    if len(event.data) > PAYLOAD_LIMIT:
        return _TOO_LONG
    try:
        return msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _UNPARSABLE


def _fill(
    part: Placeholder, event: Event, document: object, profile: AccessProfile, origin: Origin | None, plan: Plan | None
) -> DisplayValue:
    value = _attribute(event, part.path) if part.expression is None else _search(part, document)
    if not _fits(value):
        raise _NewShape
    shown = display_json(without_own_id(value, event, profile), part.path, profile, origin, plan=plan)
    if isinstance(shown, list):
        return shorten(", ".join(_named(shown)), LONGEST_VALUE) or NOT_GIVEN
    if isinstance(shown, Masked):
        return shown
    text = _in_words(shown)
    return shorten(text, LONGEST_HANDLE if looks_like_handle(text) else LONGEST_VALUE) or NOT_GIVEN


def _fits(value: Any) -> bool:
    """Whether a line can show the value: a simple one, or a list of such."""
    if isinstance(value, list):
        return not any(isinstance(one, dict | list) or _is_json(one) for one in value[:MOST_VALUES])
    return not isinstance(value, dict) and not _is_json(value)


def _is_json(value: Any) -> bool:
    """Whether the value is a text that holds a JSON object or list."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(msgspec.json.decode(value.encode("utf-8", "replace")), dict | list)
    except RecursionError:
        return True
    except msgspec.DecodeError:
        return False


def _named(values: Sequence[Any]) -> Iterator[str]:
    """The first values in words, and "…" for each that is masked and for all others."""
    for value in values[:MOST_VALUES]:
        yield "…" if isinstance(value, Masked) else "null" if value is None else _in_words(value)
    if len(values) > MOST_VALUES:
        yield "…"


def _in_words(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value)


def _search(part: Placeholder, document: object) -> Any:
    if document is _NOT_NEEDED:
        return None
    assert part.expression is not None
    try:
        return part.expression.search(document)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise _NewShape from error  # a function of the expression cannot take what this payload holds


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
