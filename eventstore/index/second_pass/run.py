"""Go through the partitions whose older events lack values that are declared now, piece by piece.

Whoever indexes a partition passes over it too, under the same lease: so several indexers share both. Rows that nobody indexes
any more, of topics that are gone or were made anew, lose what is no longer declared; their log cannot be read again.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, connections

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.index.indexer import leases
from eventstore.index.indexer.failures import error_text
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.index.models import IndexedPartition
from eventstore.index.second_pass.noting import note_done, note_moved, note_trouble
from eventstore.index.second_pass.pieces import Passed, pass_piece
from eventstore.index.second_pass.rereading import Rereader, Stopped, require_same_log
from eventstore.index.tables.declared import UNKNOWN, declaration_by, first_other, parts
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.partition import CheckpointMoved
from eventstore.model.errors import EventStoreError, StoreUnreachable, ToldOnce, words_of
from eventstore.model.events import Topic, TopicKind
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

log = logging.getLogger(__name__)

LOOK_AGAIN, LOOK_SOON = 10.0, 0.1
"""Seconds until the next look at what is to be done: if there was nothing, and otherwise."""
A_TURN = 2.0
"""Seconds for which one partition is passed over before it is the next one's turn."""
LONGEST_REST = 0.5
"""After a piece, the pass rests for as long as that took, so that indexing goes on; at most so many seconds."""
TROUBLE = 5.0
"""Seconds until a partition in which the pass failed is tried again."""
PATIENCE = 120.0
SHORTEST = 1e-3


@dataclass(kw_only=True, slots=True)
class Passing:
    """What to pass over, and how. ``owner``: the indexer whose partitions these are."""

    storage: Storage
    config: Config
    values_of: ValuesOf | None
    stop: threading.Event
    owner: str = field(default_factory=new_owner)
    rest: float = 1.0
    """For how many times as long as a piece took the pass rests after it."""
    failed_at: dict[int, float] = field(default_factory=dict)
    """When a partition row failed last, in monotonic seconds."""
    done: set[int] = field(default_factory=set)
    """Rows of topics that are gone which this process has passed over: an indexer with another configuration may, too."""
    told: ToldOnce = field(default_factory=lambda: ToldOnce(log, "The second pass"))


@contextmanager
def passing(work: Passing) -> Iterator[None]:
    """Pass over the partitions that the owner has, in a thread of its own, as long as the block runs."""
    over = threading.Event()
    thread = threading.Thread(target=_run, args=(work, over), name="index second pass", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2 * LONGEST_REST)


def pass_all(work: Passing, patience: float = PATIENCE) -> int:
    """Pass over every partition, and wait for those that another indexer has. Return how many events this process did.

    Raises ``StoreUnreachable`` if nothing has moved for so many seconds.
    """
    total, moved, last = 0, time.monotonic(), -1
    while not work.stop.is_set():
        rows = [row for row in _rows(work) if row.pk not in work.done]
        left = sum(behind - first for row in rows for first, behind, of in parts(row.declared, row.next_ordinal))
        if not rows:
            break
        if left != last:
            moved, last = time.monotonic(), left
        elif time.monotonic() - moved > patience:
            raise StoreUnreachable("Not all older events have their searchable values yet. Run this again to continue.")
        total += _pass_free(work, {row.pk for row in rows})
        work.stop.wait(LOOK_SOON)
    return total


def _pass_free(work: Passing, rows: Collection[int]) -> int:
    """Pass over those of these rows that nobody has leased, or will, one turn each."""
    free = [leased for leased in leases.partitions() if leased.free and not leased.gone and leased.id in rows]
    leases.take(work.owner, free)
    try:
        return sum(_turn(work, row, work.stop) for row in _due(work))
    finally:
        leases.release(work.owner)


def _run(work: Passing, over: threading.Event) -> None:
    try:
        while not over.is_set() and not work.stop.is_set():
            pause = LOOK_AGAIN
            try:
                for row in _due(work):
                    pause = LOOK_SOON
                    _turn(work, row, over)
                work.told.over()
            except DatabaseError as error:
                work.told.tell(f"trying again: {type(error).__name__}")
                connections.close_all()
            except Exception as error:  # noqa: BLE001 -- an answer that nobody foresaw must not end the pass for good
                work.told.tell(f"trying again after an unforeseen {words_of(error)}")
            over.wait(pause)
    finally:
        connections.close_all()


def _rows(work: Passing) -> list[IndexedPartition]:
    """Return the rows that pages read with events of another declaration than that of now."""
    return [row for row in IndexedPartition.objects.filter(live=True, next_ordinal__gt=0) if _is_behind(work, row)]


def _is_behind(work: Passing, row: IndexedPartition) -> bool:
    fingerprint = declaration_by(work.values_of, _topic_of(row)).fingerprint
    return fingerprint != UNKNOWN and first_other(row.declared, row.next_ordinal, fingerprint) is not None


def _due(work: Passing) -> Iterator[IndexedPartition]:
    """Yield the rows that are this process's to pass over, each once."""
    for row in _rows(work):
        waited = time.monotonic() - work.failed_at.get(row.pk, -TROUBLE)
        if waited >= TROUBLE and (row.owner == work.owner or (_has_no_log(row) and row.pk not in work.done)):
            yield row


def _has_no_log(row: IndexedPartition) -> bool:
    """Whether the store has not what was indexed: the topic was made anew, or is gone, and nobody has leased it."""
    return row.ended_at is not None or (row.gone_at is not None and not row.owner)


def _topic_of(row: IndexedPartition) -> Topic:
    return Topic(name=row.topic, kind=TopicKind(row.kind))


def _turn(work: Passing, row: IndexedPartition, over: threading.Event) -> int:
    """Pass over one partition for a while; return how many events that were."""
    topic = _topic_of(row)
    reader = None if _has_no_log(row) else Rereader(work.storage, topic, row.number, over)
    decode = Schemas(work.storage.schemas).decoded
    passed = Passed(
        topic=topic,
        id=row.pk,
        epoch=row.epoch,
        incarnation=row.incarnation,
        declaration=declaration_by(work.values_of, topic),
        values_of=work.values_of,
        events_in=lambda messages: events_in(messages, work.config.mappings, decode),
        reader=reader,
    )
    try:
        if reader is not None:
            require_same_log(work.storage.log, row)
        return _pieces(work, passed, over)
    except (CheckpointMoved, Stopped):
        return 0
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever one partition's messages do, the others go on
        work.failed_at[row.pk] = time.monotonic()
        note_trouble(row.pk, error_text(error))
        log.warning("%s partition %d: the second pass tries again: %s", row.topic, row.number, error_text(error))
        return 0
    finally:
        if reader is not None:
            with suppress(EventStoreError):
                reader.close()


def _pieces(work: Passing, passed: Passed, over: threading.Event) -> int:
    """Pass over pieces of one partition until its turn is over, or nothing is left; return how many events that were."""
    begun, events = time.monotonic(), 0
    while not over.is_set() and not work.stop.is_set() and time.monotonic() - begun < A_TURN:
        started = time.monotonic()
        count = pass_piece(passed)
        if count is None:
            note_done(passed.id)
            if passed.reader is None:
                work.done.add(passed.id)
            return events
        events += count
        note_moved(passed.id, events / max(time.monotonic() - begun, SHORTEST))
        over.wait(min(LONGEST_REST, work.rest * (time.monotonic() - started)))
    return events
