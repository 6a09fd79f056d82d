"""Dead letters of all subscriptions, as the overview lists them: by what is known already, without asking the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.gateway import desk
from dashboard.letters.asked import letters_url
from dashboard.subscriptions.backlog_cache import Line
from eventstore.letters import KEEPER
from eventstore.model import IndexedTopic, TopicKind


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldLetters:
    """A dead-letter topic that holds letters. ``waiting``: ``letters`` are those that somebody has yet to deal with;
    otherwise all that were ever indexed.

    ``name`` is the subscription that gave them up; empty if it is not known. ``url`` leads to them.
    """

    topic: str
    letters: int
    waiting: bool
    name: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AllLetters:
    """The topics with most letters. ``more`` counts those that are not shown. ``all_time``: some counts are of all time."""

    topics: Sequence[HeldLetters]
    more: int
    all_time: bool


def dead_letters(lines: Sequence[Line], most: int) -> AllLetters | None:
    """What dead-letter topics hold; ``None`` if nothing waits in any."""
    kept = kept_letters(lines)
    holding = [pair for pair in counted_letters(lines) if pair[0]]
    holding.sort(key=lambda pair: (-pair[0], pair[1].topic))
    owners = [(line.topic.name, line.subscription.name) for line in lines if not line.topic.derived]
    shown = [_held(topic, letters, topic.topic in kept, owners) for letters, topic in holding[:most]]
    all_time = any(not one.waiting for one in shown)
    return AllLetters(topics=shown, more=len(holding) - len(shown), all_time=all_time) if shown else None


def counted_letters(lines: Iterable[Line]) -> list[tuple[int, IndexedTopic]]:
    """The letters that wait in each dead-letter topic, with the topic: all that it ever held where no subscription tells."""
    kept = kept_letters(lines)
    indexed = desk().index.topics().values()
    there = [topic for topic in indexed if topic.gone_at is None and topic.kind == TopicKind.DEAD_LETTER]
    return [(kept.get(topic.topic, topic.events), topic) for topic in there]


def kept_letters(lines: Iterable[Line]) -> dict[str, int]:
    """How many letters wait, by topic, of the topics of which a subscription tells that: the desk's own, or else the only
    one."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line.topic.kind is TopicKind.DEAD_LETTER:
            found.setdefault(line.topic.name, []).append(line)
    keepers = {
        topic: next((line for line in here if line.subscription.name == KEEPER), here[0] if len(here) == 1 else None)
        for topic, here in found.items()
    }
    return {topic: line.backlog.waiting for topic, line in keepers.items() if line is not None}


def _held(topic: IndexedTopic, letters: int, waiting: bool, owners: Sequence[tuple[str, str]]) -> HeldLetters:
    owner = desk().letters.owner_of(topic.topic, owners)
    query = urlencode({"of": topic.topic})
    url = f"{letters_url(*owner)}?{query}" if owner is not None else reverse("topic", args=[topic.topic])
    return HeldLetters(topic=topic.topic, letters=letters, waiting=waiting, name=owner[1] if owner else "", url=url)
