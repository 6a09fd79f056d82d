"""How far a thread of a tail has read its partition."""

from dataclasses import dataclass

from eventstore.model.events import Position
from eventstore.model.log import Edge

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds until a reader is opened again after an error: at first, and in the end."""


@dataclass(kw_only=True)
class PartitionFollower:
    """How far a partition's thread has read, whatever happens to its readers."""

    partition: int
    place: Position | Edge
    pause: float = SHORTEST_PAUSE
    outages: int = 0
    """``TopicTail._outages`` when the reader was opened."""
    announced: bool = False
