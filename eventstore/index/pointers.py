"""What the index answers with: plain values, no database rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.events import Position


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """One event as the index knows it. ``version`` is ``None`` for a copy in a derived topic, and for what is unreadable."""

    position: Position
    ordinal: int
    event_id: str
    type: str
    time: datetime
    published: datetime
    size: int
    version: int | None
    aggregate_type: str = ""
    aggregate_id: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    unreadable: bool = False
    derived: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateType:
    """``aggregates`` and ``events`` count what is indexed by now."""

    name: str
    aggregates: int
    events: int
    last_time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSummary:
    topic: str
    partition: int
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    type: str
    id: str
    events: int
    first_time: datetime
    last_time: datetime
    last_type: str
    streams: Sequence[StreamSummary] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedTopic:
    """How far the index is in one topic. ``caught_up_at``: the oldest of its partitions' last caught-up moments."""

    topic: str
    kind: str
    partitions: int
    events: int
    caught_up_at: datetime | None
