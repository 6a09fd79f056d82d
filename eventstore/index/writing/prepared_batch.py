"""What a batch of events says by itself. Reader threads prepare it while the writer waits for its database.

Nothing in a prepared batch depends on what is indexed already, so it can be made before the batches ahead of it are written.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from eventstore.index.tables.blocks import UNREADABLE, Columns
from eventstore.index.tables.keys import Hashes, Key, Link, Places, hashes, hashes_of_present
from eventstore.index.tables.sequences import source_key
from eventstore.index.writing.copy_origin import key_of_unreadable, original_of
from eventstore.index.writing.streams import AggregateKey
from eventstore.model.events import NO_TIME, Event, Message, Position, Topic

Stored = tuple[str, str]
"""A searchable value: its name, and its text or hash."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = 3_600_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedBatch:
    """Consecutive events of one partition, without their payloads. Every list is as long as ``columns``.

    The columns lack the numbers that the index gives out: types, streams, versions and names of values. These mappings are
    keyed by place in the batch, and hold only the events that have any: ``unreadable`` (the reason), ``schema_problems``,
    ``sequences`` and ``values``.
    """

    columns: Columns
    types: Sequence[str]
    aggregates: Sequence[AggregateKey | None]
    """``None`` for an event that belongs to no stream."""
    aggregate_types: frozenset[str]
    ids: Hashes
    """The hash of each event id."""
    links: Hashes
    """The hash of each correlation id, causation id and original. ``linked`` holds the place of the event of each."""
    linked: Places
    hours: Mapping[tuple[str, int], int]
    """Events of each type in each hour since 1970."""
    unreadable: Mapping[int, str]
    schema_problems: Mapping[int, str]
    sequences: Mapping[int, tuple[str, str]]
    """Each with the key of its source."""
    values: Mapping[int, Sequence[Stored]]
    last: Position
    published: datetime | None
    """When the last event was published of which that is known; ``None`` if it is known of none."""
    incarnation: str = ""
    """Which log of its name the last event lies in, where a message says so."""

    def __len__(self) -> int:
        return len(self.columns)


class Read(msgspec.Struct, kw_only=True):
    """What ``assemble`` makes a prepared batch of. See ``PreparedBatch``."""

    columns: Columns
    types: Sequence[str]
    aggregates: list[AggregateKey | None]
    unreadable: dict[int, str] = msgspec.field(default_factory=dict)
    schema_problems: dict[int, str] = msgspec.field(default_factory=dict)
    sequences: dict[int, tuple[str, str]] = msgspec.field(default_factory=dict)
    values: dict[int, Sequence[Stored]] = msgspec.field(default_factory=dict)
    last: Position
    published: datetime | None
    incarnation: str


def prepare_batch(topic: Topic, key: Key, events: Sequence[Event], values: Sequence[Sequence[Stored]] = ()) -> PreparedBatch:
    """Prepare at least one event. ``key`` is the index's; ``values`` are the searchable values of each event, if the topic has
    any.
    """
    unreadable = {place: event.problem for place, event in enumerate(events) if event.problem}
    read = Read(
        columns=columns_of(topic, events),
        types=[event.type for event in events],
        aggregates=[None] * len(events) if topic.derived else _aggregates(events, unreadable),
        unreadable=unreadable,
        schema_problems={
            place: event.schema.problem
            for place, event in enumerate(events)
            if event.schema is not None and event.schema.problem and not event.schema.unanswered
        },
        sequences={place: (event.sequence, source_key(event.source)) for place, event in enumerate(events) if event.sequence},
        values={place: found for place, found in enumerate(values) if found},
        last=events[-1].message.position,
        published=next((one.message.published for one in reversed(events) if one.message.published != NO_TIME), None),
        incarnation=events[-1].message.incarnation,
    )
    return assemble(key, read)


def assemble(key: Key, read: Read) -> PreparedBatch:
    """Add to what was read what can be worked out of it."""
    links, linked = _links(key, read.columns)
    return PreparedBatch(
        columns=read.columns,
        types=read.types,
        aggregates=read.aggregates,
        aggregate_types=frozenset([key[0] for key in read.aggregates if key is not None]),
        ids=hashes(key, read.columns.ids),
        links=links,
        linked=linked,
        hours=Counter(zip(read.types, [time // HOUR for time in read.columns.times], strict=True)),
        unreadable=read.unreadable,
        schema_problems=read.schema_problems,
        sequences=read.sequences,
        values=read.values,
        last=read.last,
        published=read.published,
        incarnation=read.incarnation,
    )


def columns_of(topic: Topic, events: Sequence[Event]) -> Columns:
    """Return the columns that the events alone can fill. Types, streams, versions and values stay empty."""
    messages = [event.message for event in events]
    return Columns(
        tokens=[message.position.token for message in messages],
        ids=[event.id for event in events],
        times=[(event.time - EPOCH) // MICROSECOND for event in events],
        published=_published(messages),
        correlations=[event.correlation_id for event in events],
        causations=[event.causation_id for event in events],
        sizes=[len(message.payload) for message in messages],
        flags=[UNREADABLE if event.problem else 0 for event in events],
        schemas=[message.schema_version for message in messages],
        originals=[original_of(event) if topic.derived else key_of_unreadable(event) for event in events],
    )


def microseconds(time: datetime) -> int:
    """Return the time in microseconds since 1970, exactly."""
    return (time - EPOCH) // MICROSECOND


def _aggregates(events: Sequence[Event], unreadable: Iterable[int]) -> list[AggregateKey | None]:
    types, ids = [event.aggregate_type for event in events], [event.aggregate_id for event in events]
    found: list[AggregateKey | None] = list(zip(types, ids, strict=True))
    for place in unreadable:
        found[place] = None
    return found


def _published(messages: Sequence[Message]) -> list[int]:
    found: list[int] = []
    before, number = None, 0
    for message in messages:
        if message.published is not before:  # the same object for a whole batch
            before = message.published
            number = microseconds(before)
        found.append(number)
    return found


def _links(key: Key, columns: Columns) -> tuple[Hashes, Places]:
    """Return the hashes of correlation ids, causation ids and originals, and the place of the event of each."""
    found, places = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.uint64)]
    for link, texts in (
        (Link.CORRELATION, columns.correlations),
        (Link.CAUSATION, columns.causations),
        (Link.ORIGINAL, columns.originals),
    ):
        of_link, places_of_link = hashes_of_present(key, texts, link)
        found.append(of_link)
        places.append(places_of_link)
    return np.concatenate(found), np.concatenate(places)
