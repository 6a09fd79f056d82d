"""Writing a batch of one partition's events into the index, with its checkpoint, in one transaction."""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from eventstore.errors import EventStoreError
from eventstore.events import Event, Message, Position, Topic
from eventstore.index import anomalies, bulk, streams
from eventstore.index.anomalies import Anomaly, Noticed
from eventstore.index.blocks import FULL, UNREADABLE, Columns, decoded, encoded
from eventstore.index.keys import Key, Link, hashes, value_hash
from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.names import Names
from eventstore.index.originals import original_of
from eventstore.index.secret import index_key
from eventstore.index.seen import Seen
from eventstore.index.streams import AggregateKey, Stream

DB = "index"
Stored = tuple[str, str]
"""A searchable value: its name, and its text or hash."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = 3_600_000_000


class CheckpointMoved(EventStoreError):
    """Another process has written this partition meanwhile: read its checkpoint again and go on from there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """How far the index is in a partition: the last position read (``None``: nothing yet), and the next ordinal."""

    position: Position | None
    next_ordinal: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What one writing thread remembers of the whole index."""

    names: Names = field(default_factory=Names)
    seen: Seen = field(default_factory=Seen)


@dataclass(kw_only=True, slots=True)
class Partition:
    """A partition as its one writer holds it: what the database has, so that a batch needs not read it again.

    After any error this is stale: make a new one with ``open_partition``.
    """

    topic: Topic
    number: int
    id: int
    epoch: int
    live: bool
    checkpoint: Checkpoint
    slice: int
    memory: Memory
    key: Key
    tail: Columns
    """The events of the last block, while it is not full."""
    known: streams.Known = field(default_factory=OrderedDict)


def open_partition(topic: Topic, number: int, memory: Memory, *, build: int | None = None) -> Partition:
    """The partition as the index has it now (``build``: of that number, else the live one), made where it is new."""
    rows = IndexedPartition.objects.using(DB)
    which = {"live": True} if build is None else {"build": build}
    row = rows.filter(topic=topic.name, number=number, **which).first()
    if row is None:
        newest = rows.filter(topic=topic.name, live=True).aggregate(build=Max("build"))["build"] or 0
        row, _ = rows.get_or_create(
            topic=topic.name,
            number=number,
            build=newest if build is None else build,
            defaults={"kind": topic.kind.value, "live": build is None},
        )
    return Partition(
        topic=topic,
        number=number,
        id=row.pk,
        epoch=row.epoch,
        live=row.live,
        checkpoint=_checkpoint(row),
        slice=row.slice,
        memory=memory,
        key=index_key(),
        tail=_tail(row),
    )


def checkpoint_of(topic: Topic, partition: int) -> Checkpoint:
    """How far the index is now."""
    row = IndexedPartition.objects.using(DB).filter(topic=topic.name, number=partition, live=True).first()
    return _checkpoint(row) if row else Checkpoint(position=None, next_ordinal=0)


def write_batch(partition: Partition, events: Sequence[Event], values: Sequence[Sequence[Stored]] = ()) -> int:
    """Index these events, which follow the partition's checkpoint without a gap; answers how many anomalies they have.

    ``values`` are the searchable values of each, where the topic has any. At most ``bulk.MOST_EVENTS`` events.
    ``CheckpointMoved`` where another process has moved the checkpoint, or has the lease: nothing was written, open the
    partition again.
    """
    if not events:
        return 0
    if len(events) > bulk.MOST_EVENTS:
        raise ValueError(f"a batch has at most {bulk.MOST_EVENTS} events")
    try:
        with transaction.atomic(using=DB):
            count = _write(partition, events, values)
    except BaseException:
        partition.memory.names.forget()
        partition.memory.seen.forget()
        raise
    streams.trim(partition.known)
    return count


def note_caught_up(topic: Topic, partition: int) -> None:
    """A reader has found nothing new behind the checkpoint, just now."""
    rows = IndexedPartition.objects.using(DB).filter(topic=topic.name, number=partition, live=True)
    rows.update(caught_up_at=timezone.now())


def microseconds(time: datetime) -> int:
    """Since 1970, exactly."""
    return (time - EPOCH) // MICROSECOND


def _write(partition: Partition, events: Sequence[Event], values: Sequence[Sequence[Stored]]) -> int:
    row = _held(partition)
    first = partition.checkpoint.next_ordinal
    slice = max(row.slice, partition.memory.seen.slice_now())
    partition.memory.names.numbers_of(_names_in(partition.topic, events, values))
    columns, noticed = _columns(partition, events, slice)
    if any(values):
        columns.values = _named(values, partition.memory.names)
    hashes_of_ids = hashes(partition.key, columns.ids)
    if not partition.topic.derived:
        noticed = _with_duplicates(noticed, partition.memory.seen.twice(partition.id, columns, hashes_of_ids, partition.key))
    bulk.insert_keys("index_idkey", slice, partition.id, first, hashes_of_ids, np.arange(len(events), dtype=np.uint64))
    _insert_links(slice, partition, first, columns)
    bulk.insert_stream_keys(slice, first, columns.streams)
    _count_hours(partition.id, columns)
    anomalies.record(partition.id, first, noticed)
    tail = _write_blocks(partition, columns, slice)
    if not partition.topic.derived:
        anomalies.record(partition.id, first, partition.memory.seen.twice_meanwhile(partition.id, columns))
    last = events[-1].position
    row.checkpoint, row.next_ordinal, row.slice = last.token, first + len(events), slice
    row.indexed_published_at = events[-1].message.published
    row.save(using=DB, update_fields=["checkpoint", "next_ordinal", "slice", "indexed_published_at"])
    partition.checkpoint = Checkpoint(position=last, next_ordinal=row.next_ordinal)
    partition.slice, partition.tail = slice, tail
    return len(noticed)


def _held(partition: Partition) -> IndexedPartition:
    """The partition's row, locked; ``CheckpointMoved`` where it is no longer as its writer knows it."""
    row = IndexedPartition.objects.using(DB).select_for_update().filter(pk=partition.id).first()
    if row is None or row.epoch != partition.epoch:
        raise CheckpointMoved("Another indexer has taken this partition over.")
    if row.live != partition.live:
        raise CheckpointMoved("This partition was rebuilt: another build of it is the live one now.")
    known = partition.checkpoint
    if row.next_ordinal != known.next_ordinal or row.checkpoint != (known.position.token if known.position else ""):
        raise CheckpointMoved("Another indexer has moved this partition's checkpoint.")
    return row


