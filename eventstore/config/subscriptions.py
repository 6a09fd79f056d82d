"""What the store cannot tell of a subscription, and the configuration therefore declares."""

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta, Struct

from eventstore.envelope.mapping import last_segment

Patterns = tuple[Annotated[str, Meta(min_length=1)], ...]


class Positions(StrEnum):
    """Who keeps the places up to which a group has handled events."""

    STORE = "store"
    EXTERNAL = "external"
    """The group itself, as a gateway does. Its cursor in the store then tells nothing."""


class DeclaredSubscription(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One ``[[subscription]]``. Everything is a pattern (``*``, ``?``, ``[abc]``); topics by full name or last segment."""

    name: Annotated[str, Meta(min_length=1)]
    topics: Patterns = ("*",)
    positions: Positions = Positions.STORE
    dead_letter: Patterns = ()
    """The topics that take its dead letters, where their names do not tell."""
    retry: Patterns = ()
    reason: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Properties in which its consumers record why they gave an event up. Not patterns."""

    def is_of(self, topic: str, name: str) -> bool:
        return fnmatchcase(name, self.name) and fits(topic, self.topics)


def is_external(declared: Iterable[DeclaredSubscription], topic: str, name: str) -> bool:
    """Return whether the subscription is declared to keep its positions outside the store."""
    return any(one.positions is Positions.EXTERNAL and one.is_of(topic, name) for one in declared)


def fits(topic: str, patterns: Patterns) -> bool:
    """Return whether one of the patterns matches the topic's full name or its last segment."""
    last = last_segment(topic)
    return any(fnmatchcase(topic, pattern) or fnmatchcase(last, pattern) for pattern in patterns)
