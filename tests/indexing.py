"""Writes pointers into the index without any store, for tests of the index alone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from eventstore.index.lookup import queries
from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.tables.blocks import decoded, encoded
from eventstore.index.writing.partition import Checkpoint, Memory, open_partition
from eventstore.index.writing.prepared_batch import microseconds
from eventstore.index.writing.writer import note_caught_up, write_batch
from eventstore.model.events import NOTHING, Event, Message, Position, Topic
from eventstore.model.pointers import Pointer
from eventstore.model.tokens import encode

START = datetime(2024, 5, 1, 9, 0, tzinfo=UTC)


def place(number: int, *, topic: str = "patients", partition: int = 0) -> Position:
    """Return the position of the event with this number, as a broker with unbatched entries names it."""
    return Position(topic=topic, partition=partition, token=encode(7, number, 0), label=f"7:{number}:0")


def event(
    number: int,
    *,
    topic: str = "patients",
    partition: int = 0,
    type: str = "patient.registered",
    aggregate: tuple[str, str] = ("patient", "4711"),
    time: datetime | None = None,
    published: datetime | None = None,
    problem: str = "",
    id: str = "",
    sequence: str = "",
    source: str = "",
    correlation: str = "",
    causation: str = "",
    properties: Mapping[str, str] = NOTHING,
) -> Event:
    """Return the event at ``place(number)``, a minute after the one before it."""
    at = published or START + timedelta(minutes=number)
    position = place(number, topic=topic, partition=partition)
    return Event(
        message=Message(position=position, payload=b"{}", published=at, key=aggregate[1], properties=properties),
        id=id or f"e-{topic}-{partition}-{number}",
        time=time or at,
        data=b"{}",
        type="" if problem else type,
        aggregate_type="" if problem else aggregate[0],
        aggregate_id="" if problem else aggregate[1],
        sequence="" if problem else sequence,
        source=source,
        correlation_id=correlation,
        causation_id=causation,
        problem=problem,
    )


def index(
    events: Sequence[Event], *, topic: Topic, partition: int = 0, caught_up: bool = True, memory: Memory | None = None
) -> Checkpoint:
    """Index these events after what is already indexed of the partition, as a new process would, except for ``memory``."""
    writing = open_partition(topic, partition, memory or Memory())
    write_batch(writing, events)
    if caught_up:
        note_caught_up(topic, partition)
    return writing.checkpoint


def pointers(topic: str = "patients", partition: int = 0) -> list[Pointer]:
    """Return everything that the index has of the partition, in order."""
    row = queries.partition_row(topic, partition)
    return queries.at_ordinals(row, range(row.next_ordinal)) if row else []


def all_pointers() -> list[Pointer]:
    """Return everything that the index has, partition by partition."""
    rows = IndexedPartition.objects.using("index").filter(live=True).order_by("topic", "number")
    return [pointer for row in rows for pointer in pointers(row.topic, row.number)]


def publish_everything_at(moment: datetime) -> None:
    """Set the publish time of every event in the index."""
    blocks = BlockRow.objects.using("index")
    for block in blocks.all():
        columns = decoded(bytes(block.data))
        columns.published = [microseconds(moment)] * len(columns)
        blocks.filter(partition_id=block.partition_id, first_ordinal=block.first_ordinal).update(data=encoded(columns))
