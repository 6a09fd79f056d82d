"""The messages of a client. The first says what to watch, from where, and with which filter. See docs/tail-for-scripts.md.

``{"begin": {"topics": […], "aggregate": {"type": …, "id": …}, "from": …, "filter": …}}``, where ``from`` is ``"now"`` or one
of ``{"time": …}``, ``{"position": …}``, ``{"last": …}`` and ``{"places": {…}}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventstore.model import InvalidPosition, Position
from eventstore.tail import Start

MOST_TOPICS = 20
MOST_LAST = 10_000
MOST_PLACES = 10_000
LONGEST_NAME = 1_024
LONGEST_INSTANT = 40
LONGEST_MESSAGE = 500_000
FIELDS = frozenset({"topics", "aggregate", "from", "filter"})


class InvalidBegin(ValueError):
    """The message is not a valid ``begin``. The text says what is wrong and what is expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """What to watch, from where, and with which filter.

    If ``topics`` is empty, watch every topic in which the index knows events of ``aggregate`` (a type and an id).
    """

    topics: tuple[str, ...] = ()
    aggregate: tuple[str, str] | None = None
    start: Start
    filter: str = ""


def decode_message(text: str | None) -> Any:
    """The client's message. ``None``, which is never valid, if it is not JSON or far too long."""
    if text is None or len(text) > LONGEST_MESSAGE:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


class _Acknowledgement(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    ack: int
    mark: str


_acknowledgement = msgspec.json.Decoder(_Acknowledgement).decode


def decode_acknowledgement(text: bytes) -> tuple[int, str] | None:
    """The number and the mark, if this is an acknowledgement and nothing else: a quick way for what comes most often."""
    try:
        found = _acknowledgement(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found.ack, found.mark


def parse_begin(message: object, topic: str = "") -> Begin:
    """Check and read ``begin``. ``topic`` is the one in the socket's address, if any. Raises ``InvalidBegin``."""
    if not isinstance(message, dict):
        raise InvalidBegin('begin takes an object, such as {"from": "now"}.')
    if unknown := sorted(set(message) - FIELDS):
        raise InvalidBegin(f"begin has no {unknown[0][:40]!r}: it takes {', '.join(sorted(FIELDS))}.")
    topics, aggregate, filter = (
        _topics(message.get("topics", [])),
        _aggregate(message.get("aggregate")),
        message.get("filter", ""),
    )
    if topic and topics:
        raise InvalidBegin("This address is one topic's: omit topics, or use /tail/live/.")
    if not (topic or topics or aggregate):
        raise InvalidBegin("Name what to watch: topics, or an aggregate.")
    if not isinstance(filter, str):
        raise InvalidBegin("filter takes a text.")
    return Begin(
        topics=(topic,) if topic else topics, aggregate=aggregate, start=_start(message.get("from", "now")), filter=filter
    )


def _topics(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME for name in names):
        raise InvalidBegin("topics takes a list of names.")
    if len(names) > MOST_TOPICS:
        raise InvalidBegin(f"A tail follows at most {MOST_TOPICS} topics.")
    return tuple(dict.fromkeys(names))


def _aggregate(value: object) -> tuple[str, str] | None:
    match value:
        case None:
            return None
        case {"type": str(type), "id": str(id), **other} if not other and id and max(len(type), len(id)) <= LONGEST_NAME:
            if _is_storable(type + id):
                return type, id
    raise InvalidBegin('aggregate takes {"type": "…", "id": "…"}.')


def _is_storable(text: str) -> bool:
    """Whether databases accept it in a query: PostgreSQL rejects NUL, and none accepts half of a surrogate pair."""
    return not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text)


def _start(value: object) -> Start:
    match value:
        case "now":
            return Start()
        case {"time": str(text), **other} if not other:
            return Start(since=_instant(text))
        case {"position": str(text), **other} if not other:
            return Start(position=_position(text))
        case {"last": int(count), **other} if not other and count is not True and 1 <= count <= MOST_LAST:
            return Start(last=count)
        case {"places": dict(places), **other} if not other and _are_places(places):
            return Start(places=places)
    raise InvalidBegin(
        f'from takes "now", {{"time": "<instant>"}}, {{"position": "<position>"}}, {{"last": 1 to {MOST_LAST}}} or '
        '{"places": {…}} as the frames gave them.'
    )


def _instant(text: str) -> datetime:
    expected = "expected an instant with its zone, such as 2026-01-31T09:20:39Z."
    try:
        instant = datetime.fromisoformat(text if len(text) < LONGEST_INSTANT else "")
    except ValueError as error:
        raise InvalidBegin(f"This is not a time: {expected}") from error
    if instant.tzinfo is None or not 1 < instant.year < 9999:  # an offset could move it out of range
        raise InvalidBegin(f"This is not a time to begin from: {expected}")
    return instant.astimezone(UTC)


def _position(text: str) -> Position:
    try:
        return Position.decode(text[: 4 * LONGEST_NAME])
    except InvalidPosition as error:
        raise InvalidBegin("This is not a position: expected one as events have it.") from error


def _are_places(places: Mapping[Any, Any]) -> bool:
    return len(places) <= MOST_PLACES and all(
        isinstance(key, str) and isinstance(token, str) and _is_key(key) for key, token in places.items()
    )


def _is_key(key: str) -> bool:
    """Whether it has the form ``topic#partition``."""
    topic, _, number = key.rpartition("#")
    return bool(topic) and number.isascii() and number.isdigit() and len(number) < 6 and len(topic) <= LONGEST_NAME
