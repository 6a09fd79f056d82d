"""How a payload stands: there, absent for a reason, or not to be read; and how the configuration lets a topic say so.

The desk has no keys. A message that its store's client cannot decrypt says so by itself. That values in a payload are
encrypted, that their key was destroyed, or that a payload was erased is known where the message carries an attribute or a
property for it, whose name is declared here.
"""

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Struct

from eventstore.envelope.mapping import last_segment
from eventstore.model.events import Event

_NO = frozenset({"", "0", "false", "no"})
"""What an attribute says that is there and denies it, in small letters."""
LONGEST_NULL = 64
"""Bytes within which a JSON null with white space around it is recognised."""
_WHITE = b" \t\r\n"

Name = Annotated[str, Meta(max_length=200)]


class PayloadStanding(StrEnum):
    THERE = ""
    ERASED = "erased"
    """The message is a tombstone, or declares that its payload was erased."""
    SHREDDED = "crypto-shredded"
    """The key of what it holds was destroyed, as the message declares."""
    ENCRYPTED = "encrypted"
    """Its publisher encrypted it, or values in it, and nothing says what became of the key."""
    EMPTY = "empty"
    """No byte, where a tombstone would have no payload at all."""
    NULL = "null"
    """The JSON value null."""


class PayloadMarks(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[payload]]``: names of attributes or properties that say how the payload stands, in these topics."""

    topics: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    encrypted: Name = ""
    shredded: Name = ""
    erased: Name = ""


_THERE, _ERASED, _SHREDDED = PayloadStanding.THERE, PayloadStanding.ERASED, PayloadStanding.SHREDDED
_ENCRYPTED, _EMPTY, _NULL = PayloadStanding.ENCRYPTED, PayloadStanding.EMPTY, PayloadStanding.NULL
"""Python 3.11 looks a member up by a function of its own, which for each event took a fifth of writing it as JSON."""


def standing_of(event: Event, declared: tuple[PayloadMarks, ...]) -> PayloadStanding:
    """Return how the event's payload stands. Called for every line that is rendered."""
    message = event.message
    said = _said(event, declared) if declared else _THERE
    if message.null or said is _ERASED:
        return _ERASED
    if said is _SHREDDED:
        return said
    if message.encrypted or said is _ENCRYPTED:
        return _ENCRYPTED
    if not event.data:
        return _THERE if message.problem else _EMPTY
    is_null = len(event.data) <= LONGEST_NULL and event.data.strip(_WHITE) == b"null"
    return _NULL if is_null else _THERE


def _said(event: Event, declared: tuple[PayloadMarks, ...]) -> PayloadStanding:
    for marks in _marks_for(event.position.topic, declared):
        for name, standing in (
            (marks.erased, _ERASED),
            (marks.shredded, _SHREDDED),
            (marks.encrypted, _ENCRYPTED),
        ):
            if name and (_affirms(event.attributes, name) or _affirms(event.message.properties, name)):
                return standing
    return _THERE


def _affirms(texts: Mapping[str, str], name: str) -> bool:
    return texts.get(name, "").strip().lower() not in _NO


@lru_cache(maxsize=1024)
def _marks_for(topic: str, declared: tuple[PayloadMarks, ...]) -> tuple[PayloadMarks, ...]:
    last = last_segment(topic)
    return tuple(
        marks
        for marks in declared
        if any(fnmatchcase(topic, pattern) or fnmatchcase(last, pattern) for pattern in marks.topics)
    )
