"""What the index returns: plain values, no database rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from eventstore.model.events import Position


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """One event as the index knows it. ``version`` is ``None`` for a copy in a derived topic and for an unreadable
    message."""

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
    """For a copy in a derived topic: the event id or message id of its original, as the copy states it."""
    key: str = ""
    """Of an unreadable message that is no copy: its key, which may be its aggregate's id."""
    values: Sequence[tuple[str, str]] = ()
    """Its searchable values: the name of each, and its text or hash."""
    anomalies: Sequence[str] = ()
    """The kinds of its anomalies (``anomalies.Anomaly``)."""
    ended_at: datetime | None = None
    """When its topic was found to be made anew: the log that it lies in is gone, and another one has the name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueMatches:
    """Events that have a searchable value, by time.

    If not all of them are included, there are some of every aggregate found; ``all_aggregates`` says whether all
    aggregates were found.
    """

    pointers: Sequence[Pointer] = ()
    all_events: bool = True
    all_aggregates: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class AggregateType:
    """``aggregates`` and ``events`` count what is indexed by now.

    For a type with very many streams in several partitions, ``aggregates`` is not ``exact``: an aggregate in two
    partitions then counts twice.
    """

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
    ended_at: datetime | None = None
    """As ``Pointer.ended_at``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    type: str
    id: str
    events: int
    first_time: datetime
    last_time: datetime
    last_type: str
    last_types: Sequence[str] = ()
    """The types of its latest events by time, newest first: a few."""
    anomalies: Mapping[str, int] = field(default_factory=dict)
    """How many of its events have an anomaly, by kind. Only set if one aggregate was asked for."""
    streams: Sequence[StreamSummary] = ()
    counted_per_source: bool = False
    """Whether a publisher has one sequence counter over all of its aggregates, so that this one's numbers leave some out. Only
    set if one aggregate was asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedTogether:
    """All indexed topics together. ``watched`` are those that the store has, as far as known; the times and what waits are
    theirs: the oldest time, or ``None`` if a partition has none, and ``None`` if what waits in one is not known."""

    topics: int
    watched: int
    events: int
    caught_up_at: datetime | None
    waiting: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedTopic:
    """How far the index is in one topic.

    ``caught_up_at``: the oldest of its partitions' last caught-up moments. ``gone_at``: since when the watched part of
    the store no longer has the topic, so that nothing of it can be caught up. ``waiting``: events that wait to be indexed, as
    indexers noted last; ``None`` if one of its partitions is not counted.
    """

    topic: str
    kind: str
    partitions: int
    events: int
    caught_up_at: datetime | None
    gone_at: datetime | None = None
    waiting: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyLine:
    """One anomaly: its kind, a description in plain words, and the event. ``number`` grows in the order in which they are
    found."""

    number: int
    kind: str
    detail: str
    pointer: Pointer


@dataclass(frozen=True, kw_only=True, slots=True)
class OutlyingEvents:
    """A few events far from all others. ``first`` and ``last`` are the beginnings of their first and last hour."""

    events: int
    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MiddleHours:
    """When most of a topic's events happened: before ``ends``, the end of an hour; ``None`` if there are no events.

    A few events that lie far away are ``earlier`` or ``later``. Those that claim a later time than the present hour are in the
    ``future``, unless most events do.
    """

    ends: datetime | None = None
    earlier: OutlyingEvents | None = None
    later: OutlyingEvents | None = None
    future: OutlyingEvents | None = None
