"""Writing a batch of one partition's events into the index, with its checkpoint, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from eventstore.errors import EventStoreError
from eventstore.events import Event, Position, Topic
from eventstore.index.models import AggregateRow, IndexedPartition, PointerRow, StreamRow

DB = "index"
ROWS_A_STATEMENT = 400
"""Thirteen columns a row: well under SQLite's 32,766 variables."""

AggregateKey = tuple[str, str]
T = TypeVar("T")


class CheckpointMoved(EventStoreError):
    """Another process has written this partition meanwhile: read its checkpoint again and go on from there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """How far the index is in a partition: the last position read (``None``: nothing yet), and the next ordinal."""

    position: Position | None
    next_ordinal: int


def checkpoint_of(topic: Topic, partition: int) -> Checkpoint:
    """Where to go on reading; begins to follow the partition where it is new."""
    row, _ = IndexedPartition.objects.using(DB).get_or_create(
        topic=topic.name, number=partition, defaults={"kind": topic.kind.value}
    )
    position = Position(topic=topic.name, partition=partition, token=row.checkpoint) if row.checkpoint else None
    return Checkpoint(position=position, next_ordinal=row.next_ordinal)


def write_batch(topic: Topic, partition: int, since: Checkpoint, events: Sequence[Event]) -> Checkpoint:
    """Index these events, which follow ``since`` without a gap; answers the new checkpoint.

    ``CheckpointMoved`` where another process has moved the checkpoint meanwhile: nothing was written, read it again.
    """
    if not events:
        return since
    with transaction.atomic(using=DB):
        row = IndexedPartition.objects.using(DB).select_for_update().get(topic=topic.name, number=partition)
        if row.next_ordinal != since.next_ordinal or row.checkpoint != (since.position.token if since.position else ""):
            raise CheckpointMoved("Another indexer has moved this partition's checkpoint.")
        streams = {} if topic.derived else _streams(row, events)
        PointerRow.objects.using(DB).bulk_create(
            _pointers(row, since.next_ordinal, events, streams), batch_size=ROWS_A_STATEMENT
        )
        StreamRow.objects.using(DB).bulk_update(streams.values(), ["events"], batch_size=ROWS_A_STATEMENT)
        last = events[-1].position
        row.checkpoint = last.token
        row.next_ordinal += len(events)
        row.save(using=DB, update_fields=["checkpoint", "next_ordinal"])
    return Checkpoint(position=last, next_ordinal=since.next_ordinal + len(events))


def note_caught_up(topic: Topic, partition: int) -> None:
    """A reader has found nothing new behind the checkpoint, just now."""
    rows = IndexedPartition.objects.using(DB).filter(topic=topic.name, number=partition)
    rows.update(caught_up_at=timezone.now())


def _key(event: Event) -> AggregateKey:
    return event.aggregate_type, event.aggregate_id


def _streams(partition: IndexedPartition, events: Iterable[Event]) -> dict[AggregateKey, StreamRow]:
    """The stream of each aggregate in the batch, made where it is new, with the aggregates' counts brought up to date."""
    by_aggregate: dict[AggregateKey, list[Event]] = {}
    for event in events:
        if not event.problem:
            by_aggregate.setdefault(_key(event), []).append(event)
    aggregates = _aggregates(by_aggregate)
    known = {
        stream.aggregate_id: stream
        for ids in _chunks([row.pk for row in aggregates.values()])
        for stream in StreamRow.objects.using(DB).filter(partition=partition, aggregate_id__in=ids)
    }
    new = [StreamRow(aggregate=row, partition=partition) for row in aggregates.values() if row.pk not in known]
    StreamRow.objects.using(DB).bulk_create(new, batch_size=ROWS_A_STATEMENT)
    known |= {stream.aggregate_id: stream for stream in new}
    return {key: known[row.pk] for key, row in aggregates.items()}


def _aggregates(by_aggregate: dict[AggregateKey, list[Event]]) -> dict[AggregateKey, AggregateRow]:
    """Lock, or make, the row of each aggregate, and add what the batch brings.

    Rows are made and locked in the order of type and id, by code point here and in the database: two indexers whose batches
    meet in several aggregates must not each hold what the other waits for, wherever their batches are cut into statements.
    """
    fresh = [
        AggregateRow(type=type, aggregate_id=id, first_time=events[0].time, last_time=events[0].time, last_type="")
        for (type, id), events in sorted(by_aggregate.items())
    ]
    AggregateRow.objects.using(DB).bulk_create(fresh, batch_size=ROWS_A_STATEMENT, ignore_conflicts=True)
    rows: dict[AggregateKey, AggregateRow] = {}
    for type in sorted({type for type, _ in by_aggregate}):
        for ids in _chunks(sorted(id for t, id in by_aggregate if t == type)):
            found = AggregateRow.objects.using(DB).select_for_update().filter(type=type, aggregate_id__in=ids)
            rows |= {(row.type, row.aggregate_id): row for row in found.order_by("aggregate_id")}
    for key, row in rows.items():
        _add_to(row, by_aggregate[key])
    AggregateRow.objects.using(DB).bulk_update(
        rows.values(), ["events", "first_time", "last_time", "last_type"], batch_size=ROWS_A_STATEMENT // 4
    )
    return rows


def _add_to(row: AggregateRow, events: Sequence[Event]) -> None:
    latest = max(reversed(events), key=lambda event: event.time)  # of equal times, the later in the log
    row.events += len(events)
    row.first_time = min(row.first_time, *(event.time for event in events))
    if latest.time >= row.last_time:
        row.last_time = latest.time
        row.last_type = latest.type


def _pointers(
    partition: IndexedPartition, ordinal: int, events: Sequence[Event], streams: dict[AggregateKey, StreamRow]
) -> list[PointerRow]:
    rows: list[PointerRow] = []
    for number, event in enumerate(events, start=ordinal):
        stream = None if event.problem else streams.get(_key(event))
        if stream is not None:
            stream.events += 1
        rows.append(
            PointerRow(
                partition=partition,
                ordinal=number,
                token=event.position.token,
                stream=stream,
                version=stream.events if stream else None,
                event_id=event.id,
                type=event.type,
                time=_storable(event.time),
                published=event.message.published,
                correlation_id=event.correlation_id or None,
                causation_id=event.causation_id or None,
                size=len(event.message.payload),
                unreadable=bool(event.problem),
            )
        )
    return rows


def _storable(time: datetime) -> datetime:
    return time.astimezone(timezone.get_fixed_timezone(0))


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + ROWS_A_STATEMENT] for start in range(0, len(items), ROWS_A_STATEMENT))
