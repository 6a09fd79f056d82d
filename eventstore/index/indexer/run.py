"""Keep the index up with every topic: some reader threads, one writing thread, and a checkpoint in the transaction of each
batch.

The calling thread writes (``indexer``). The reader threads (``reader_threads``) serve all leased partitions in turn. One more
thread (``topic_watch``) looks for topics, and asks where they end.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import DatabaseError, connections
from django.utils import timezone

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.index.indexer import gc_tuning
from eventstore.index.indexer.batch_queue import BatchQueue
from eventstore.index.indexer.indexer import End, Indexer
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.index.indexer.leases import Leased
from eventstore.index.indexer.made_anew import end_those_made_anew
from eventstore.index.indexer.reader_threads import Readers
from eventstore.index.indexer.throughput import IndexerStatus, Meter
from eventstore.index.indexer.topic_watch import Watch
from eventstore.index.lookup import progress
from eventstore.index.tables.database import database_error_text, lacks_tables, opened_file, require_same_file
from eventstore.index.writing.partition import Memory
from eventstore.model.errors import EventStoreError, StoreUnreachable, ToldOnce
from eventstore.model.events import Topic
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)

BATCH = 20_000
THREADS = 4
STEP = 0.25
PATIENCE = 120.0
"""Seconds without progress after which an indexer that should come to an end gives up. A broker's restart took 50."""
STOPPED_WITHIN = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """What to index, and how. The calling thread calls both callbacks: ``on_batch(topic, partition, events)`` after each
    commit, and ``on_status`` about once a second.
    """

    storage: Storage
    config: Config
    stop: threading.Event
    on_batch: Callable[[str, int, int], None]
    on_status: Callable[[IndexerStatus], None] = lambda status: None
    batch: int = BATCH
    """Largest number of events in a transaction."""
    threads: int = THREADS
    """Number of reader threads."""
    processes: int = 1
    """Number of processes: this one, and those that read for it while there is much to read."""
    patience: float | None = None
    """Seconds without progress after which ``index_until_caught_up`` gives up; ``None``: ``PATIENCE``."""
    values_of: ValuesOf | None = None
    owner: str = field(default_factory=new_owner)


def run_until_stopped(following: Following) -> None:
    """Index every topic, including new ones, until ``stop`` is set. Errors are logged and waited out.

    Raises ``IndexReplaced`` if the index's file was removed or replaced, and the ``DatabaseError`` if tables are missing.
    """
    file = opened_file()
    told = ToldOnce(log, "The index's database")
    with _indexer(following) as indexer:
        _start(following, indexer, find=True)
        while not following.stop.is_set():
            require_same_file(file)
            _step(indexer, told)


def index_until_caught_up(following: Following) -> int:
    """Index everything that is there now, and return how many events *this* process has indexed.

    The goal is each topic's end at the start; later events may wait for the next run. Other indexers may take part: the
    partitions that they have are waited for, and taken over if they stop. Raises an ``EventStoreError`` or ``DatabaseError``
    if nothing has moved for ``following.patience`` seconds.
    """
    moment = timezone.now()
    topics = {topic.name: topic for topic in following.storage.log.topics()}
    ends = [ends for name in topics for ends in following.storage.log.ends(name)]
    goals = {(end.topic, end.partition): End(at=moment, last=end.last) for end in ends}

    end_those_made_anew(following.storage.log, topics, {shard: goal.last for shard, goal in goals.items()})

    def done(leased: Leased) -> bool:
        goal = goals.get((leased.topic, leased.number))
        return goal is None or goal.reached(leased.checkpoint)

    with _indexer(following, done) as indexer:
        indexer.topics, indexer.ends = topics, dict(goals)
        indexer.rebalance()
        if indexer.left:
            _start(following, indexer, find=False)
            _until_done(following, indexer)
        if not indexer.left:
            _tell_the_end(following, topics, moment)
    return indexer.total


def _tell_the_end(following: Following, topics: Mapping[str, Topic], moment: datetime) -> None:
    """Note that nothing waits of what was there at this moment, and tell so: the last measurement is older than the end."""
    progress.note_nothing_waits(following.owner, moment)
    told = progress.combined([one.progress for one in progress.topics() if one.topic in topics])
    following.on_status(
        IndexerStatus(progress=replace(told, caught_up=told.partitions, behind=0, published=None), elsewhere=0)
    )


def _until_done(following: Following, indexer: Indexer) -> None:
    total, left, moved, file = 0, [""], time.monotonic(), opened_file()
    trouble: DatabaseError | None = None
    told = ToldOnce(log, "The index's database")
    while indexer.left and not following.stop.is_set():
        require_same_file(file)
        trouble = _step(indexer, told) or trouble
        # Where this process gets on itself, hundreds of checkpoints need not be looked at after each batch.
        if indexer.total != total or [leased.checkpoint for leased in indexer.left] != left:
            total, left = indexer.total, [leased.checkpoint for leased in indexer.left]
            moved, trouble = time.monotonic(), None
        elif time.monotonic() - moved > (following.patience or PATIENCE):
            raise trouble or _standstill(indexer)


def _step(indexer: Indexer, told: ToldOnce) -> DatabaseError | None:
    """Take one step, and return the error if the index's database is away or busy: the next step notes what this one did not.

    Nothing is waited for if tables are missing: they do not come back by themselves.
    """
    try:
        indexer.step(STEP)
    except DatabaseError as error:
        if lacks_tables(error):
            raise
        told.tell(f"trying again: {database_error_text(error)}")
        connections.close_all()
        return error
    told.over("answers again.")
    return None


def _standstill(indexer: Indexer) -> Exception:
    """Return the error that has stopped all progress."""
    for assigned in indexer.held_now():
        for error in assigned.errors:
            if isinstance(error, EventStoreError | DatabaseError):
                return error
    left = indexer.left[0]
    return StoreUnreachable(
        f"Nothing more came of partition {left.number} of {left.topic} before its end. Run this again to continue."
    )


@contextmanager
def _indexer(following: Following, done: Callable[[Leased], bool] | None = None) -> Iterator[Indexer]:
    """Make the indexer, and end it afterwards. Leases are released first, so that another process can take over at once."""
    readers = Readers(
        storage=following.storage,
        config=following.config,
        values_of=following.values_of,
        batch=following.batch,
        memory=Memory(values_of=following.values_of),
        queue=BatchQueue(),
        processes=following.processes - 1,
    )
    indexer = Indexer(
        following.owner,
        readers,
        Meter(exact=following.storage.log.capabilities.amount_unit == "events"),
        on_batch=following.on_batch,
        on_status=following.on_status,
        done=done,
    )
    try:
        with gc_tuning.relaxed_gc():
            yield indexer
    finally:
        indexer.over.set()
        try:
            indexer.leave()
        except DatabaseError as error:
            log.warning("The leases were not given back, and expire within seconds: %s", type(error).__name__)
        readers.queue.close()
        readers.stop(STOPPED_WITHIN)
        if threading.current_thread() is not threading.main_thread():
            connections.close_all()


def _start(following: Following, indexer: Indexer, *, find: bool) -> None:
    indexer.readers.start(following.threads)
    watch = Watch(following.storage, indexer, find=find)
    threading.Thread(target=watch.run, name="index watch", daemon=True).start()
