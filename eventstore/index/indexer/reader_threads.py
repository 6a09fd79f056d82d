"""The reader threads: few, however many partitions there are.

Each thread takes the partition that is due, reads and parses what has come, and puts it into the writer's queue.
"""

import logging
import threading
import time
from collections.abc import Sequence
from functools import partial

from django.db import DatabaseError, connections

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.envelope.parts import unreadable_event
from eventstore.index.indexer.assigned_partition import AssignedPartition, OpenPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue
from eventstore.index.indexer.failures import database_error_text
from eventstore.index.indexer.made_anew import PartitionMadeAnew
from eventstore.index.indexer.schedule import Schedule
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.guarding import prepare_events
from eventstore.index.writing.partition import CheckpointMoved, Memory
from eventstore.index.writing.prepared_batch import PreparedBatch
from eventstore.model.errors import EventStoreError, UnknownTopic, place_of
from eventstore.model.events import Message
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

log = logging.getLogger(__name__)

BUSY_WAIT = 0.02
"""Seconds that a read waits if the partition has just delivered."""


class Readers:
    """Threads that read the partitions of ``schedule`` into ``queue``, until the schedule is closed."""

    def __init__(
        self, *, storage: Storage, config: Config, values_of: ValuesOf | None, batch: int, memory: Memory, queue: BatchQueue
    ) -> None:
        self.storage, self.config, self.values_of, self.batch = storage, config, values_of, batch
        self.memory, self.queue = memory, queue
        self._decode = Schemas(storage.schemas).decoded
        self.schedule = Schedule()
        self.made_anew: list[tuple[AssignedPartition, str]] = []
        """The partitions that turned out to be made anew, and what told. They are not read until the writer has begun anew."""
        self._threads: list[threading.Thread] = []

    def start(self, threads: int) -> None:
        for number in range(threads):
            thread = threading.Thread(target=self._run, name=f"index reader {number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """End all threads within so many seconds, and close the partitions that were left in the schedule."""
        deadline = time.monotonic() + seconds
        left = self.schedule.close()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for assigned in left:
            _close(assigned)

    def _run(self) -> None:
        try:
            while (assigned := self.schedule.next()) is not None:
                due = self._read_next(assigned)
                if due is None or not self.schedule.put(assigned, due):
                    _close(assigned)
        finally:
            connections.close_all()

    def _read_next(self, assigned: AssignedPartition) -> float | None:
        """Read what has come to a partition, and queue it; return when the partition is due again (``None``: never)."""
        if assigned.gone:
            return None
        try:
            pause = self._pause_after_reading(assigned)
        except PartitionMadeAnew as error:
            assigned.errors = [error]
            self.made_anew.append((assigned, str(error)))
            return None
        except Exception as error:  # noqa: BLE001 -- whatever one partition's messages do, the others go on
            log_failure(assigned, error)
            connections.close_all()
            _close(assigned)
            assigned.note_failure(error, assigned.narrowing.limit(self.batch))
            pause = assigned.backoff_error()
        return time.monotonic() + pause

    def _pause_after_reading(self, assigned: AssignedPartition) -> float:
        """Read and queue one batch; return how many seconds the partition may be left alone."""
        opened = assigned.opened
        if opened is not None and opened.failed:
            _close(assigned)
            return assigned.backoff_error()
        if opened is None:
            opened = assigned.open(self.storage, self.memory)
            opened.reader.call_on_news(partial(self.schedule.hurry, assigned))
        limit = assigned.narrowing.limit(self.batch)
        messages = opened.reader.read(limit=limit, timeout=0.0 if assigned.pause else BUSY_WAIT)
        if not messages:
            return assigned.backoff_idle()
        assigned.pause = 0.0
        prepared = self._prepare(opened, messages)
        opened.fresh = opened.idle = False
        del messages  # their payloads need not wait for the writer
        opened.queued += 1
        self.queue.put(Batch(opened=opened, prepared=prepared))
        return 0.0

    def _prepare(self, opened: OpenPartition, messages: Sequence[Message]) -> PreparedBatch:
        assigned = opened.assigned
        if opened.fresh and assigned.narrowing.is_found:
            events = [unreadable_event(message, assigned.narrowing.words) for message in messages]
        else:
            events = events_in(messages, self.config.mappings, self._decode)
        return prepare_events(assigned.topic, opened.writing.key, events, self.values_of)


def log_failure(assigned: AssignedPartition, error: Exception) -> None:
    """Log what holds a partition up, once in the same words. The text of an unforeseen error is left out, because it may
    quote a payload."""
    if isinstance(error, CheckpointMoved | UnknownTopic):  # a topic that is gone is released with the next list of topics
        log.info("%s: %s", assigned, error)
        return
    level = logging.WARNING
    if isinstance(error, EventStoreError):
        text = f"trying again: {error}"
    elif isinstance(error, DatabaseError):
        text = f"trying again: {database_error_text(error)}"
    else:
        level = logging.ERROR
        text = f"trying again after an unforeseen {type(error).__name__} at {place_of(error)}"
    if text != assigned.told:
        assigned.told = text
        log.log(level, "%s: %s", assigned, text)


def _close(assigned: AssignedPartition) -> None:
    """Close the partition's reader. A store that is away may refuse even that."""
    try:
        assigned.close()
    except (EventStoreError, DatabaseError) as error:
        log.info("%s: closing: %s", assigned, type(error).__name__)
