"""What a redrive would do: which letters would go, where to, and who gets them. Nothing is touched.

A plan looks at the letters as they wait now, up to the end that the first look at them had. So letters that come later change
nothing, and one that somebody buries makes the plan stale.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventstore.actions import SUBSCRIPTION, Resource
from eventstore.letters import KEEPER, DeadLetterTopic, Letter
from eventstore.letters.entries import entries_of
from eventstore.letters.face import LetterFace
from eventstore.model.errors import InvalidPosition, UnknownSubscription
from eventstore.model.events import Position, TopicKind
from eventstore.model.log import Log
from eventstore.model.storage import Storage, copying_of, subscriptions_of
from eventstore.model.subscriptions import Subscription
from eventstore.redrives.order import Order, Ranges
from eventstore.search import Filter

MOST_LETTERS = 20_000
"""Letters of one redrive: the oldest ones of those that were asked for."""
MOST_RANGES = 1_500
"""Ranges of letters that a job can keep: what is chosen by a filter may lie scattered."""
MOST_NAMED = 100
"""Letters whose event ids the record names."""
NOT_KEPT = f"Nothing is acknowledged here yet: make {KEEPER} first, the subscription in which letters are redriven."
NONE_LEFT = (
    "None of these letters can be redriven now: they were dealt with, or share an entry with letters that were not chosen."
)
SHARED = "They lie in one entry of the store with letters that were not chosen, and are acknowledged together with these."
ALONG = "They came along with other letters of the same batch."
MISSING = "The store does not return them."
TOO_MANY = f"A redrive takes at most {MOST_LETTERS:,} letters: the rest is for the next one."


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is asked for: letters of a subscription's dead-letter topic, and where they are to go.

    ``positions`` are the chosen letters; without any, all that match the ``filter``. ``until`` is the ordinal behind the last
    letter of each partition, as a first plan saw it. ``letters`` is the desk's face, by which they are read.
    """

    letters: LetterFace
    source: str
    name: str
    target: str
    positions: Sequence[Position] = ()
    filter: Filter | None = None
    until: Mapping[int, int] | None = None
    alone: bool = False
    """Leave out what came along with other letters of the same batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RedrivePlan:
    """What a redrive would do.

    - ``topic``: the dead-letter topic; ``source`` and ``name``: the subscription whose consumers gave the letters up.
    - ``chosen``: the letters, as their job keeps them; ``letters`` and ``aggregates`` count them, ``first`` are some.
    - ``along``: how many came along with refused events of their batch. ``timeless``: whose originals are gone or unknown.
    - ``left_out``: how many stay, by the reason why. ``more``: there are more letters than one redrive takes.
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
    home: bool
    others: Sequence[Subscription]
    receives: Subscription | None
    until: Mapping[int, int]

    @property
    def digest(self) -> str:
        places = {str(partition): list(ranges) for partition, ranges in self.chosen.items()}
        others = [one.name for one in self.others]
        seen = json.dumps([self.topic, self.source, self.name, self.target, places, others], sort_keys=True)
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
    found = _Found()
    for letters in _whole_entries(storage.log, _asked_for(aim, dead)):
        there = [letter for letter in letters if letter.pointer.ordinal < until.get(letter.position.partition, 0)]
        found.add(storage, dead, there, alone=aim.alone)
        if found.full:
            break
    if not found.ranges:
        raise InvalidPosition(NONE_LEFT)
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
        home=aim.target == aim.source,
        others=others,
        receives=receives,
        until=until,
    )


def _asked_for(aim: Aim, dead: DeadLetterTopic) -> Iterator[Sequence[Letter]]:
    if not aim.positions:
        yield from aim.letters.pieces(dead, filter=aim.filter)
        return
    for start in range(0, len(aim.positions), 200):
        letters = aim.letters.at(dead, aim.positions[start : start + 200])
        yield [letter for letter in letters if letter.waits]


def _whole_entries(log: Log, pieces: Iterator[Sequence[Letter]]) -> Iterator[Sequence[Letter]]:
    """Yield the letters of these pieces, cut so that those of one entry come together."""
    held: list[Letter] = []
    for piece in pieces:
        held += piece
        if held:
            last = log.entry(held[-1].position)
            whole = next((n for n in range(len(held), 0, -1) if log.entry(held[n - 1].position) != last), 0)
            yield held[:whole]
            held = held[whole:]
    yield held


def _receivers(storage: Storage, aim: Aim) -> tuple[Subscription | None, Sequence[Subscription]]:
    there = [one for one in subscriptions_of(storage).of_topic(aim.target) if not one.kind.of_the_store]
    receives = next((one for one in there if one.name == aim.name), None)
    return receives, [one for one in there if one is not receives]


@dataclass(kw_only=True, slots=True)
class _Found:
    """What is chosen so far. ``ranges`` hold whole entries alone."""

    ranges: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    aggregates: set[tuple[str, str]] = field(default_factory=set)
    first: list[Letter] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    letters: int = 0
    along: int = 0
    timeless: int = 0
    full: bool = False
    behind: dict[int, int] = field(default_factory=dict)
    """By partition, the ordinal behind the last one chosen: what begins there goes on a range."""

    def add(self, storage: Storage, dead: DeadLetterTopic, letters: Sequence[Letter], *, alone: bool) -> None:
        """Add those that can go, of letters in order. The letters of one entry come in one call."""
        problems = {letter.position: problem for letter in letters if (problem := _refusal(storage, letter, alone))}
        able = [letter for letter in letters if letter.position not in problems]
        entries = entries_of(storage.log, dead, [letter.pointer for letter in able])
        chosen = {(letter.position.partition, letter.pointer.ordinal) for letter in able}
        self.left_out.update(problems.values())
        for letter in able:
            partition = letter.position.partition
            if not all((partition, ordinal) in chosen for ordinal in entries[letter.position]):
                self.left_out[SHARED] += 1
            elif self.letters >= MOST_LETTERS or sum(map(len, self.ranges.values())) >= MOST_RANGES:
                self.full = True
                return
            else:
                self._take(letter)

    def _take(self, letter: Letter) -> None:
        partition, ordinal = letter.position.partition, letter.pointer.ordinal
        token = letter.position.message.token
        ranges = self.ranges.setdefault(partition, [])
        goes_on = bool(ranges) and self.behind.get(partition) == ordinal
        self.letters += not goes_on or ranges[-1][1] != token  # several events of one message are one letter
        ranges.append((ranges.pop()[0] if goes_on else token, token))
        self.behind[partition] = ordinal + 1
        self.along += letter.came_along > 0
        self.timeless += letter.original is None or letter.original_is_gone
        self.versions.add(letter.pointer.schema_version)
        self.aggregates.add(letter.aggregate)
        if len(self.first) < MOST_NAMED:
            self.first.append(letter)


def _refusal(storage: Storage, letter: Letter, alone: bool) -> str:
    """Why this letter is left out; empty if it goes."""
    if alone and letter.came_along:
        return ALONG
    return copying_of(storage).refusal(letter.event.message) if letter.event is not None else MISSING


def targets_of(aim_letters: LetterFace, source: str, name: str) -> Sequence[str]:
    """Return the topics that letters can go to: retry topics of the subscription, and at last the original topic."""
    retry = [one.topic.name for one in aim_letters.topics(source, name) if one.topic.kind is TopicKind.RETRY]
    return [*retry, source]
