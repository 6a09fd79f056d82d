"""What the index answers with: plain values, no database rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from eventstore.model.events import Position


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
    schema_version: str = ""
    original: str = ""
    """Of a copy in a derived topic: its original's event id or message id, as the copy says it."""
    values: Sequence[tuple[str, str]] = ()
    """Its searchable values: the name of each, and its text or hash."""
    anomalies: Sequence[str] = ()
    """The kinds of what the index noticed about it (``anomalies.Anomaly``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueMatches:
    """Events that have a searchable value, by time. Where not all of them are here, there are some of every aggregate that was
    met, and ``all_aggregates`` says whether that is every one."""

    pointers: Sequence[Pointer] = ()
    all_events: bool = True
    all_aggregates: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateType:
    """``aggregates`` and ``events`` count what is indexed by now. Of a type with very many streams in several partitions,
    ``aggregates`` is not ``exact``: it counts one twice that lies in two partitions."""

    name: str
    aggregates: int
    events: int
    last_time: datetime
    exact: bool = True


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
    last_types: Sequence[str] = ()
    """Of its latest events, by time, newest first: a few."""
    anomalies: Mapping[str, int] = field(default_factory=dict)
    """How many of its events have an anomaly, by kind; where one aggregate was asked for."""
    streams: Sequence[StreamSummary] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedTopic:
    """How far the index is in one topic. ``caught_up_at``: the oldest of its partitions' last caught-up moments. ``gone_at``:
    since when the store, as far as it is watched, has not had the topic any more; then nothing of it can be caught up."""

    topic: str
    kind: str
    partitions: int
    events: int
    caught_up_at: datetime | None
    gone_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyLine:
    """One anomaly: its kind, what was noticed in plain words, and the event. ``number`` grows as they are noticed."""

    number: int
    kind: str
    detail: str
    pointer: Pointer
