"""The reading threads: few, whatever the number of partitions. Each takes the partition that is due, reads what has come,
parses it and hands it over."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from django.db import DatabaseError, OperationalError, connections

from eventstore.config.loading import Config
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue
from eventstore.index.indexer.schedule import Schedule
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.prepared_batch import Stored, prepare_batch
from eventstore.index.writing.writer import CheckpointMoved, Memory
from eventstore.model.errors import EventStoreError, place_of
from eventstore.model.events import Event, Topic
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

log = logging.getLogger(__name__)

BUSY_WAIT = 0.02
"""Seconds that a partition which just delivered is waited for."""

ValuesOf = Callable[[Topic, Sequence[Event]], Sequence[Sequence[Stored]]]
"""The searchable values of each of these events of a topic; an empty sequence where the topic has none."""


class Readers:
    """So many threads that read from ``schedule`` into ``handover`` until the schedule is closed."""

    def __init__(
        self, *, storage: Storage, config: Config, values_of: ValuesOf | None, batch: int, memory: Memory, handover: BatchQueue
    ) -> None:
        self.storage, self.config, self.values_of, self.batch = storage, config, values_of, batch
        self.memory, self.handover = memory, handover
        self._decode = Schemas(storage.schema).decoded
        self.schedule = Schedule()
        self._threads: list[threading.Thread] = []

    def start(self, threads: int) -> None:
        for number in range(threads):
            thread = threading.Thread(target=self._run, name=f"index reader {number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """End all of them, and close what they had open, within so many seconds."""
        deadline = time.monotonic() + seconds
        left = self.schedule.close()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for followed in left:
            _closed(followed)

    def _run(self) -> None:
        try:
            while (followed := self.schedule.next()) is not None:
                due = self._look(followed)
                if due is None or not self.schedule.put(followed, due):
                    _closed(followed)
        finally:
            connections.close_all()

    def _look(self, followed: AssignedPartition) -> float | None:
        """Read what has come of this partition; when to look at it again (``None``: never)."""
        if followed.gone:
            return None
        try:
            opened = followed.opened
            if opened is not None and opened.failed:
                _closed(followed)
                return time.monotonic() + followed.failed()
            if opened is None:
                opened = followed.open(self.storage, self.memory)
            messages = opened.reader.read(limit=self.batch, timeout=0.0 if followed.pause else BUSY_WAIT)
            if not messages:
                return time.monotonic() + followed.quiet()
            mappings = self.config.mappings
            events = events_in(messages, mappings, self._decode)
            values = self.values_of(followed.topic, events) if self.values_of else ()
            followed.pause = 0.0
            draft = prepare_batch(followed.topic, opened.writing.key, events, values)
            del messages, events  # their payloads need not wait for the writer
            self.handover.put(Batch(opened=opened, draft=draft))
            return time.monotonic()
        except Exception as error:  # noqa: BLE001 -- whatever one partition's messages do, the others go on
            report(followed, error)
            connections.close_all()
            _closed(followed)
            return time.monotonic() + followed.failed(error)


def report(followed: AssignedPartition, error: Exception) -> None:
    """Say what holds a partition up. The text of an unforeseen error may hold a piece of a payload: it is left out."""
    if isinstance(error, CheckpointMoved):
        log.info("%s: %s", followed, error)
    elif isinstance(error, EventStoreError):
        log.warning("%s: trying again: %s", followed, error)
    elif isinstance(error, DatabaseError):
        log.warning("%s: trying again: %s", followed, in_words(error))
    else:
        log.error("%s: trying again after an unforeseen %s at %s", followed, type(error).__name__, place_of(error))


def in_words(error: DatabaseError) -> str:
    """What is wrong with the database. Other errors than those of its working may quote a value: of those, the kind alone."""
    kind = type(error).__name__
    return f"{kind}: {str(error).partition(chr(10))[0][:200]}" if isinstance(error, OperationalError) else kind


def _closed(followed: AssignedPartition) -> None:
    """Close what is open of it: a store that is away may refuse even that."""
    try:
        followed.close()
    except (EventStoreError, DatabaseError) as error:
        log.info("%s: closing: %s", followed, type(error).__name__)
