"""Writing a batch of one partition's events into the index, with its checkpoint, in one transaction."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from django.db.models import Max
from django.utils import timezone

from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Block, Columns, blocks_of, decoded
from eventstore.index.tables.database import atomic
from eventstore.index.tables.keys import Key, value_hash
from eventstore.index.tables.names import Names
from eventstore.index.tables.secret import index_key
from eventstore.index.writing import anomalies, streams
from eventstore.index.writing.anomalies import Noticed
from eventstore.index.writing.duplicates import DuplicateDetector
from eventstore.index.writing.prepared_batch import PreparedBatch, Stored, prepare_batch
from eventstore.index.writing.streams import Stream
from eventstore.model.anomalies import Anomaly
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Event, Position, Topic

_beside = ThreadPoolExecutor(1, thread_name_prefix="index blocks")
"""Makes a batch's blocks while the database takes its keys."""


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
    seen: DuplicateDetector = field(default_factory=DuplicateDetector)


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
    segment: int
    memory: Memory
    key: Key
    tail: Columns
    """The events of the last block, while it is not full."""
    known: streams.Known = field(default_factory=OrderedDict)


def open_partition(topic: Topic, number: int, memory: Memory, *, build: int | None = None) -> Partition:
    """The partition as the index has it now (``build``: of that number, else the live one), made where it is new."""
    rows = IndexedPartition.objects
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
        segment=row.segment,
        memory=memory,
        key=index_key(),
        tail=_tail(row),
    )


def checkpoint_of(topic: Topic, partition: int) -> Checkpoint:
    """How far the index is now."""
    row = IndexedPartition.objects.filter(topic=topic.name, number=partition, live=True).first()
    return _checkpoint(row) if row else Checkpoint(position=None, next_ordinal=0)


def write_batch(partition: Partition, events: Sequence[Event], values: Sequence[Sequence[Stored]] = ()) -> int:
    """Index these events, of which ``values`` are the searchable values: see ``write_prepared``."""
    return write_prepared(partition, prepare_batch(partition.topic, partition.key, events, values)) if events else 0


def write_prepared(partition: Partition, draft: PreparedBatch) -> int:
    """Index these events, which follow the partition's checkpoint without a gap; answers how many anomalies they have.

    At most ``bulk.MOST_EVENTS`` events. A draft is written once: what its columns lack is filled in. ``CheckpointMoved``
    where another process has moved the checkpoint, or has the lease: nothing was written, open the partition again.
    """
    if len(draft) > sql.MOST_EVENTS:
        raise ValueError(f"a batch has at most {sql.MOST_EVENTS} events")
    try:
        with atomic():
            count = _write(partition, draft)
    except BaseException:
        partition.memory.names.forget()
        partition.memory.seen.forget()
        raise
    streams.trim(partition.known)
    return count


def note_caught_up(topic: Topic, partition: int) -> None:
    """A reader has found nothing new behind the checkpoint, just now."""
    rows = IndexedPartition.objects.filter(topic=topic.name, number=partition, live=True)
    rows.update(caught_up_at=timezone.now())


def _write(partition: Partition, draft: PreparedBatch) -> int:
    row = _held(partition)
    first = partition.checkpoint.next_ordinal
    segment = max(row.segment, partition.memory.seen.segment_now())
    numbers = partition.memory.names.numbers_of(_names_in(draft))
    noticed = _number(partition, draft, numbers, segment)
    columns = draft.columns
    making = _beside.submit(blocks_of, partition.tail, first - len(partition.tail), columns)
    if not partition.topic.derived:
        noticed = _with_duplicates(noticed, partition.memory.seen.find(partition.id, columns, draft.ids, partition.key))
    sql.insert_keys("index_idkey", segment, partition.id, first, draft.ids, np.arange(len(draft), dtype=np.uint64))
    _insert_links(segment, partition, first, draft)
    sql.insert_stream_keys(segment, first, columns.streams)
    _count_hours(partition.id, draft, numbers)
    anomalies.record(partition.id, first, noticed)
    blocks, tail = making.result()
    _write_blocks(partition, blocks, segment)
    if not partition.topic.derived:
        anomalies.record(partition.id, first, partition.memory.seen.find_concurrent(partition.id, columns))
    row.checkpoint, row.next_ordinal, row.segment = draft.last.token, first + len(draft), segment
    row.indexed_published_at = draft.published
    row.save(update_fields=["checkpoint", "next_ordinal", "segment", "indexed_published_at"])
    partition.checkpoint = Checkpoint(position=draft.last, next_ordinal=row.next_ordinal)
    partition.segment, partition.tail = segment, tail
    return len(noticed)


def _held(partition: Partition) -> IndexedPartition:
    """The partition's row, locked; ``CheckpointMoved`` where it is no longer as its writer knows it."""
    row = IndexedPartition.objects.select_for_update().filter(pk=partition.id).first()
    if row is None or row.epoch != partition.epoch:
        raise CheckpointMoved("Another indexer has taken this partition over.")
    if row.live != partition.live:
        raise CheckpointMoved("This partition was rebuilt: another build of it is the live one now.")
    known = partition.checkpoint
    if row.next_ordinal != known.next_ordinal or row.checkpoint != (known.position.token if known.position else ""):
        raise CheckpointMoved("Another indexer has moved this partition's checkpoint.")
    return row


def _names_in(draft: PreparedBatch) -> set[str]:
    """Every name of the batch: new ones are given out together and in order, so that two writers that meet the same ones
    wait for each other, but never in a circle."""
    of_values = {name for found in draft.values.values() for name, _ in found}
    return {type for type, _ in draft.hours if type} | draft.aggregate_types | of_values


