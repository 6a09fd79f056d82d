"""What an address of dead letters asks for: of which subscription, in which topic, which of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from dashboard.gateway import desk
from eventstore.letters import KEEPER, DeadLetterTopic
from eventstore.model import InvalidPosition, Position, Topic, TopicKind, UnknownTopic
from eventstore.subscriptions import LetterTopic

EVERY = "every"
NOT_WRITTEN = "These letters are not as the preview wrote them. Choose them again from the list."
_PLACE = re.compile(r"(\d{1,9}):([0-9a-z]{1,500})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """``dead`` is the topic that is looked at, one of ``topics``; ``None`` where the subscription has none.

    ``every``: also the letters that somebody has dealt with.
    """

    topic: Topic
    name: str
    topics: Sequence[LetterTopic]
    dead: DeadLetterTopic | None
    every: bool

    @property
    def url(self) -> str:
        """This list without its filter, with what else it asks for, and a ``?`` or ``&`` at its end."""
        query = self.query
        return f"{letters_url(self.topic.name, self.name)}?{query}"

    @property
    def query(self) -> str:
        """The topic and which letters, as parts of an address; a ``&`` at its end, unless it is empty."""
        return self.query_of(self.every)

    def query_of(self, every: bool) -> str:
        asked = {"of": self.dead.topic.name} if self.dead is not None and len(self.topics) > 1 else {}
        query = urlencode({**asked, **({"show": EVERY} if every else {})})
        return f"{query}&" if query else ""

    @property
    def searched(self) -> frozenset[str]:
        """The topic whose messages a filter of this list reads."""
        return frozenset() if self.dead is None else frozenset({self.dead.topic.name})

    @property
    def retried(self) -> bool:
        """The topic is a retry topic: its events are given to a consumer again."""
        return self.dead is not None and self.dead.topic.kind is TopicKind.RETRY


def letters_url(topic: str, name: str) -> str:
    return reverse("dead_letters", args=[topic, name])


def asked_for(given: QueryDict, topic: str, name: str) -> Asked:
    """Look at the topic that ``of`` names, or else at the subscription's first dead-letter topic. ``UnknownTopic`` for one
    that is none of its own."""
    source = desk().streams.topic(topic)
    topics = sorted(desk().letters.topics(source.name, name), key=_dead_letters_first)
    wanted = given.get("of", "")
    if wanted and wanted not in {one.topic.name for one in topics}:
        raise UnknownTopic(f"{wanted} is no retry or dead-letter topic of this subscription.")
    chosen = next((one.topic for one in topics if one.topic.name == wanted or not wanted), None)
    return Asked(
        topic=source,
        name=name,
        topics=topics,
        dead=_look(chosen, source, name) if chosen is not None else None,
        every=given.get("show", "") == EVERY,
    )


def chosen_in(given: QueryDict, dead: DeadLetterTopic) -> Sequence[Position]:
    """The letters that were ticked. ``InvalidPosition`` for what is no position."""
    found = [Position.decode(text) for text in dict.fromkeys(given.getlist("letter"))]
    return [at for at in found if at.topic == dead.topic.name]


def as_posted(positions: Sequence[Position]) -> str:
    """The places of letters as a preview's form sends them: partition and token of each, with spaces between."""
    return " ".join(f"{at.partition}:{at.token}" for at in positions)


def posted_in(text: str, dead: DeadLetterTopic) -> Sequence[Position]:
    """The places that ``as_posted`` wrote. ``InvalidPosition`` for anything else."""
    found = [_PLACE.fullmatch(place) for place in text.split(" ")] if text else []
    if not all(found):
        raise InvalidPosition(NOT_WRITTEN)
    return [Position(topic=dead.topic.name, partition=int(one[1]), token=one[2]) for one in found if one]


def _look(chosen: Topic, source: Topic, name: str) -> DeadLetterTopic:
    keeper = name if chosen.kind is TopicKind.RETRY else KEEPER
    return desk().letters.look(chosen, source.name, keeper)


def _dead_letters_first(one: LetterTopic) -> tuple[bool, str]:
    return one.topic.kind is not TopicKind.DEAD_LETTER, one.topic.name
