"""Putting a new build in the old one's place: in one transaction, and with no event less than the old one has by then."""

import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.db.models import F

from eventstore.index.rebuild.build import AnotherRebuild, Work, rows_of
from eventstore.index.rebuild.remove_old import give_up
from eventstore.index.tables.database import atomic
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.partition import Memory, Partition, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.storage import Edge, Reader

log = logging.getLogger(__name__)

LOCKED = 3.0
"""Seconds that the old build's rows are locked, at most, for reading the last events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lane:
    writing: Partition
    reader: Reader


class _NotYet(Exception):
    """The new build did not reach the old one while that was locked."""


def swap_builds(work: Work) -> bool:
    """Make the new build live; ``False`` where the old one was faster, or has partitions that the new one has not."""
    try:
        with ExitStack() as readers:
            lanes = {number: _lane(work, number, readers) for number in work.epochs}
            for number, lane in lanes.items():
                catch_up(work, lane, work.goals[number], time.monotonic() + LOCKED)
            with atomic():
                _swap(work, lanes)
    except _NotYet:
        pass
    except DatabaseError as error:
        log.warning("%s: trying the exchange again: %s", work.topic.name, type(error).__name__)
        connections.close_all()
    else:
        return True
    # What was read in the transaction is not in the index after all: everything is stale.
    work.memory = Memory()
    for number, checkpoint in rows_of(work.topic.name).filter(build=work.build).values_list("number", "checkpoint"):
        work.reached[number] = checkpoint
    work.stop.wait(0.2)
    return False


def _lane(work: Work, number: int, readers: ExitStack) -> _Lane:
    writing = open_partition(work.topic, number, work.memory, build=work.build)
    after = writing.checkpoint.position or Edge.EARLIEST
    return _Lane(writing=writing, reader=readers.enter_context(work.storage.open_reader(work.topic.name, number, after=after)))


def _swap(work: Work, lanes: Mapping[int, _Lane]) -> None:
    """In a transaction: what comes between the two builds, and the exchange itself."""
    rows = rows_of(work.topic.name)
    old = {row.number: row for row in rows.select_for_update().filter(live=True).order_by("pk")}
    if any(number not in lanes and number < work.topic.partitions for number in old):
        raise _NotYet
    deadline = time.monotonic() + LOCKED
    for number, lane in lanes.items():
        goal = work.goals[number] if number in work.shortened or number not in old else old[number].checkpoint
        catch_up(work, lane, goal, deadline)
    give_up(rows.filter(pk__in=[row.pk for row in old.values()]))
    for number, (pk, _) in work.epochs.items():
        caught_up_at = old[number].caught_up_at if number in old else None
        fresh = rows.filter(pk=pk, owner=work.owner)
        if not fresh.update(live=True, owner="", leased_until=None, epoch=F("epoch") + 1, caught_up_at=caught_up_at):
            raise AnotherRebuild("Another process has taken this rebuild over. The live index is as it was.")


def catch_up(work: Work, lane: _Lane, goal: str, deadline: float) -> None:
    """Index one partition up to this token; ``_NotYet`` where that takes too long."""
    writing = lane.writing
    while (writing.checkpoint.position.token if writing.checkpoint.position else "") < goal:
        if time.monotonic() > deadline or work.stop.is_set():
            raise _NotYet
        messages = lane.reader.read(limit=work.batch, timeout=0.5)
        events = events_in(messages, work.config.mappings, work.decode)
        if events:
            write_batch(writing, events, work.values_of(work.topic, events) if work.values_of else ())
            work.reached[writing.number] = events[-1].position.token
