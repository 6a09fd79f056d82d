"""How far a thread of a tail has read its partition."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from eventstore.model.errors import NotLetIn, NotPermitted, NotTrusted, StoreClosed, ToldOnce, UnknownTopic
from eventstore.model.events import Message, Position
from eventstore.model.log import Edge, Reader, arrived_at
from eventstore.tail.reading.collecting import gives_arrived

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds until a reader is opened again after an error: at first, and in the end."""

BUSY_SECONDS = 2.0
"""For so long a thread does not rest after a rest in which the reader's queue was half filled: its broker would wait."""

FOR_WHOEVER_OPENS = (StoreClosed, UnknownTopic, NotPermitted, NotLetIn, NotTrusted)
"""Errors that end a tail, since waiting for the store does not help. Its subscribers come back to open another one, which
tells them the words, and try again from where they were."""

logger = logging.getLogger(__name__)


@dataclass
class PartitionFollower:
    """How far a partition's thread has read, whatever happens to its readers."""

    partition: int
    place: Position | Edge
    told: ToldOnce
    pause: float = SHORTEST_PAUSE
    outages: int = 0
    """``TopicTail._outages`` when the reader was opened."""
    announced: bool = False
    busy_until: float = 0.0
    """Until when its thread does not rest (monotonic)."""

    def next_pause(self) -> float:
        """Return how long to wait now; the next wait is twice as long, up to ``LONGEST_PAUSE``."""
        now, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        return now

    def rest(self, reader: Reader, limit: int, seconds: float, stop: threading.Event) -> Sequence[Message]:
        """Rest for so long, and return at most ``limit`` messages that came meanwhile.

        A thread that wakes for each of a busy topic's deliveries takes a tenth of a tail's time. Does not rest where more came
        lately than a reader may hold, or where a reader cannot tell.
        """
        if seconds <= 0 or time.monotonic() < self.busy_until or not gives_arrived(reader):
            return ()
        stop.wait(seconds)
        messages = self.arrived(reader, limit, self.outages) or ()
        if not gives_arrived(reader):
            self.busy_until = time.monotonic() + BUSY_SECONDS
        return messages

    def arrived(self, reader: Reader, limit: int, outages: int) -> Sequence[Message] | None:
        """Return what has arrived (``model.log.GivesArrived``); ``None`` as well after another outage."""
        messages = arrived_at(reader, limit=limit) if outages == self.outages else None
        if messages:
            self.place = messages[-1].position
        return messages


def telling(what: str) -> ToldOnce:
    """What logs the warnings of a tail."""
    return ToldOnce(logger, what)