def _number(partition: Partition, draft: PreparedBatch, numbers: Mapping[str, int], segment: int) -> list[Noticed]:
    """Give the draft's columns all the numbers that they lack, put each event into its stream, and answer what is wrong with
    them. ``numbers`` are those of ``_names_in``."""
    columns = draft.columns
    of_types = {type: numbers[type] if type else 0 for type, _ in draft.hours}
    columns.types = [of_types[type] for type in draft.types]
    columns.values = {
        place: [(numbers[name], text) for name, text in dict.fromkeys(found)] for place, found in draft.values.items()
    }
    if partition.topic.derived:
        columns.streams, columns.versions = [0] * len(draft), [0] * len(draft)
        return []
    return _into_streams(partition, draft, segment)


def _into_streams(partition: Partition, draft: PreparedBatch, segment: int) -> list[Noticed]:
    """Fill the columns of streams and versions, and save the streams."""
    columns = draft.columns
    found, begun = streams.streams_of(partition.id, draft.aggregates, partition.known, segment, partition.memory.names)
    noticed: list[Noticed] = []
    numbers: list[int] = []
    versions: list[int] = []
    for place, (stream, type, time) in enumerate(zip(found, columns.types, columns.times, strict=True)):
        if stream is None:
            numbers.append(0)
            versions.append(0)
            continue
        if stream.add(type, time):
            detail = anomalies.earlier_by(stream.last_time - time)
            noticed.append(Noticed(place=place, kind=Anomaly.TIME_GOES_BACK, stream=stream.id, detail=detail))
        numbers.append(stream.id)
        versions.append(stream.events)
    columns.streams, columns.versions = numbers, versions
    for place, sequence in draft.sequences.items():
        stream = found[place]
        if stream is not None and (skip := anomalies.judge_sequence(stream, sequence, place)):
            noticed.append(skip)
    noticed += [
        Noticed(place=place, kind=kind, stream=numbers[place], detail=detail)
        for kind, details in ((Anomaly.SCHEMA, draft.schema_problems), (Anomaly.UNREADABLE, draft.unreadable))
        for place, detail in details.items()
    ]
    met = [stream for stream in found if stream is not None]
    touched = {stream.id: stream for stream in met}.values()
    _count_types(partition.id, [stream.type for stream in met], touched, begun)
    streams.save(partition.id, touched, begun)
    return sorted(noticed, key=attrgetter("place"))


def _count_types(partition: int, met: Iterable[int], touched: Iterable[Stream], begun: Iterable[Stream]) -> None:
    """Add what the batch brought to its streams: ``met`` has the number of the aggregate type of each event."""
    new = Counter([stream.type for stream in begun])
    last: dict[int, int] = {}
    for stream in touched:
        if stream.last_time > last.get(stream.type, streams.BEFORE_ALL):
            last[stream.type] = stream.last_time
    larger = "greatest" if sql.postgres() else "max"
    sql.insert(
        "index_typecount",
        dict.fromkeys(("partition_id", "type_id", "streams", "events", "last_time"), "bigint"),
        [(partition, type, new[type], events, last[type]) for type, events in Counter(met).items()],
        on_conflict="(partition_id, type_id) DO UPDATE SET streams = index_typecount.streams + excluded.streams, "
        "events = index_typecount.events + excluded.events, "
        f"last_time = {larger}(index_typecount.last_time, excluded.last_time)",
    )


def _count_hours(partition: int, draft: PreparedBatch, numbers: Mapping[str, int]) -> None:
    sql.insert(
        "index_hourcount",
        dict.fromkeys(("partition_id", "type_id", "hour", "events"), "bigint"),
        [(partition, numbers[type] if type else 0, hour, count) for (type, hour), count in draft.hours.items()],
        on_conflict="(partition_id, type_id, hour) DO UPDATE SET events = index_hourcount.events + excluded.events",
    )


def _insert_links(segment: int, partition: Partition, first: int, draft: PreparedBatch) -> None:
    """The keys of everything but the event id by which an event is found."""
    found, places = [draft.links], [draft.linked]
    for place, values in draft.columns.values.items():
        found.append(np.array([value_hash(partition.key, name, text) for name, text in values], dtype=np.uint64))
        places.append(np.full(len(values), place, dtype=np.uint64))
    sql.insert_keys("index_linkkey", segment, partition.id, first, np.concatenate(found), np.concatenate(places))


def _with_duplicates(noticed: Sequence[Noticed], found: Sequence[Noticed]) -> list[Noticed]:
    """An event that comes a second time comes late, too: that it is a duplicate says so."""
    again = {one.place for one in found}
    return [*(one for one in noticed if one.place not in again or one.kind not in anomalies.LATE), *found]


def _write_blocks(partition: Partition, blocks: Sequence[Block], segment: int) -> None:
    """Append the blocks to the partition's; the first one takes the place of the last that was not full."""
    begun = 1 if len(partition.tail) else 0
    sql.replace_blocks(partition.id, segment, blocks[:begun])
    sql.insert_blocks(partition.id, segment, blocks[begun:])


def _checkpoint(row: IndexedPartition) -> Checkpoint:
    position = Position(topic=row.topic, partition=row.number, token=row.checkpoint) if row.checkpoint else None
    return Checkpoint(position=position, next_ordinal=row.next_ordinal)


def _tail(row: IndexedPartition) -> Columns:
    rest = row.next_ordinal % FULL
    if not rest:
        return Columns()
    block = BlockRow.objects.get(partition_id=row.pk, first_ordinal=row.next_ordinal - rest)
    return decoded(bytes(block.data))
