"""What a client says, and first of all: what to watch, from where, and by which filter. See docs/tail-for-scripts.md.

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
LONGEST_SAID = 500_000
EXPECTED = frozenset({"topics", "aggregate", "from", "filter"})


class NotUnderstood(ValueError):
    """The text says what was wrong, and what is expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """What to watch. ``topics`` is empty for every topic that the index knows of the ``aggregate`` (its type and id)."""

    topics: tuple[str, ...] = ()
    aggregate: tuple[str, str] | None = None
    start: Start
    filter: str = ""


def decoded(text: str | None) -> Any:
    """What the client sent; ``None``, which nothing expects, where it is no JSON or far too much of it."""
    if text is None or len(text) > LONGEST_SAID:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def read_begin(said: object, topic: str = "") -> Begin:
    """What the client asks for; ``topic`` is the address's, if it has one. ``NotUnderstood`` for anything else."""
    if not isinstance(said, dict):
        raise NotUnderstood('begin takes an object, such as {"from": "now"}.')
    if strange := sorted(set(said) - EXPECTED):
        raise NotUnderstood(f"begin has no {strange[0][:40]!r}: it takes {', '.join(sorted(EXPECTED))}.")
    topics, aggregate, filter = _topics(said.get("topics", [])), _aggregate(said.get("aggregate")), said.get("filter", "")
    if topic and topics:
        raise NotUnderstood("This address is one topic's: leave topics away, or use /tail/live/.")
    if not (topic or topics or aggregate):
        raise NotUnderstood("Name what to watch: topics, or an aggregate.")
    if not isinstance(filter, str):
        raise NotUnderstood("filter takes a text.")
    return Begin(
        topics=(topic,) if topic else topics, aggregate=aggregate, start=_start(said.get("from", "now")), filter=filter
    )


def _topics(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME for name in said):
        raise NotUnderstood("topics takes a list of names.")
    if len(said) > MOST_TOPICS:
        raise NotUnderstood(f"A tail follows {MOST_TOPICS} topics at the most.")
    return tuple(dict.fromkeys(said))


def _aggregate(said: object) -> tuple[str, str] | None:
    match said:
        case None:
            return None
        case {"type": str(type), "id": str(id), **other} if not other and id and max(len(type), len(id)) <= LONGEST_NAME:
            if _is_storable(type + id):
                return type, id
    raise NotUnderstood('aggregate takes {"type": "…", "id": "…"}.')


def _is_storable(text: str) -> bool:
    """Whether databases can be asked for it: PostgreSQL takes no NUL, and nothing takes half of a surrogate pair."""
    return not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text)


def _start(said: object) -> Start:
    match said:
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
    raise NotUnderstood(
        f'from takes "now", {{"time": "<instant>"}}, {{"position": "<position>"}}, {{"last": 1 to {MOST_LAST}}} or '
        '{"places": {…}} as the frames gave them.'
    )


def _instant(text: str) -> datetime:
    expected = "expected an instant with its zone, such as 2026-01-31T09:20:39Z."
    try:
        instant = datetime.fromisoformat(text if len(text) < LONGEST_INSTANT else "")
    except ValueError as error:
        raise NotUnderstood(f"This is not a time: {expected}") from error
    if instant.tzinfo is None or not 1 < instant.year < 9999:  # an offset could carry it out of what a time can be
        raise NotUnderstood(f"This is not a time to begin from: {expected}")
    return instant.astimezone(UTC)


def _position(text: str) -> Position:
    try:
        return Position.decode(text[: 4 * LONGEST_NAME])
    except InvalidPosition as error:
        raise NotUnderstood("This is not a position: expected one as events have it.") from error


def _are_places(places: Mapping[Any, Any]) -> bool:
    return len(places) <= MOST_PLACES and all(
        isinstance(key, str) and isinstance(token, str) and _is_key(key) for key, token in places.items()
    )


def _is_key(key: str) -> bool:
    """Whether it looks like ``topic#partition``."""
    topic, _, number = key.rpartition("#")
    return bool(topic) and number.isascii() and number.isdigit() and len(number) < 6 and len(topic) <= LONGEST_NAME
