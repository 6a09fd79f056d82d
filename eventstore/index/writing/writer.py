"""Write a batch of one partition's events into the index, with its checkpoint, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from django.utils import timezone

from eventstore.index.models import current_partitions
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL, Block, Columns, blocks_of
from eventstore.index.tables.database import atomic, connection, keep_more_pages
from eventstore.index.tables.keys import value_hash
from eventstore.index.writing import anomalies, streams
from eventstore.index.writing.anomalies import DetectedAnomaly
from eventstore.index.writing.numbering import assign_numbers, names_in
from eventstore.index.writing.partition import CheckpointMoved, Partition, lock_row, move_checkpoint, tail_of
from eventstore.index.writing.prepared_batch import PreparedBatch, Stored, prepare_batch
from eventstore.model.events import Event, Topic

_beside = ThreadPoolExecutor(1, thread_name_prefix="index blocks")
"""Builds a batch's blocks while the database takes its keys."""


def write_batch(partition: Partition, events: Sequence[Event], values: Sequence[Sequence[Stored]] = ()) -> int:
    """Index these events, with the searchable values of each: see ``write_prepared``. Return how many anomalies they have."""
    return write_prepared(partition, prepare_batch(partition.topic, partition.key, events, values)) if events else 0


def write_prepared(partition: Partition, prepared: PreparedBatch) -> int:
    """Index these events, and return how many anomalies they have.

    The events follow the partition's checkpoint without a gap. There are at most ``sql.MOST_EVENTS``, otherwise ``ValueError``
    is raised. A prepared batch can be written only once, because its columns are filled in. Raises ``CheckpointMoved`` if
    another process has moved the checkpoint or has the lease: then nothing was written, and the partition has to be opened
    again.
    """
    if len(prepared) > sql.MOST_EVENTS:
        raise ValueError(f"a batch has at most {sql.MOST_EVENTS} events")
    keep_more_pages()
    if not connection().in_atomic_block:
        partition.memory.duplicates.begin()
    try:
        with atomic():
            count = _write(partition, prepared)
    except BaseException:
        partition.memory.forget(partition.id)
        raise
    streams.trim(partition.known)
    return count


def note_caught_up(topic: Topic, partition: int) -> None:
    """Note that a reader has just found nothing after the checkpoint."""
    rows = current_partitions().filter(topic=topic.name, number=partition)
    rows.update(caught_up_at=timezone.now())


def _write(partition: Partition, prepared: PreparedBatch) -> int:
    """Write one batch and its checkpoint in the open transaction; return how many anomalies its events have.

    Concurrent duplicates are looked for last, because the lock that this takes makes other writers of the topic wait until the
    transaction ends.
    """
    row = lock_row(partition)
    if row.rewritten != partition.rewritten:
        partition.tail, partition.rewritten = tail_of(partition.id, row.next_ordinal), row.rewritten
    if prepared.incarnation and row.incarnation and prepared.incarnation != row.incarnation:
        raise CheckpointMoved("This partition was made anew in the store since its checkpoint.")
    prepared = _without_forgotten(partition, prepared)
    first = partition.checkpoint.next_ordinal
    segment = max(row.segment, partition.memory.duplicates.segment_now())
    numbers = partition.memory.names.numbers_of(names_in(prepared))
    detected: Sequence[DetectedAnomaly] = assign_numbers(partition, prepared, numbers, segment)
    building = _building(partition.tail, first - len(partition.tail), prepared.columns)
    detected = _with_duplicates(partition, prepared, detected)
    _insert_keys(partition, prepared, segment, first)
    _count_hours(partition.id, prepared, numbers)
    anomalies.record(partition.id, first, detected)
    blocks, tail = building()
    _write_blocks(partition, blocks, segment)
    _record_concurrent_duplicates(partition, prepared, first)
    move_checkpoint(partition, row, prepared, segment)
    partition.tail = tail
    return len(detected)


