"""The topics to which a subscription's consumers give up events: its retry topic and its dead-letter topic.

By its name (``orders-mailer-DLQ``), as Pulsar's clients make it, or as the configuration declares. Otherwise, of a topic that
the configuration or its name's ending makes a retry or dead-letter topic, by what its latest copies say: Java's name the
subscription, Python's only the topic.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from eventstore.config.subscriptions import DeclaredSubscription, Patterns, fits
from eventstore.index.lookup import queries
from eventstore.model.events import Topic, TopicKind
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Row

SUFFIXES = {TopicKind.RETRY: "-RETRY", TopicKind.DEAD_LETTER: "-DLQ"}
REAL_TOPIC, REAL_SUBSCRIPTION = "REAL_TOPIC", "REAL_SUBSCRIPTION"
"""The properties by which Java's client names the topic and the subscription of a copy. Python's names the topic alone."""
MOST_ASKED = 12
"""Topics whose copies are looked at, and copies of each."""
COPIES = 3


_OF_PARTITION = re.compile(r"-partition-\d{1,9}-", re.ASCII)


class By(StrEnum):
    """What tells that a topic is the subscription's."""

    NAME = "name"
    CONFIGURATION = "configuration"
    COPIES = "copies"
    TOPIC_ALONE = "topic alone"
    """Its copies name the topic, and no subscription: it may be another subscription's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterTopic:
    """``events`` is how many the index has of it; ``None`` if it does not know the topic."""

    topic: Topic
    by: By
    events: int | None


def letter_topics(
    topic: str,
    name: str,
    topics: Sequence[Topic],
    rows_of: Callable[[Sequence[Pointer]], list[Row]],
    declared: Sequence[DeclaredSubscription] = (),
) -> Sequence[LetterTopic]:
    """Return the retry and dead-letter topics of a subscription of ``topic``, out of all ``topics``, by name."""
    found: dict[str, By] = {}
    asked = []
    own = [one for one in declared if one.is_of(topic, name)]
    for each in topics:
        suffix = SUFFIXES.get(each.kind)
        if is_named_for(each.name, each.kind, topic, name):
            found[each.name] = By.NAME
        elif any(fits(each.name, declared_topics(one, each.kind)) for one in own):
            found[each.name] = By.CONFIGURATION
        elif suffix is not None and not _is_named_for_another(each.name, topic, suffix):
            asked.append(each.name)
    for each_name in asked[:MOST_ASKED]:
        by = _by_copies(rows_of(queries.latest_pointers(each_name, COPIES)), topic, name)
        if by is not None:
            found[each_name] = by
    known = {each.topic: each.events for each in queries.indexed_topics()} if found else {}
    return [LetterTopic(topic=each, by=found[each.name], events=known.get(each.name)) for each in topics if each.name in found]


def is_named_for(derived: str, kind: TopicKind, topic: str, name: str) -> bool:
    """Whether clients name the topic of this kind so for this subscription. Some name it for one partition of a topic."""
    suffix = SUFFIXES.get(kind)
    if suffix is None or not (derived.startswith(f"{topic}-") and derived.endswith(f"-{name}{suffix}")):
        return False
    between = derived[len(topic) : len(derived) - len(name) - len(suffix)]
    return between == "-" or _OF_PARTITION.fullmatch(between) is not None


def declared_topics(one: DeclaredSubscription, kind: TopicKind) -> Patterns:
    """Return the topics of this kind to which the declared subscription's consumers give events up."""
    return {TopicKind.DEAD_LETTER: one.dead_letter, TopicKind.RETRY: one.retry}.get(kind, ())


def _is_named_for_another(derived: str, topic: str, suffix: str) -> bool:
    """Whether a client has named it for another subscription of this topic: no copy needs to be read."""
    return derived.startswith(f"{topic}-") and derived.endswith(suffix) and len(derived) > len(topic) + len(suffix) + 1


def _by_copies(rows: Sequence[Row], topic: str, name: str) -> By | None:
    said = [row.event.message.properties for row in rows if row.event is not None]
    if any(one.get(REAL_SUBSCRIPTION) == name and _is_of(one.get(REAL_TOPIC, ""), topic) for one in said):
        return By.COPIES
    without = [one for one in said if not one.get(REAL_SUBSCRIPTION)]
    return By.TOPIC_ALONE if any(_is_of(one.get(REAL_TOPIC, ""), topic) for one in without) else None


def _is_of(real: str, topic: str) -> bool:
    """Whether ``persistent://a/b/orders-partition-3`` is the topic or a partition of it."""
    full = real.removeprefix("persistent://")
    return full == topic or (full.startswith(f"{topic}-partition-") and full[len(topic) + 11 :].isdecimal())
