"""The copies that a replay's consumers gave up: they lie in a dead-letter topic, and still name the job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstore.jobs import Job
from eventstore.letters.face import LetterFace
from eventstore.model.events import Message, TopicKind
from eventstore.model.log import Log
from eventstore.replays.order import REPLAY_ID, REPLAY_OF, ReplayOrder
from eventstore.replays.watching.places import reader_of

MOST_READ = 2_000
"""Letters that are read, of all topics and partitions together: the first ones of each since the job began."""
MOST_BYTES = 16_000_000
"""Payload bytes of them."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""The clocks of the store and of the desk may differ by so much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """One copy that was given up. ``of``: what it says of its original."""

    message: Message
    of: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusals:
    """``letters``: in order of topic, partition and place. ``cut``: there may be more, for not all letters were read."""

    letters: Sequence[Refused] = ()
    cut: bool = False


def dead_letters_of(log: Log, letters: LetterFace, order: ReplayOrder, job: Job) -> Refusals:
    """Return the copies of this replay that lie in a dead-letter topic of whoever reads them."""
    topics = letters.topics(order.target, reader_of(order))
    dead = [one.topic.name for one in topics if one.topic.kind is TopicKind.DEAD_LETTER]
    return refused_since(log, dead, job.id, job.started or job.asked)


def refused_since(log: Log, dead_letter_topics: Sequence[str], job: str, since: datetime) -> Refusals:
    """Return the dead letters of this job among those that were published since then."""
    found: list[Refused] = []
    most, most_bytes = MOST_READ, MOST_BYTES
    for topic, partition in _partitions(log, dead_letter_topics):
        if most <= 0 or most_bytes <= 0:
            return Refusals(letters=found, cut=True)
        first = log.first_since(topic, partition, since - CLOCKS_DIFFER)
        if first is None:
            continue
        read = log.read_forward(topic, partition, after=first, inclusive=True, limit=most, most_bytes=most_bytes)
        most, most_bytes = most - len(read), most_bytes - sum(len(message.payload) for message in read)
        mine = (message for message in read if message.properties.get(REPLAY_ID) == job)
        found += [Refused(message=message, of=message.properties.get(REPLAY_OF, "")) for message in mine]
    return Refusals(letters=found, cut=most <= 0 or most_bytes <= 0)


def _partitions(log: Log, topics: Sequence[str]) -> Iterator[tuple[str, int]]:
    for topic in topics:
        for partition in range(log.topic(topic).partitions):
            yield topic, partition
