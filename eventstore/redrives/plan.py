"""What a redrive would do: which letters would go, where to, and who gets them. Nothing is touched.

A plan looks at the letters as they wait now, up to the end that the first look at them had. So letters that come later change
nothing, and one that somebody buries makes the plan stale.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.actions import SUBSCRIPTION, Resource
from eventstore.letters import KEEPER, Letter
from eventstore.letters.face import LetterFace
from eventstore.model.errors import InvalidPosition, UnknownSubscription
from eventstore.model.events import TopicKind
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription
from eventstore.redrives.audience import audience_of
from eventstore.redrives.choosing import MOST_SEARCHED, Aim, Choice, asked_for, letters_below
from eventstore.redrives.order import Order, Ranges

NOT_KEPT = f"Nothing is acknowledged here yet: make {KEEPER} first, the subscription in which letters are redriven."
NONE_LEFT = "None of these letters can be redriven now."
DONE_WITH = "They were dealt with, or there are none."


@dataclass(frozen=True, kw_only=True, slots=True)
class RedrivePlan:
    """What a redrive would do.

    - ``topic``: the dead-letter topic; ``source`` and ``name``: the subscription whose consumers gave the letters up.
    - ``chosen``: the letters, as their job keeps them; ``letters`` and ``aggregates`` count them, ``first`` are some.
    - ``along``: how many came along with refused events of their batch. ``timeless``: whose originals are gone or unknown.
    - ``left_out``: how many stay, by the reason why. ``more``: there are more letters than one redrive takes.
    - ``searched``: letters that were looked at, the oldest ones, where more of them wait; 0 where all were.
    - ``home``: they go to the original topic, where every subscription gets them again. ``receives``: its subscription
      of this name. ``others``: those that get them too.
    - ``until``: see ``Aim``.
    """

    topic: str
    source: str
    name: str
    target: str
    chosen: Mapping[int, Ranges]
    versions: Sequence[str]
    letters: int
    aggregates: int
    first: Sequence[Letter]
    along: int
    timeless: int
    left_out: Mapping[str, int]
    more: bool
    searched: int
    home: bool
    others: Sequence[Subscription]
    receives: Subscription | None
    until: Mapping[int, int]

    @property
    def digest(self) -> str:
        places = {str(partition): list(ranges) for partition, ranges in self.chosen.items()}
        others, own = [one.name for one in self.others], self.receives is not None
        seen = json.dumps([self.topic, self.source, self.name, self.target, places, others, own], sort_keys=True)
        return hashlib.sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()

    def confirmed_by(self, digest: str) -> bool:
        """New letters do not change it. One of them that was dealt with since does, and so does a new subscription of the
        target."""
        return digest == self.digest

    def details(self) -> Mapping[str, Any]:
        """For the record: names, ids and counts."""
        return {
            "topic": self.topic,
            "of": self.name,
            "target": self.target,
            "letters": self.letters,
            "left_out": sum(self.left_out.values()),
            "others": [one.name for one in self.others],
            "event_ids": [letter.pointer.event_id for letter in self.first],
            "digest": self.digest,
        }

    def order(self, job: str) -> Order:
        return Order(
            job=job,
            letters=self.topic,
            subscription=KEEPER,
            source=self.source,
            target=self.target,
            chosen=self.chosen,
            versions=self.versions,
            name=self.name,
            audience=[one.name for one in (*self.others, self.receives) if one is not None],
        )


def resource_of(topic: str) -> Resource:
    """What a redrive acts on: the subscription in which the letters of this topic are acknowledged."""
    return Resource(kind=SUBSCRIPTION, topic=topic, subscription=KEEPER)


def plan(storage: Storage, resource: Resource, aim: Aim) -> RedrivePlan:
    """Look which of the letters wait, and who would get them. Raises ``UnknownSubscription`` if nobody keeps the letters, and
    ``InvalidPosition`` if none of them can be sent."""
    dead = aim.letters.look(storage.log.topic(resource.topic), aim.source)
    if dead.ours is None or resource.subscription != KEEPER:
        raise UnknownSubscription(NOT_KEPT)
    until = aim.until or {number: there.partition.next_ordinal for number, there in dead.waiting.items()}
    dead = letters_below(dead, until)
    found = Choice(storage=storage, aim=aim, dead=dead, retry=targets_of(aim.letters, aim.source, aim.name)[:-1])
    for letters in asked_for(storage.log, aim, dead):
        found.add(letters)
        if found.full:
            break
    searched = MOST_SEARCHED if not aim.positions and dead.waits > MOST_SEARCHED else 0
    if not found.ranges:
        raise InvalidPosition(" ".join([NONE_LEFT, *(found.left_out or [DONE_WITH])]))
    receives, others = _receivers(storage, aim)
    return RedrivePlan(
        topic=dead.topic.name,
        source=aim.source,
        name=aim.name,
        target=aim.target,
        chosen=found.ranges,
        versions=sorted(found.versions),
        letters=found.letters,
        aggregates=len(found.aggregates),
        first=found.first,
        along=found.along,
        timeless=found.timeless,
        left_out=dict(found.left_out),
        more=found.full,
        searched=searched,
        home=aim.target == aim.source,
        others=others,
        receives=receives,
        until=until,
    )


def _receivers(storage: Storage, aim: Aim) -> tuple[Subscription | None, Sequence[Subscription]]:
    there = audience_of(subscriptions_of(storage), aim.target)
    receives = next((one for one in there if one.name == aim.name), None)
    return receives, [one for one in there if one is not receives]


def targets_of(aim_letters: LetterFace, source: str, name: str) -> Sequence[str]:
    """Return the topics that letters can go to: retry topics of the subscription, and at last the original topic."""
    retry = [one.topic.name for one in aim_letters.topics(source, name) if one.topic.kind is TopicKind.RETRY]
    return [*retry, source]