def _names_in(topic: Topic, events: Sequence[Event], values: Sequence[Sequence[Stored]]) -> set[str]:
    """Every name of the batch: new ones are given out together and in order, so that two writers that meet the same ones
    wait for each other, but never in a circle."""
    names = {event.type for event in events if event.type}
    if not topic.derived:
        names |= {event.aggregate_type for event in events if not event.problem}
    return names | {name for found in values for name, _ in found}


def _columns(partition: Partition, events: Sequence[Event], slice: int) -> tuple[Columns, list[Noticed]]:
    """The events as columns, each in its stream with its version, and what is wrong with them."""
    columns = columns_of(partition.topic, events, partition.memory.names.numbers_of({e.type for e in events if e.type}))
    if partition.topic.derived:
        columns.streams, columns.versions = [0] * len(events), [0] * len(events)
        return columns, []
    return columns, _into_streams(partition, events, columns, slice)


def columns_of(topic: Topic, events: Sequence[Event], types: Mapping[str, int]) -> Columns:
    """All that the events themselves say; ``types``: each type's number. Streams, versions and values are left empty."""
    messages = [event.message for event in events]
    return Columns(
        tokens=[message.position.token for message in messages],
        ids=[event.id for event in events],
        types=[types[event.type] if event.type else 0 for event in events],
        times=[(event.time - EPOCH) // MICROSECOND for event in events],
        published=_published(messages),
        correlations=[event.correlation_id for event in events],
        causations=[event.causation_id for event in events],
        sizes=[len(message.payload) for message in messages],
        flags=[UNREADABLE if event.problem else 0 for event in events],
        schemas=[message.schema_version for message in messages],
        originals=[original_of(event) for event in events] if topic.derived else [""] * len(events),
    )


def _published(messages: Sequence[Message]) -> list[int]:
    found: list[int] = []
    before, number = None, 0
    for message in messages:
        if message.published is not before:  # a whole batch has the same
            before = message.published
            number = microseconds(before)
        found.append(number)
    return found


def _into_streams(partition: Partition, events: Sequence[Event], columns: Columns, slice: int) -> list[Noticed]:
    """Fill the columns of streams and versions, and save the streams."""
    keys = [None if event.problem else (event.aggregate_type, event.aggregate_id) for event in events]
    met = dict.fromkeys(key for key in keys if key is not None)
    begun = streams.streams_of(partition.id, met, partition.known, slice, partition.memory.names)
    touched = streams.used(partition.known, met)
    noticed: list[Noticed] = []
    numbers, versions = columns.streams, columns.versions
    for place, (event, key, type, time) in enumerate(zip(events, keys, columns.types, columns.times, strict=True)):
        stream = None if key is None else touched[key]
        if event.schema is not None and event.schema.problem and not event.schema.unanswered:
            of = 0 if stream is None else stream.id
            noticed.append(Noticed(place=place, kind=Anomaly.SCHEMA, stream=of, detail=event.schema.problem))
        if stream is None:
            numbers.append(0)
            versions.append(0)
            noticed.append(Noticed(place=place, kind=Anomaly.UNREADABLE, stream=0, detail=event.problem))
            continue
        if stream.add(type, time):
            detail = anomalies.earlier_by(stream.last_time - time)
            noticed.append(Noticed(place=place, kind=Anomaly.TIME_GOES_BACK, stream=stream.id, detail=detail))
        if event.sequence and (found := anomalies.judge_sequence(stream, event.sequence, place)):
            noticed.append(found)
        numbers.append(stream.id)
        versions.append(stream.events)
    _count_types(partition.id, touched, begun, keys)
    streams.save(partition.id, touched.values(), begun)
    return noticed


def _count_types(
    partition: int,
    touched: Mapping[AggregateKey, Stream],
    begun: Collection[AggregateKey],
    keys: Iterable[AggregateKey | None],
) -> None:
    """Add what the batch brought to its streams, of which these are begun by it; ``keys`` has the aggregate of each event."""
    events = Counter([key[0] for key in keys if key is not None])
    new = Counter([key[0] for key in begun])
    last: dict[str, tuple[int, int]] = {}
    for (type, _), stream in touched.items():
        if type not in last or stream.last_time > last[type][1]:
            last[type] = (stream.type, stream.last_time)
    larger = "greatest" if bulk.postgres() else "max"
    bulk.insert(
        "index_typecount",
        dict.fromkeys(("partition_id", "type_id", "streams", "events", "last_time"), "bigint"),
        [(partition, number, new[type], events[type], latest) for type, (number, latest) in last.items()],
        on_conflict="(partition_id, type_id) DO UPDATE SET streams = index_typecount.streams + excluded.streams, "
        "events = index_typecount.events + excluded.events, "
        f"last_time = {larger}(index_typecount.last_time, excluded.last_time)",
    )


def _count_hours(partition: int, columns: Columns) -> None:
    counts = Counter(zip(columns.types, [time // HOUR for time in columns.times], strict=True))
    bulk.insert(
        "index_hourcount",
        dict.fromkeys(("partition_id", "type_id", "hour", "events"), "bigint"),
        [(partition, type, hour, count) for (type, hour), count in counts.items()],
        on_conflict="(partition_id, type_id, hour) DO UPDATE SET events = index_hourcount.events + excluded.events",
    )


def _insert_links(slice: int, partition: Partition, first: int, columns: Columns) -> None:
    """The keys of everything but the event id by which an event is found."""
    found, places = [], []
    for link, texts in (
        (Link.CORRELATION, columns.correlations),
        (Link.CAUSATION, columns.causations),
        (Link.ORIGINAL, columns.originals),
    ):
        which = [place for place, text in enumerate(texts) if text]
        if which:
            found.append(hashes(partition.key, [texts[place] for place in which], link))
            places.append(np.array(which, dtype=np.uint64))
    for place, values in columns.values.items():
        found.append(np.array([value_hash(partition.key, name, text) for name, text in values], dtype=np.uint64))
        places.append(np.full(len(values), place, dtype=np.uint64))
    if found:
        bulk.insert_keys("index_linkkey", slice, partition.id, first, np.concatenate(found), np.concatenate(places))


def _with_duplicates(noticed: Sequence[Noticed], twice: Sequence[Noticed]) -> list[Noticed]:
    """An event that comes a second time comes late, too: that it is a duplicate says so."""
    again = {found.place for found in twice}
    return [*(found for found in noticed if found.place not in again or found.kind not in anomalies.LATE), *twice]


def _named(values: Sequence[Sequence[Stored]], names: Names) -> dict[int, list[tuple[int, str]]]:
    numbers = names.numbers_of({name for found in values for name, _ in found})
    return {
        place: [(numbers[name], text) for name, text in dict.fromkeys(found)] for place, found in enumerate(values) if found
    }


def _write_blocks(partition: Partition, columns: Columns, slice: int) -> Columns:
    """Append the columns to the partition's blocks; answers what the last block holds while it is not full."""
    first = partition.checkpoint.next_ordinal - len(partition.tail)
    if len(partition.tail):
        whole = partition.tail.part(0, len(partition.tail))
        whole.extend(columns)
    else:
        whole = columns
    rows = []
    for start in range(0, len(whole), FULL):
        piece = whole.part(start, start + FULL)
        rows.append(
            BlockRow(
                partition_id=partition.id,
                first_ordinal=first + start,
                first_token=piece.tokens[0],
                slice=slice,
                data=encoded(piece),
            )
        )
    BlockRow.objects.using(DB).bulk_create(
        rows, update_conflicts=True, unique_fields=["partition_id", "first_ordinal"], update_fields=["slice", "data"]
    )
    rest = len(whole) % FULL
    return whole.part(len(whole) - rest, len(whole)) if rest else Columns()


def _checkpoint(row: IndexedPartition) -> Checkpoint:
    position = Position(topic=row.topic, partition=row.number, token=row.checkpoint) if row.checkpoint else None
    return Checkpoint(position=position, next_ordinal=row.next_ordinal)


def _tail(row: IndexedPartition) -> Columns:
    rest = row.next_ordinal % FULL
    if not rest:
        return Columns()
    block = BlockRow.objects.using(DB).get(partition_id=row.pk, first_ordinal=row.next_ordinal - rest)
    return decoded(bytes(block.data))
