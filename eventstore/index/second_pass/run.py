"""Go through the partitions whose older events lack values that are declared now, piece by piece.

Whoever indexes a partition passes over it too, under the same lease: so several indexers share both. Rows that nobody indexes
now, of topics that are gone or were made anew, lose what is no longer declared. The log of one that is gone may come back, and
is read then.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, connections

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.index.indexer import leases
from eventstore.index.indexer.failures import error_text
from eventstore.index.indexer.lease_owner import new_owner, words_for
from eventstore.index.models import IndexedPartition
from eventstore.index.second_pass.noting import note_done, note_moved, note_trouble
from eventstore.index.second_pass.pieces import Passed, pass_piece
from eventstore.index.second_pass.rereading import Rereader, Stopped, require_same_log
from eventstore.index.tables.database import database_error_text, lacks_tables, opened_file, require_same_file
from eventstore.index.tables.declared import UNKNOWN, Declaration, declaration_by, to_pass
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
    events: int = 0
    """How many events this process has passed over."""
    told: ToldOnce = field(default_factory=lambda: ToldOnce(log, "The second pass"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Behind:
    """A partition row with ``left`` events of another declaration than that of now. ``has_log``: the store has what was
    indexed, as far as anybody knows. ``is_free``: nobody has leased it.
    """

    row: IndexedPartition
    topic: Topic
    declaration: Declaration
    left: int
    has_log: bool
    is_free: bool


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

    Raises ``StoreUnreachable`` or a ``DatabaseError`` if nothing has moved for so many seconds.
    """
    before, moved, last, file = work.events, time.monotonic(), (-1, -1), opened_file()
    behind: Sequence[_Behind] = ()
    trouble: DatabaseError | None = None
    while not work.stop.is_set():
        require_same_file(file)
        try:
            if not (behind := _behind(work)):
                break
            _pass_free(work, behind)
            work.told.over()
        except DatabaseError as error:
            if lacks_tables(error):
                raise
            trouble = error
            work.told.tell(f"trying again: {database_error_text(error)}")
            connections.close_all()
        if (now := (work.events, sum(one.left for one in behind))) != last:
            moved, last = time.monotonic(), now
        elif time.monotonic() - moved > patience:
            raise trouble or _standstill(behind)
        work.stop.wait(LOOK_SOON)
    return work.events - before


def _standstill(behind: Sequence[_Behind]) -> StoreUnreachable:
    if all(one.has_log and not one.is_free for one in behind):
        who = words_for(behind[0].row.owner)
        return StoreUnreachable(
            f"Not all older events have their searchable values yet. They are {who}'s to give, and it gives none: "
            "if it was started with another configuration, restart it, and it continues."
        )
    return StoreUnreachable("Not all older events have their searchable values yet. Run this again to continue.")


def _pass_free(work: Passing, behind: Sequence[_Behind]) -> None:
    """Pass over those of these rows that nobody has leased, or will, one turn each, each leased for its turn alone."""
    free = {leased.id: leased for leased in leases.partitions() if leased.free and not leased.gone}
    for one in behind:
        if work.stop.is_set() or not _may_be_tried(work, one):
            continue
        if not one.has_log:
            _turn(work, one, work.stop)
        elif one.row.pk in free and (epochs := leases.take(work.owner, [free[one.row.pk]])):
            one.row.epoch = epochs[one.row.pk]
            try:
                _turn(work, one, work.stop)
            finally:
                leases.release(work.owner, epochs)


def _run(work: Passing, over: threading.Event) -> None:
    try:
        while not over.is_set() and not work.stop.is_set():
            pause = LOOK_AGAIN
            try:
                for one in _due(work):
                    pause = LOOK_SOON
                    _turn(work, one, over)
                work.told.over()
            except DatabaseError as error:
                work.told.tell(f"trying again: {type(error).__name__}")
                connections.close_all()
            except Exception as error:  # noqa: BLE001 -- an answer that nobody foresaw must not end the pass for good
                work.told.tell(f"trying again after an unforeseen {words_of(error)}")
            over.wait(pause)
    finally:
        connections.close_all()


def _behind(work: Passing) -> list[_Behind]:
    """Return the rows that pages read with events of another declaration than that of now."""
    found = []
    for row in IndexedPartition.objects.filter(live=True, next_ordinal__gt=0).annotate(is_free=leases.is_free()):
        topic = Topic(name=row.topic, kind=TopicKind(row.kind))
        declaration = declaration_by(work.values_of, topic)
        if declaration.fingerprint == UNKNOWN:
            continue
        # The lease of one that is gone may be that of an indexer that went away with it.
        has_log = row.ended_at is None and (row.gone_at is None or not row.is_free)
        parts = to_pass(row.declared, row.next_ordinal, declaration, has_log=has_log)
        if left := sum(behind - first for first, behind, _ in parts):
            found.append(
                _Behind(row=row, topic=topic, declaration=declaration, left=left, has_log=has_log, is_free=bool(row.is_free))
            )
    return found


def _due(work: Passing) -> Iterator[_Behind]:
    """Yield the rows that are this process's to pass over, each once."""
    for one in _behind(work):
        if _may_be_tried(work, one) and (one.row.owner == work.owner or not one.has_log):
            yield one


def _may_be_tried(work: Passing, one: _Behind) -> bool:
    return time.monotonic() - work.failed_at.get(one.row.pk, -TROUBLE) >= TROUBLE


def _turn(work: Passing, one: _Behind, over: threading.Event) -> None:
    """Pass over one partition for a while."""
    row, topic = one.row, one.topic
    reader = Rereader(work.storage, topic, row.number, over) if one.has_log else None
    decode = Schemas(work.storage.schemas).decoded
    passed = Passed(
        topic=topic,
        id=row.pk,
        epoch=row.epoch,
        incarnation=row.incarnation,
        declaration=one.declaration,
        values_of=work.values_of,
        events_in=lambda messages: events_in(messages, work.config.mappings, decode),
        reader=reader,
    )
    try:
        if reader is not None:
            require_same_log(work.storage.log, row)
        _pieces(work, passed, over)
    except (CheckpointMoved, Stopped):
        return
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever one partition's messages do, the others go on
        work.failed_at[row.pk] = time.monotonic()
        note_trouble(row.pk, error_text(error))
        log.warning("%s partition %d: the second pass tries again: %s", row.topic, row.number, error_text(error))
    finally:
        if reader is not None:
            with suppress(EventStoreError):
                reader.close()


def _pieces(work: Passing, passed: Passed, over: threading.Event) -> None:
    """Pass over pieces of one partition until its turn is over, or nothing is left."""
    begun, events = time.monotonic(), 0
    while not over.is_set() and not work.stop.is_set() and time.monotonic() - begun < A_TURN:
        started = time.monotonic()
        count = pass_piece(passed)
        if count is None:
            note_done(passed.id)
            return
        events += count
        work.events += count
        note_moved(passed.id, events / max(time.monotonic() - begun, SHORTEST))
        over.wait(min(LONGEST_REST, work.rest * (time.monotonic() - started)))