def _building(tail: Columns, first: int, columns: Columns) -> Callable[[], tuple[Sequence[Block], Columns]]:
    """Begin to build the blocks, and return what waits for them: a second thread, while the database takes the keys.

    One block is built at once, since to have a thread do it takes longer.
    """
    if len(columns) < FULL:
        built = blocks_of(tail, first, columns)
        return lambda: built
    return _beside.submit(blocks_of, tail, first, columns).result


def _without_forgotten(partition: Partition, prepared: PreparedBatch) -> PreparedBatch:
    """Return the batch without the searchable values of forgotten aggregates.

    Asked under the lock on the partition's row. Whoever forgets an aggregate notes that first, and locks each row after it: so
    either this batch leaves its values out, or they are found in it.
    """
    if not prepared.values:
        return prepared
    with_values = {key for place in prepared.values if (key := prepared.aggregates[place]) is not None}
    forgotten = partition.memory.forgotten.among(with_values)
    if not forgotten:
        return prepared
    kept = {place: found for place, found in prepared.values.items() if prepared.aggregates[place] not in forgotten}
    return replace(prepared, values=kept)


def _count_hours(partition: int, prepared: PreparedBatch, numbers: Mapping[str, int]) -> None:
    sql.insert(
        "index_hourcount",
        dict.fromkeys(("partition_id", "type_id", "hour", "events"), "bigint"),
        [(partition, numbers[type] if type else 0, hour, count) for (type, hour), count in prepared.hours.items()],
        on_conflict="(partition_id, type_id, hour) DO UPDATE SET events = index_hourcount.events + excluded.events",
    )


def _insert_keys(partition: Partition, prepared: PreparedBatch, segment: int, first: int) -> None:
    """Insert the keys by which the batch's events are found: event ids, links and values, and streams."""
    sql.insert_keys("index_idkey", segment, partition.id, first, prepared.ids, np.arange(len(prepared), dtype=np.uint64))
    _insert_links(partition, prepared, segment, first)
    sql.insert_stream_keys(segment, first, prepared.columns.streams)


def _insert_links(partition: Partition, prepared: PreparedBatch, segment: int, first: int) -> None:
    """Insert the keys of correlations, causations, originals and searchable values."""
    found, places = [prepared.links], [prepared.linked]
    for place, values in prepared.columns.values.items():
        found.append(np.array([value_hash(partition.key, name, text) for name, text in values], dtype=np.uint64))
        places.append(np.full(len(values), place, dtype=np.uint64))
    sql.insert_keys("index_linkkey", segment, partition.id, first, np.concatenate(found), np.concatenate(places))


def _with_duplicates(
    partition: Partition, prepared: PreparedBatch, detected: Sequence[DetectedAnomaly]
) -> Sequence[DetectedAnomaly]:
    """Add the batch's duplicates. A duplicate is late as well, but only that it is a duplicate is noted."""
    if partition.topic.derived:
        return detected
    duplicates = partition.memory.duplicates.find(partition.id, prepared.columns, prepared.ids, partition.key)
    again = {one.place for one in duplicates}
    return [*(one for one in detected if one.place not in again or one.kind not in anomalies.LATE), *duplicates]


def _record_concurrent_duplicates(partition: Partition, prepared: PreparedBatch, first: int) -> None:
    """Note the duplicates of events that other writers have committed while this batch was written."""
    if not partition.topic.derived:
        anomalies.record(partition.id, first, partition.memory.duplicates.find_concurrent(partition.id, prepared.columns))


def _write_blocks(partition: Partition, blocks: Sequence[Block], segment: int) -> None:
    """Append the blocks to the partition's blocks. If the last block there was not full, the first of these replaces it."""
    begun = 1 if len(partition.tail) else 0
    sql.replace_blocks(partition.id, segment, blocks[:begun])
    sql.insert_blocks(partition.id, segment, blocks[begun:])
