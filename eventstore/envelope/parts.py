"""The rules that hold for the parts of every envelope: required attributes, admissible texts, times, and what stands in."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from eventstore.model.events import Event, Message

MAX_PART = 1024
"""Bytes of an id, type, aggregate, correlation or causation: two of them fit one index entry of every database."""

NO_ID = "There is no event id in this message: its position stands in for it."

_is_rfc3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,18})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Misfit(ValueError):
    """The message fits no envelope; the text says why and holds no value of it."""


def parse_time(text: str) -> datetime | None:
    """An RFC 3339 time in UTC, digits beyond microseconds cut off; ``None`` for anything else.

    The years 1 and 9999 are refused: an offset could carry them out of what a database or ``datetime`` holds.
    """
    length, marks = len(text), text[4:20:3]  # most look like 2024-05-01T09:00:00.123Z, of which these are --T::.
    usual = (marks == "--T::." and length in (24, 27)) or (marks == "--T::Z" and length == 20)
    if not ((usual and text[-1] == "Z") or _is_rfc3339(text)):
        return None
    try:
        time = datetime.fromisoformat(text if text[-1] == "Z" else text.upper())
    except ValueError:
        return None
    if time.tzinfo is UTC:
        return time if 1 < time.year < 9999 else None
    return time.astimezone(UTC) if 1 < time.year < 9999 else None


def time_or_stand_in(text: str, message: Message) -> tuple[datetime, tuple[str, ...]]:
    """The event's time, else the message's event time or publish time with a note that says so.

    An event time of the years 1 and 9999 is refused like any other: producers put them for a time that is missing.
    """
    time = parse_time(text) if text else None
    if time:
        return time, ()
    what = "The event's time is no RFC 3339 time" if text else "There is no time in this event"
    if message.event_time and 1 < message.event_time.year < 9999:
        return message.event_time, (f"{what}: the message's event time stands in for it.",)
    return message.published, (f"{what}: the publish time stands in for it.",)


def required_problem(attributes: Mapping[str, str]) -> str:
    """Which of the attributes that CloudEvents requires is missing, or that the version is another; empty if neither."""
    get = attributes.get
    if get("specversion") == "1.0" and get("id") and get("type") and get("source"):
        return ""
    for name in ("id", "source", "type", "specversion"):
        if not get(name):
            return f"its CloudEvents attribute {name} is missing or empty"
    return "its CloudEvents specversion is not 1.0"


def text_problem(parts: Mapping[str, str]) -> str:
    """Why one of these named texts cannot be a part of an envelope; empty if all can."""
    return problem_of(parts.keys(), parts.values())


def problem_of(names: Iterable[str], texts: Collection[str]) -> str:
    """As ``text_problem``, of names and texts side by side."""
    whole = "".join(texts)
    if whole.isprintable() and len(whole) * (1 if whole.isascii() else 4) <= MAX_PART:
        return ""  # the quick answer for nearly every event: printable texts hold neither controls nor surrogates
    for name, text in zip(names, texts, strict=True):
        if _CONTROL.search(text):
            return f"its {name} holds control characters, which CloudEvents forbids"
        if _SURROGATE.search(text):
            return f"its {name} is not Unicode text (it holds half of a surrogate pair)"
        if len(text.encode()) > MAX_PART:
            return f"its {name} is longer than {MAX_PART:,} bytes of UTF-8"
    return ""


def misfit_event(message: Message, reason: str) -> Event:
    """What stands for a message that fits no envelope: its bytes, its position as id, and why."""
    time, notes = time_or_stand_in("", message)
    return Event(
        message=message,
        id=message.position.encode(),
        id_is_position=True,
        time=time,
        data=message.payload,
        problem=f"fits no envelope: {reason}",
        notes=notes,
    )
