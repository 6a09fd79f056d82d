"""Rules for the parts of every envelope: required attributes, allowed texts, times, and what replaces missing parts."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from eventstore.envelope.times import Clock, parse_time, read_time
from eventstore.model.events import NO_TIME, UNREADABLE_KEY, Event, Message

MAX_PART = 1024
"""Largest size, in bytes, of an id, type, aggregate, correlation or causation. Two of them fit one index entry of
every database.
"""

NO_ID = "There is no event id in this message: its position stands in for it."
NO_KEY = "There is no key in this message: its ordering key stands in for it."

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Misfit(ValueError):
    """The message fits no envelope. The text says why, and holds no value of the message."""


class Incomplete(Misfit):
    """The message resembles an envelope that it does not fill. It is left to the topic's mapping, if there is one."""


def time_or_stand_in(text: str, message: Message, read: Clock = read_time) -> tuple[datetime, tuple[str, ...]]:
    """Return the event's time, or else the message's event time or publish time with a note that says so; ``NO_TIME`` if
    there is none of them.

    A message's event time in the years 1 and 9999 is refused as well: producers use them for a missing time.
    """
    what = "There is no time in this event"
    if text:
        if read is read_time and (usual := parse_time(text)):  # nearly every event: one call less
            return usual, ()
        time, what = read(text)
        if time:
            return time, (what,) if what else ()
    if message.event_time and 1 < message.event_time.year < 9999:
        return message.event_time, (f"{what}: the message's event time stands in for it.",)
    if message.published == NO_TIME:
        return NO_TIME, (f"{what}, and the message has no publish time to stand in for it: its time is unknown.",)
    return message.published, (f"{what}: the publish time stands in for it.",)


def readable(key: str | None) -> str:
    """Return the key; empty for one that is not text. All such keys read alike, so that they name nothing."""
    return "" if key is None or key == UNREADABLE_KEY else key


def required_problem(attributes: Mapping[str, str]) -> str:
    """Return which required attribute is missing, or that the version is not 1.0; empty if neither is the case."""
    get = attributes.get
    if get("specversion") == "1.0" and get("id") and get("type") and get("source"):
        return ""
    for name in ("id", "source", "type", "specversion"):
        if not get(name):
            return f"its CloudEvents attribute {name} is missing or empty"
    return "its CloudEvents specversion is not 1.0"


def text_problem(parts: Mapping[str, str]) -> str:
    """Return why one of these named texts cannot be part of an envelope; empty if all can."""
    return problem_of(parts.keys(), parts.values())


def problem_of(names: Iterable[str], texts: Collection[str]) -> str:
    """Do as ``text_problem``, for names and texts given side by side."""
    whole = "".join(texts)
    if whole.isprintable() and len(whole) * (1 if whole.isascii() else 4) <= MAX_PART:
        return ""  # fast path for nearly every event: printable texts hold neither controls nor surrogates
    for name, text in zip(names, texts, strict=True):
        if _CONTROL.search(text):
            return f"its {name} holds control characters, which CloudEvents forbids"
        if _SURROGATE.search(text):
            return f"its {name} is not Unicode text (it holds half of a surrogate pair)"
        if len(text.encode()) > MAX_PART:
            return f"its {name} is longer than {MAX_PART:,} bytes of UTF-8"
    return ""


def misfit_event(message: Message, reason: str) -> Event:
    """Make the event that stands for a message that fits no envelope: its bytes, its position as id, and the reason."""
    return stand_in_event(message, f"unrecognised format: {reason}")


def unreadable_event(message: Message, words: str) -> Event:
    """Make the event that stands for a message at which an unforeseen error was raised, in these words."""
    return stand_in_event(message, f"cannot be read: Eventdesk cannot handle something in it ({words})")


def stand_in_event(message: Message, problem: str) -> Event:
    """Make the event that stands for a message with this problem, which follows "this message" in a sentence."""
    time, notes = time_or_stand_in("", message)
    return Event(
        message=message,
        id=message.position.encode(),
        id_is_position=True,
        time=time,
        data=message.payload,
        problem=problem,
        notes=notes,
    )
