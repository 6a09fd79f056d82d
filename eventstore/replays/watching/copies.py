"""The events of a small replay one by one: what was sent, when, and whether it is consumed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from eventstore.model.events import Message, Position
from eventstore.model.log import Log
from eventstore.replays.order import REPLAY_ID, REPLAY_OF
from eventstore.replays.watching.consumption import Consumption, PartConsumed, Stretch, has_consumed

MOST_SHOWN = 100
"""Events of a replay that is shown event by event."""
MOST_READ = 2_000
"""Messages of a stretch that are read for that: others may lie among the replay's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyLine:
    """One copy where it lies. ``of`` is what it says of its original; ``published``: when the store took it."""

    message: Message
    of: str

    @property
    def position(self) -> Position:
        return self.message.position

    @property
    def published(self) -> datetime:
        return self.message.published


def copies_in(log: Log, stretches: Sequence[Stretch], job: str) -> Sequence[CopyLine]:
    """Read the copies of this job, in order of partition and place. Nothing where there are more than ``MOST_SHOWN``."""
    if sum(stretch.events for stretch in stretches) > MOST_SHOWN:
        return ()
    return [
        CopyLine(message=message, of=message.properties.get(REPLAY_OF, ""))
        for stretch in stretches
        for message in _read(log, stretch)
        if message.properties.get(REPLAY_ID) == job
    ]


def counted_by_copies(found: Consumption, copies: Sequence[CopyLine]) -> Consumption:
    """Return the consumption with each stretch counted copy by copy, where all of its copies are known.

    That is exact, whatever the index has read and whatever lies between them.
    """
    if found.unknown or not copies:
        return found
    return replace(found, parts=[_counted(part, found, copies) for part in found.parts])


def _counted(part: PartConsumed, found: Consumption, copies: Sequence[CopyLine]) -> PartConsumed:
    place = (part.stretch.topic, part.stretch.partition)
    here = [copy for copy in copies if (copy.position.topic, copy.position.partition) == place]
    if len(here) != part.stretch.events:
        return part
    consumed = sum(has_consumed(found, copy.position) for copy in here)
    return PartConsumed(stretch=part.stretch, consumed=consumed, exact=True)


def _read(log: Log, stretch: Stretch) -> Iterator[Message]:
    if not stretch.events:
        return
    after = log.position(stretch.topic, stretch.partition, stretch.behind) if stretch.behind else None
    for message in log.read_forward(stretch.topic, stretch.partition, after=after, limit=MOST_READ, most_bytes=16_000_000):
        if message.position.token > stretch.last:
            return
        yield message
