"""The state of one partition in the memory of its one writer, and its row, locked and moved on.

Where a topic has hundreds of partitions a batch is small, and to make an object of the row took as long as all of its keys.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Max

from eventstore.config.searchable_values import ValuesOf
from eventstore.forgotten.memory import Forgotten
from eventstore.index.models import BlockRow, IndexedPartition, current_partitions
from eventstore.index.tables import declared, sequences, sql
from eventstore.index.tables.blocks import FULL, Columns, decoded
from eventstore.index.tables.database import connection
from eventstore.index.tables.declared import Declaration, declaration_by
from eventstore.index.tables.keys import Key
from eventstore.index.tables.names import Names
from eventstore.index.tables.secret import index_key
from eventstore.index.tables.sequences import Counters, counters_in
from eventstore.index.writing import streams
from eventstore.index.writing.duplicates import DuplicateDetector
from eventstore.index.writing.prepared_batch import PreparedBatch
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Position, Topic


class CheckpointMoved(EventStoreError):
    """Another process has written this partition. Open the partition again, and go on from its checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """How far the index has got in a partition: the last position read (``None``: nothing yet) and the next ordinal."""

    position: Position | None
    next_ordinal: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What one writing thread remembers of the whole index, and what it is told is searchable (``values_of``)."""

    names: Names = field(default_factory=Names)
    duplicates: DuplicateDetector = field(default_factory=DuplicateDetector)
    forgotten: Forgotten = field(default_factory=Forgotten)
    values_of: ValuesOf | None = None

    def forget(self, partition: int | None = None) -> None:
        """Forget what was rolled back: the whole transaction, or this partition row's batch in it."""
        self.names.forget()
        self.duplicates.forget(partition)


@dataclass(kw_only=True, slots=True)
class Partition:
    """A partition as its one writer sees it: a copy of what the database holds, so that a batch need not read it again.

    After any error this copy is stale. Make a new one with ``open_partition``.
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
    incarnation: str
    """Which log of its name the checkpoint lies in, as far as known."""
    tail: Columns
    """The events of the last block, while it is not full."""
    rewritten: int
    """``IndexedPartition.rewritten`` when ``tail`` was read."""
    counters: Counters
    declaration: Declaration
    """What the values of its next events are given by."""
    known: streams.Known = field(default_factory=OrderedDict)


def open_partition(topic: Topic, number: int, memory: Memory, *, build: int | None = None) -> Partition:
    """Return the partition as the index has it now, and create its row if there is none.

    ``build`` is the number of the build; without it, the live build is opened.
    """
    rows = IndexedPartition.objects.filter(ended_at=None)
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
        incarnation=row.incarnation,
        tail=tail_of(row.pk, row.next_ordinal),
        rewritten=row.rewritten,
        counters=counters_in(row.counters),
        declaration=declaration_by(memory.values_of, topic),
    )


def learn_incarnation(partition: Partition, incarnation: str) -> None:
    """Keep which log the checkpoint lies in if its row does not know it yet, as one that an older version wrote.

    A row without events gets it with the first one.
    """
    if partition.incarnation or not incarnation:
        return
    partition.incarnation = incarnation
    if partition.checkpoint.position is not None:
        rows = IndexedPartition.objects.filter(pk=partition.id, epoch=partition.epoch, incarnation="")
        rows.update(incarnation=incarnation)


def checkpoint_of(topic: Topic, partition: int) -> Checkpoint:
    """Return how far the index has got in the partition's live build."""
    row = current_partitions().filter(topic=topic.name, number=partition).first()
    return _checkpoint(row) if row else Checkpoint(position=None, next_ordinal=0)


def _checkpoint(row: IndexedPartition) -> Checkpoint:
    position = Position(topic=row.topic, partition=row.number, token=row.checkpoint) if row.checkpoint else None
    return Checkpoint(position=position, next_ordinal=row.next_ordinal)


def tail_of(partition: int, next_ordinal: int) -> Columns:
    """Return the events of the row's last block; none if it is full."""
    rest = next_ordinal % FULL
    if not rest:
        return Columns()
    block = BlockRow.objects.get(partition_id=partition, first_ordinal=next_ordinal - rest)
    return decoded(bytes(block.data))


class LockedRow(NamedTuple):
    """What a batch needs of its ``IndexedPartition``."""

    epoch: int
    live: bool
    next_ordinal: int
    checkpoint: str
    segment: int
    incarnation: str
    rewritten: int
    declared: str


def lock_row(partition: Partition) -> LockedRow:
    """Lock the partition's row and return it; ``CheckpointMoved`` if it is no longer as its writer knows it."""
    lock = " FOR UPDATE" if sql.postgres() else ""
    found = sql.query(f"SELECT {', '.join(LockedRow._fields)} FROM index_indexedpartition WHERE id = %s{lock}", [partition.id])
    row = LockedRow(*found[0]) if found else None
    if row is None or row.epoch != partition.epoch:
        raise CheckpointMoved("Another indexer has taken this partition over.")
    if bool(row.live) != partition.live:
        raise CheckpointMoved("This partition was rebuilt: another build of it is the live one now.")
    known = partition.checkpoint
    if row.next_ordinal != known.next_ordinal or row.checkpoint != (known.position.token if known.position else ""):
        raise CheckpointMoved("Another indexer has moved this partition's checkpoint.")
    return row


def move_checkpoint(partition: Partition, row: LockedRow, prepared: PreparedBatch, segment: int) -> None:
    """Move the checkpoint behind the batch, in the row and in the writer's own state."""
    next_ordinal = row.next_ordinal + len(prepared)
    partition.incarnation = prepared.incarnation or partition.incarnation
    sql.execute(
        "UPDATE index_indexedpartition SET checkpoint = %s, next_ordinal = %s, segment = %s, incarnation = %s, counters = %s, "
        "declared = %s, indexed_published_at = coalesce(%s, indexed_published_at) WHERE id = %s",
        [
            prepared.last.token, next_ordinal, segment, partition.incarnation, sequences.kept(partition.counters),
            _declared(partition, row), connection().ops.adapt_datetimefield_value(prepared.published), partition.id,
        ],
    )  # fmt: skip
    partition.checkpoint = Checkpoint(position=prepared.last, next_ordinal=next_ordinal)
    partition.segment = segment


def _declared(partition: Partition, row: LockedRow) -> str:
    """Return under which declarations the row's events have their values, with those of the batch after its last one."""
    text = declared.begun(row.declared, row.next_ordinal, partition.declaration.fingerprint)
    if text != row.declared:
        declared.remember(partition.declaration)
    return text
