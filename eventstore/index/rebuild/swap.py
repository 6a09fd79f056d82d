"""Swap the old build for the new one: in one transaction, and with no event fewer than the old one has by then."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.db.models import F

from eventstore.index.rebuild.build import AnotherRebuild, Work, open_to_fill, rows_of
from eventstore.index.rebuild.remove_old import abandon
from eventstore.index.tables.database import atomic
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.guarding import prepare_events
from eventstore.index.writing.partition import Memory, Partition
from eventstore.index.writing.writer import write_prepared
from eventstore.model.log import Edge, Reader

LOCKED = 3.0
"""Longest time, in seconds, that the old build's rows are locked while the last events are read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _OpenPartition:
    writing: Partition
    reader: Reader


class _NotReached(Exception):
    """The new build did not catch up with the old one while that was locked."""


def swap_builds(work: Work) -> bool:
    """Make the new build live. Return false if the old one was faster, or has partitions that the new one lacks."""
    try:
        with ExitStack() as readers:
            partitions = {number: _open(work, number, readers) for number in work.epochs}
            for number, partition in partitions.items():
                catch_up(work, partition, work.goals[number], time.monotonic() + LOCKED)
            with atomic():
                _swap(work, partitions)
    except _NotReached:
        pass
    except DatabaseError as error:
        work.told.tell(f"trying again: {work.topic.name}: {type(error).__name__}")
        connections.close_all()
    else:
        return True
    # The transaction was rolled back: what this process remembers of the index is stale.
    work.memory = Memory(values_of=work.values_of)
    for number, checkpoint in rows_of(work.topic.name).filter(build=work.build).values_list("number", "checkpoint"):
        work.reached[number] = checkpoint
    work.stop.wait(0.2)
    return False


def _open(work: Work, number: int, readers: ExitStack) -> _OpenPartition:
    writing = open_to_fill(work, number)
    after = writing.checkpoint.position or Edge.EARLIEST
    return _OpenPartition(
        writing=writing, reader=readers.enter_context(work.storage.log.open_reader(work.topic.name, number, after=after))
    )


def _swap(work: Work, partitions: Mapping[int, _OpenPartition]) -> None:
    """In a transaction: lock the old build, index the events that the new one lacks, and make the new one live."""
    rows = rows_of(work.topic.name)
    old = {row.number: row for row in rows.select_for_update().filter(live=True, ended_at=None).order_by("pk")}
    if any(number not in partitions and number < work.topic.partitions for number in old):
        raise _NotReached
    deadline = time.monotonic() + LOCKED
    for number, partition in partitions.items():
        goal = work.goals[number] if number in work.shortened or number not in old else old[number].checkpoint
        catch_up(work, partition, goal, deadline)
    abandon(rows.filter(pk__in=[row.pk for row in old.values()]))
    for number, (pk, _) in work.epochs.items():
        caught_up_at = old[number].caught_up_at if number in old else None
        fresh = rows.filter(pk=pk, owner=work.owner)
        if not fresh.update(live=True, owner="", leased_until=None, epoch=F("epoch") + 1, caught_up_at=caught_up_at):
            raise AnotherRebuild("Another process has taken this rebuild over. The live index is as it was.")


def catch_up(work: Work, partition: _OpenPartition, goal: str, deadline: float) -> None:
    """Index one partition up to the token ``goal``. Raises ``_NotReached`` if that takes too long."""
    writing = partition.writing
    while (writing.checkpoint.position.token if writing.checkpoint.position else "") < goal:
        if time.monotonic() > deadline or work.stop.is_set():
            raise _NotReached
        messages = partition.reader.read(limit=work.batch, timeout=0.5)
        events = events_in(messages, work.config.mappings, work.decode)
        if events:
            write_prepared(writing, prepare_events(work.topic, writing.key, events, work.values_of))
            work.reached[writing.number] = events[-1].position.token
