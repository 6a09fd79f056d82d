"""How far the index has got: plain values for pages and commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.model.events import Position


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexProgress:
    """How far some partitions are, taken together."""

    partitions: int
    caught_up: int
    """How many of them have nothing left to index, as far as their indexers know."""
    indexed: int
    """Events."""
    behind: int | None
    """Events that wait to be indexed; ``None`` if no indexer has counted them yet."""
    exact: bool
    """Whether ``behind`` is counted. Otherwise it is estimated from the entries that the broker counts."""
    rate: float
    """Events per second, recently."""
    caught_up_at: datetime | None
    """A moment as of which all of them were indexed; ``None`` while one of them never was."""
    published: datetime | None
    """When the last indexed event was published, in the partition that is furthest behind; ``None`` if none is behind."""

    @property
    def fraction(self) -> float | None:
        """From 0 to 1."""
        if self.behind is None:
            return None
        return self.indexed / (self.indexed + self.behind) if self.behind else 1.0

    @property
    def seconds_to_go(self) -> float | None:
        """Seconds until everything is indexed at the latest rate; ``None`` if unknown."""
        if not self.behind:
            return None if self.behind is None else 0.0
        return self.behind / self.rate if self.rate else None


@dataclass(frozen=True, kw_only=True, slots=True)
class TroubledPartition:
    """A partition whose indexer fails again and again. ``reason`` is a sentence without any payload."""

    topic: str
    partition: int
    after: Position | None
    """The last indexed event; ``None`` if there is none yet."""
    reason: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicProgress:
    topic: str
    kind: str
    progress: IndexProgress
    indexers: int
    """How many indexers have partitions of the topic now."""
    gone_at: datetime | None = None
    """Since when the watched part of the store no longer has the topic; ``None`` while it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicMadeAnew:
    """A topic that was deleted or lost since it was indexed, and whose name another one has now.

    ``at``: when the index noticed it last. ``why``: what told, in words. ``events``: how many indexed events lie in logs of
    this name that are gone. ``partitions``: the numbers of those made anew, if the topic has others as well.
    """

    topic: str
    at: datetime
    why: str
    events: int
    partitions: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ValuesBuilt:
    """How far a topic's older events have the searchable values that are declared now. New ones have them at once."""

    topic: str
    events: int
    done: int
    """Events that have all of them, and none that is no longer declared."""
    by_name: Mapping[str, int]
    """For each name that not all events have yet: how many of them have it, where they have one."""
    rate: float
    """Events a second that are given them now; 0 if nobody does."""
    trouble: str = ""
    """What holds it up. Without any payload."""
    is_noted: bool = True
    """Whether it was noted of any of the others what was declared when they were indexed."""

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return self.done / self.events if self.events else 1.0

    @property
    def seconds_to_go(self) -> float | None:
        return (self.events - self.done) / self.rate if self.rate else None
