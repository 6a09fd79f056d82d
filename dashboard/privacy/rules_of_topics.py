"""Which rules are for the events of a topic.

A dead-letter, retry or replay topic holds copies of another topic's events. Its name does not say for sure of which: those in
``orders-eu-DLQ`` can be of ``orders`` or of ``orders-eu``. So what hides a value in a topic that may be its source hides it
there as well, and what shows one shows it only in the topics that its own pattern fits.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from eventstore.config import Config, MaskingRule, Show, fits
from eventstore.model import TopicKind

COPIES = frozenset({TopicKind.DEAD_LETTER, TopicKind.RETRY, TopicKind.REPLAY})
BY_CLIENTS = ("-DLQ", "-RETRY")
"""How clients end the name of a topic for letters, which begins with the name of the source."""
_PARTS = "-."
"""What stands between a topic's name and what is added to it for a topic of copies."""
_WILD = frozenset("*?[")


def fits_topic(rule: MaskingRule, topic: str) -> bool:
    """Whether the rule's own pattern is for this topic, by its whole name or by its last part."""
    return rule.topic == "*" or fnmatchcase(topic, rule.topic) or fnmatchcase(topic.rpartition("/")[2], rule.topic)


def rule_in(rule: MaskingRule, topic: str, config: Config) -> MaskingRule | None:
    """The rule as it is for the events of this topic; ``None`` if it says nothing of them.

    For copies from a topic that it is for, it hides what it does not show plain, and says nothing else.
    """
    if fits_topic(rule, topic):
        return rule
    return as_hiding(rule) if rule.show is not Show.PLAIN and _may_come_from(topic, rule, config) else None


@lru_cache(maxsize=1024)
def as_hiding(rule: MaskingRule) -> MaskingRule:
    """The rule, hiding what it is for."""
    return msgspec.structs.replace(rule, show=Show.HIDDEN)


def _may_come_from(topic: str, rule: MaskingRule, config: Config) -> bool:
    """Whether this is a topic of copies that may take those of a topic that the rule is for: by its name, or by a declared
    subscription. One of which nothing tells the source may take those of any."""
    kind = config.topics.of(topic)
    declared = [one for one in config.subscriptions if fits(topic, one.dead_letter) or fits(topic, one.retry)]
    if kind not in COPIES and not declared:
        return False
    if any(fits_topic(rule, source) for source in _shorter(topic)):
        return True
    if declared:
        return any(_may_overlap(rule.topic, pattern) for one in declared for pattern in one.topics)
    return not topic.endswith(BY_CLIENTS)


def _shorter(topic: str) -> Iterator[str]:
    """The names to which something was added to make this one."""
    space, slash, last = topic.rpartition("/")
    for place, sign in enumerate(last):
        if sign in _PARTS and place:
            yield f"{space}{slash}{last[:place]}"


def _may_overlap(one: str, other: str) -> bool:
    """Whether some topic may fit both patterns. Of two with wildcards, nobody can say for sure that none does."""
    if _WILD & set(one) and _WILD & set(other):
        return True
    names = (one, other), (other, one)
    return any(
        fnmatchcase(name, wild) or fnmatchcase(name.rpartition("/")[2], wild.rpartition("/")[2]) for name, wild in names
    )
