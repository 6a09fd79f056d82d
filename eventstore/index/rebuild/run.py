"""Build a topic's index again beside the old one, which pages go on reading, and then swap the two.

The new build's rows are leased like all others, so that two rebuilds cannot meet. A rebuild that was stopped or crashed is
continued. The last events are indexed while the old build's rows are locked, in the transaction that makes the new build live.
So no page goes back by an event, and an indexer that wrote the old build notices and goes on with the new one.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.db.models import Max

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.index.indexer import leases
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.index.indexer.made_anew import PartitionMadeAnew
from eventstore.index.indexer.reader_threads import Readers
from eventstore.index.indexer.run import BATCH, PATIENCE, STOPPED_WITHIN, THREADS
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild.build import (
    AnotherRebuild,
    OnProgress,
    StillIndexed,
    Work,
    begun_on_another,
    leased,
    next_build,
    partitions_behind,
    rows_of,
    take_all,
    take_partitions,
    update_goals,
)
from eventstore.index.rebuild.remove_old import REMOVED, REMOVING, abandon, remove, segments_of, to_be_removed
from eventstore.index.rebuild.swap import swap_builds
from eventstore.index.writing.partition import CheckpointMoved, Memory
from eventstore.index.writing.writer import write_prepared
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Topic
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """How a rebuild ended. ``events`` counts those of the new build, ``before`` those of the old one."""

    topic: str
    events: int
    before: int
    live: bool
    """Whether pages read the new build now; otherwise the rebuild was stopped, and can be continued."""


def unfinished(topic: str) -> int | None:
    """Return the number of the build that a rebuild of this topic began and did not finish; ``None`` if there is none."""
    rows = rows_of(topic).filter(live=False).exclude(kind__in=(REMOVING, REMOVED))
    found: int | None = rows.aggregate(build=Max("build"))["build"]
    return found


def events_of(topic: str, build: int | None) -> int:
    """Return how many events this build has (``None``: the live one)."""
    rows = rows_of(topic).filter(ended_at=None, **({"live": True} if build is None else {"build": build}))
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
    """Build the topic's index again, going on with an unfinished rebuild, and make it live once it has caught up with the old
    one.

    Raises ``AnotherRebuild`` if another process rebuilds the topic, ``BegunOnAnother`` if the topic was made anew since an
    unfinished rebuild began, and ``StoreUnreachable`` if the store stops delivering: run it again to go on. Until the swap,
    and after any error, the old build stays live. ``remove_old`` removes what is left of it.
    """
    work = Work(
        storage=storage,
        config=config,
        topic=topic,
        build=_build_to_fill(topic),
        owner=new_owner(),
        values_of=values_of,
        memory=Memory(values_of=values_of),
        batch=batch,
        on_progress=on_progress,
        stop=stop,
        decode=Schemas(storage.schemas).decoded,
    )
    before = events_of(topic.name, None)
    try:
        live = _build_until_live(work)
    finally:
        leases.release(work.owner)
    return Rebuilt(topic=topic.name, events=events_of(topic.name, work.build), before=before, live=live)


def _build_to_fill(topic: Topic) -> int:
    """Return the number of the unfinished build, or of a new one if there is none that fits the topic's present kind."""
    begun = unfinished(topic.name)
    if begun is None:
        return next_build(topic.name)
    if rows_of(topic.name).filter(build=begun).exclude(kind=topic.kind.value).exists():
        discard(topic.name)
        return next_build(topic.name)
    return begun


def _build_until_live(work: Work) -> bool:
    """Fill the new build and swap it in; repeat if the old one was faster. Return false if it was stopped before that."""
    while not work.stop.is_set():
        take_partitions(work)
        _index_up_to_goals(work)
        if not work.stop.is_set() and swap_builds(work):
            return True
    return False


def discard(topic: str) -> bool:
    """Abandon an unfinished rebuild of this topic, for ``remove_old`` to remove. Return whether there was one."""
    build = unfinished(topic)
    if build is None:
        return False
    owner = new_owner()
    rows = rows_of(topic).filter(build=build, live=False)
    try:
        take_all(owner, rows)
        abandon(rows.filter(owner=owner))
    finally:
        leases.release(owner)
    return True


