"""Indexing a topic anew beside its old index, which pages go on reading, and putting the new one in its place at once.

The new build's rows are leased like any others, so that two rebuilds do not meet; what was built before a stop or a crash is
taken up again. The last events are read and indexed while the old build's rows are locked, in the very transaction that makes
the new build live: no page goes back by an event, and an indexer that wrote the old one notices and goes on with the new.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.db.models import Max

from eventstore.config.loading import Config
from eventstore.index.indexer import leases
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.index.indexer.reader_threads import Readers, ValuesOf
from eventstore.index.indexer.run import BATCH, PATIENCE, STOPPED_WITHIN, THREADS
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild.build import (
    AnotherRebuild,
    OnProgress,
    StillIndexed,
    Work,
    behind,
    leased,
    look,
    next_build,
    rows_of,
    take_all,
    take_partitions,
)
from eventstore.index.rebuild.remove_old import REMOVED, REMOVING, give_up, remove, segments_of, to_be_removed
from eventstore.index.rebuild.swap import swap_builds
from eventstore.index.writing.partition import CheckpointMoved
from eventstore.index.writing.writer import write_prepared
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Topic
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """How a rebuild ended. ``events`` are those of the new build, ``before`` those of the one that it replaces."""

    topic: str
    events: int
    before: int
    live: bool
    """Whether the new build is what pages read now: otherwise it was stopped, and can be taken up again."""


def unfinished(topic: str) -> int | None:
    """The number of the build that a rebuild of this topic began and did not finish; ``None`` for none."""
    rows = rows_of(topic).filter(live=False).exclude(kind__in=(REMOVING, REMOVED))
    found: int | None = rows.aggregate(build=Max("build"))["build"]
    return found


def events_of(topic: str, build: int | None) -> int:
    """How many events this build has (``None``: the live one)."""
    rows = rows_of(topic).filter(live=True) if build is None else rows_of(topic).filter(build=build)
    return sum(rows.values_list("next_ordinal", flat=True))


def rebuild_topic(
    storage: Storage,
    config: Config,
    topic: Topic,
    on_progress: OnProgress,
    stop: threading.Event,
    *,
    values_of: ValuesOf | None = None,
    batch: int = BATCH,
) -> Rebuilt:
    """Index the topic anew, taking up an unfinished rebuild, and make the new build live when it is as far as the old one.

    ``AnotherRebuild`` where somebody else does so now; ``StoreUnreachable`` where the store goes quiet: run it again to go
    on. Until the end, and after any error, the old build stays as it is. What it leaves is for ``remove_old``.
    """
    begun = unfinished(topic.name)
    if begun is not None and rows_of(topic.name).filter(build=begun).exclude(kind=topic.kind.value).exists():
        discard(topic.name)  # it was begun as another kind of topic
        begun = None
    build = begun or next_build(topic.name)
    work = Work(
        storage=storage,
        config=config,
        topic=topic,
        build=build,
        owner=new_owner(),
        values_of=values_of,
        batch=batch,
        on_progress=on_progress,
        stop=stop,
        decode=Schemas(storage.schema).decoded,
    )
    before, live = events_of(topic.name, None), False
    try:
        while not live and not stop.is_set():
            take_partitions(work)
            _read_up(work)
            live = not stop.is_set() and swap_builds(work)
    finally:
        leases.release(work.owner)
    return Rebuilt(topic=topic.name, events=events_of(topic.name, build), before=before, live=live)


def discard(topic: str) -> bool:
    """Give up an unfinished rebuild of this topic, for ``remove_old`` to remove; whether there was one."""
    build = unfinished(topic)
    if build is None:
        return False
    owner = new_owner()
    rows = rows_of(topic).filter(build=build, live=False)
    try:
        take_all(owner, rows)
        give_up(rows.filter(owner=owner))
    finally:
        leases.release(owner)
    return True


def forgettable(name: str) -> str | None:
    """The only topic of this name, or of this last part of its name, of which the index has anything."""
    there = IndexedPartition.objects.exclude(kind=REMOVED).values_list("topic", flat=True).distinct()
    found = [topic for topic in there if name in (topic, topic.rpartition("/")[2])]
    exact = [topic for topic in found if topic == name]
    return (exact or found)[0] if exact or len(found) == 1 else None


def forget(topic: str) -> int:
    """Give up all that the index has of this topic, which the store no longer has, for ``remove_old`` to remove; answers how
    many events of it pages have found so far.

    ``StillIndexed`` where an indexer has a partition of it: that one watches it.
    """
    discard(topic)
    owner = new_owner()
    rows = rows_of(topic).filter(live=True)
    events = events_of(topic, None)
    try:
        wanted = [leased(row) for row in rows]
        if len(leases.take(owner, wanted)) < len(wanted):
            raise StillIndexed(f"An indexer that runs now watches {topic}. Nothing was forgotten: end that one first.")
        give_up(rows.filter(owner=owner))
    finally:
        leases.release(owner)
    return events


def remove_old(topic: str, on_segment: OnProgress, stop: threading.Event) -> bool:
    """Remove what is left of builds of this topic that were replaced or given up; ``False`` where it was stopped, or where
    another process is at it."""
    owner = new_owner()
    done = True
    try:
        for row in to_be_removed(topic):
            if stop.is_set() or not leases.take(owner, [leased(row)], live=False):
                done = False
                continue
            done &= remove(row, owner, on_segment, stop)
    finally:
        leases.release(owner)
    return done


def segments_to_remove(topic: str) -> int:
    """How many segments ``remove_old`` goes through."""
    return sum(segments_of(row) for row in to_be_removed(topic))


def _read_up(work: Work) -> None:
    """Index until every partition is as far as the live build was at the last look, or until ``stop``."""
    work.look_at = 0.0
    look(work)
    if not behind(work):
        return
    readers = Readers(
        storage=work.storage,
        config=work.config,
        values_of=work.values_of,
        batch=work.batch,
        memory=work.memory,
        queue=BatchQueue(),
    )
    assigned = [
        AssignedPartition(topic=work.topic, number=number, row=row, epoch=epoch, build=work.build)
        for number, (row, epoch) in work.epochs.items()
    ]
    for one in assigned:
        readers.schedule.put(one, time.monotonic())
    readers.start(min(THREADS, len(assigned)))
    try:
        _write_all(work, readers.queue, assigned)
    finally:
        for one in assigned:
            one.gone = True
        readers.queue.close()
        readers.stop(STOPPED_WITHIN)


def _write_all(work: Work, queue: BatchQueue, assigned: Sequence[AssignedPartition]) -> None:
    moved = time.monotonic()
    while behind(work) and not work.stop.is_set():
        batch = queue.take(0.25)
        if batch is not None and not batch.opened.failed and _written(work, batch):
            moved = time.monotonic()
        look(work)
        if time.monotonic() - moved > PATIENCE:
            errors = [error for one in assigned for error in one.errors]
            raise (
                errors[0]
                if errors
                else StoreUnreachable(f"Nothing more came of {work.topic.name} before its end. Run this again to go on.")
            )


def _written(work: Work, batch: Batch) -> bool:
    """Whether the batch is in the new build; a database that did not take it is asked again."""
    number = batch.opened.assigned.number
    try:
        write_prepared(batch.opened.writing, batch.prepared)
    except CheckpointMoved as error:
        raise AnotherRebuild(f"{error} This rebuild has ended; the live index is as it was.") from error
    except DatabaseError as error:
        log.warning("%s: trying again: %s", batch.opened.assigned, type(error).__name__)
        batch.opened.failed = True
        batch.opened.assigned.errors = [error]
        connections.close_all()
        return False
    batch.opened.assigned.mark_ok()
    work.reached[number] = batch.prepared.last.token
    work.on_progress(len(batch.prepared))
    return True
