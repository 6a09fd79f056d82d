"""The copies that a replay's consumers gave up: they lie in a dead-letter topic, and still name the job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstore.model.events import Message
from eventstore.model.log import Log
from eventstore.replays.order import REPLAY_ID, REPLAY_OF

MOST_READ = 2_000
"""Letters of each partition that are read: the first ones since the job began."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""The clocks of the store and of the desk may differ by so much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """One copy that was given up. ``of``: what it says of its original."""

    message: Message
    of: str


def refused_since(log: Log, dead_letter_topics: Sequence[str], job: str, since: datetime) -> Sequence[Refused]:
    """Return the dead letters of this job, in order of topic, partition and place."""
    return [
        Refused(message=message, of=message.properties.get(REPLAY_OF, ""))
        for topic in dead_letter_topics
        for message in _letters(log, topic, since - CLOCKS_DIFFER)
        if message.properties.get(REPLAY_ID) == job
    ]


def _letters(log: Log, topic: str, since: datetime) -> Iterator[Message]:
    for partition in range(log.topic(topic).partitions):
        first = log.first_since(topic, partition, since)
        if first is not None:
            yield from log.read_forward(topic, partition, after=first, inclusive=True, limit=MOST_READ, most_bytes=16_000_000)