def forgettable(name: str) -> str | None:
    """Return the indexed topic of this name, or the only one whose last part is this name; ``None`` if there is none."""
    there = IndexedPartition.objects.exclude(kind=REMOVED).values_list("topic", flat=True).distinct()
    found = [topic for topic in there if name in (topic, topic.rpartition("/")[2])]
    exact = [topic for topic in found if topic == name]
    return (exact or found)[0] if exact or len(found) == 1 else None


def forget(topic: str) -> int:
    """Abandon the index of a topic that the store no longer has, for ``remove_old`` to remove. Return its number of events.

    Raises ``StillIndexed`` if an indexer has leased one of its partitions.
    """
    discard(topic)
    owner = new_owner()
    rows = rows_of(topic).filter(live=True, ended_at=None)
    events = events_of(topic, None)
    try:
        wanted = [leased(row) for row in rows]
        if len(leases.take(owner, wanted)) < len(wanted):
            raise StillIndexed(f"An indexer that runs now watches {topic}. Nothing was forgotten: end that one first.")
        abandon(rows.filter(owner=owner))
        abandon(rows_of(topic).filter(live=True, ended_at__isnull=False))  # nobody leases or writes these
    finally:
        leases.release(owner)
    return events


def remove_old(topic: str, on_segment: OnProgress, stop: threading.Event) -> bool:
    """Remove what is left of this topic's replaced or abandoned builds.

    Return false if it was stopped, or if another process is removing one of them.
    """
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
    """Return how many segments ``remove_old`` goes through."""
    return sum(segments_of(row) for row in to_be_removed(topic))


def _index_up_to_goals(work: Work) -> None:
    """Index until every partition has reached its goal, or until ``stop`` is set."""
    work.goals_due = 0.0
    update_goals(work)
    if not partitions_behind(work):
        return
    assigned = [
        AssignedPartition(topic=work.topic, number=number, row=row, epoch=epoch, build=work.build)
        for number, (row, epoch) in work.epochs.items()
    ]
    with _reading(work, assigned) as queue:
        _write_all(work, queue, assigned)


@contextmanager
def _reading(work: Work, assigned: Sequence[AssignedPartition]) -> Iterator[BatchQueue]:
    """Read these partitions into the queue, in threads that end afterwards."""
    readers = Readers(
        storage=work.storage,
        config=work.config,
        values_of=work.values_of,
        batch=work.batch,
        memory=work.memory,
        queue=BatchQueue(),
    )
    for one in assigned:
        readers.schedule.put(one, time.monotonic())
    readers.start(min(THREADS, len(assigned)))
    try:
        yield readers.queue
    finally:
        for one in assigned:
            one.gone = True
        readers.queue.close()
        readers.stop(STOPPED_WITHIN)


def _write_all(work: Work, queue: BatchQueue, assigned: Sequence[AssignedPartition]) -> None:
    """Write what the threads read, until every goal is reached. Raise what holds it up if nothing moves for too long."""
    moved = time.monotonic()
    while partitions_behind(work) and not work.stop.is_set():
        batch = queue.take(0.25)
        if batch is not None and not batch.opened.failed and _write(work, batch):
            moved = time.monotonic()
        update_goals(work)
        errors = [error for one in assigned for error in one.errors]
        if anew := next((error for error in errors if isinstance(error, PartitionMadeAnew)), None):
            raise begun_on_another(work, anew)
        if time.monotonic() - moved > PATIENCE:
            raise errors[0] if errors else _standstill(work)


def _standstill(work: Work) -> StoreUnreachable:
    return StoreUnreachable(f"Nothing more came of {work.topic.name} before its end. Run this again to continue.")


def _write(work: Work, batch: Batch) -> bool:
    """Write one batch into the new build; return false if the database did not take it, so that it is read again."""
    assigned = batch.opened.assigned
    try:
        write_prepared(batch.opened.writing, batch.prepared)
    except CheckpointMoved as error:
        raise AnotherRebuild(f"{error} This rebuild has ended; the live index is as it was.") from error
    except DatabaseError as error:
        assigned.log_failure(error)
        batch.opened.failed = True
        assigned.note_failure(error, len(batch.prepared))
        connections.close_all()
        return False
    batch.opened.written += 1
    assigned.mark_ok(len(batch.prepared))
    work.reached[assigned.number] = batch.prepared.last.token
    work.on_progress(len(batch.prepared))
    return True
