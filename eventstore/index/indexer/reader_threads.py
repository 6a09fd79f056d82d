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
from eventstore.envelope.usual import UsualPiece
from eventstore.index.indexer.assigned_partition import AssignedPartition, OpenPartition
from eventstore.index.indexer.batch_queue import Batch, BatchQueue
from eventstore.index.indexer.made_anew import PartitionMadeAnew
from eventstore.index.indexer.schedule import Schedule
from eventstore.index.processes.remote import Processes, ReadingFailed
from eventstore.index.writing.drafting import Ways
from eventstore.index.writing.guarding import prepare_events
from eventstore.index.writing.partition import Memory
from eventstore.model.errors import EventStoreError
from eventstore.model.events import Message
from eventstore.model.pieces import Piece
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

log = logging.getLogger(__name__)

BUSY_WAIT = 0.02
"""Seconds that a read waits if the partition has just delivered."""
MUCH, OFTEN_MUCH = 5_000, 2
"""So many events in so many reads in a row are worth another process: more wait, and take longer than to start it."""
HOME_AFTER = 0.2
"""A partition comes back from another process when it is asked only every so many seconds: about a second without an event."""


class Readers:
    """Threads that read the partitions of ``schedule`` into ``queue``, until the schedule is closed."""

    def __init__(
        self,
        *,
        storage: Storage,
        config: Config,
        values_of: ValuesOf | None,
        batch: int,
        memory: Memory,
        queue: BatchQueue,
        processes: int = 0,
    ) -> None:
        """``processes``: how many others may read, beside this one."""
        self.storage, self.values_of, self.batch = storage, values_of, batch
        self.memory, self.queue = memory, queue
        self._ways = Ways(mappings=config.mappings, decode=Schemas(storage.schemas).decoded, values_of=values_of)
        self.processes = Processes(storage, processes)
        self.schedule = Schedule()
        self.made_anew: list[tuple[AssignedPartition, str]] = []
        """The partitions that turned out to be made anew, and what told. They are not read until the writer has begun anew."""
        self._threads: list[threading.Thread] = []
        self._found: dict[int, int] = {}
        """By thread: how many usual events its read has found, with those before it in a row that have found much."""

    def start(self, threads: int) -> None:
        for number in range(threads):
            thread = threading.Thread(target=self._run, name=f"index reader {number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float) -> None:
        """End all threads within so many seconds, and close the partitions that were left in the schedule."""
        deadline = time.monotonic() + seconds
        left = self.schedule.close()
        self.processes.end()
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
            assigned.log_failure(error)
            connections.close_all()
            _close(assigned)
            assigned.stays |= isinstance(error, ReadingFailed)
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
            opened = assigned.open(self.storage, self.memory, self._ways)
            opened.told = opened.reader.call_on_news(partial(self.schedule.hurry, assigned))
        limit = self._limit(opened)
        try:
            for piece in opened.pieces(limit, 0.0 if assigned.pause else BUSY_WAIT):
                self._draft(opened, piece)
                self._note_found(opened)
        finally:
            self._found[threading.get_ident()] = 0
        prepared = opened.drafter.taken()
        if prepared is None:
            pause = assigned.backoff_idle()
            if opened.remote is not None and pause >= HOME_AFTER:
                self._come_home(opened)
            return pause
        assigned.pause = 0.0
        opened.fresh = opened.idle = False
        opened.queued += 1
        opened.at = prepared.last
        opened.full = opened.full + 1 if len(prepared) >= min(MUCH, limit) else 0
        if opened.remote is not None and not opened.drafter.mostly_usual:
            self._come_home(opened)
        elif opened.full >= OFTEN_MUCH:
            self._move_out(opened)
        self.queue.put(Batch(opened=opened, prepared=prepared))  # waits for room, while the other process may read already
        return 0.0

    def _limit(self, opened: OpenPartition) -> int:
        """Return how many messages to read at a time: no more than are worth another process, while one may be on its way."""
        limit = opened.assigned.narrowing.limit(self.batch)
        return min(limit, MUCH) if opened.remote is None and self.processes.most else limit

    def _note_found(self, opened: OpenPartition) -> None:
        """Have a process started once the reads under way have found much together: it is ready when the first partition moves
        out. Four partitions would have had eight reads of much until then, each of which takes as long as four.
        """
        if opened.remote is None and self.processes.most:
            much, drafter = min(MUCH, self.batch), opened.drafter
            found = opened.full * much + drafter.usual_events if drafter.mostly_usual else 0
            self._found[threading.get_ident()] = found
            if found and sum(list(self._found.values())) >= OFTEN_MUCH * much:
                self.processes.one()

    def _move_out(self, opened: OpenPartition) -> None:
        """Have a partition with much to read read by another process, if one is ready, and if that gains anything: to move
        whole messages costs as much as to parse them."""
        assigned = opened.assigned
        trouble = assigned.stays or assigned.failures or assigned.narrowing.suspects
        if opened.remote is not None or trouble or not opened.drafter.mostly_usual:
            return
        process = self.processes.one()
        if process is not None and opened.at is not None:
            opened.remote, opened.told = process.open(opened.at), False
            opened.reader.close()

    def _come_home(self, opened: OpenPartition) -> None:
        """Read the partition in this process again: little comes at present, of which it is told at once, or what comes is to
        be looked at here."""
        remote, opened.remote = opened.remote, None
        if remote is not None and opened.at is not None:
            remote.close()
            opened.reader = self.storage.log.open_reader(opened.at.topic, opened.at.partition, after=opened.at)
            opened.told = opened.reader.call_on_news(partial(self.schedule.hurry, opened.assigned))
            opened.full = 0

    def _draft(self, opened: OpenPartition, piece: Piece | UsualPiece | Sequence[Message]) -> None:
        assigned = opened.assigned
        if isinstance(piece, UsualPiece) or not (opened.fresh and assigned.narrowing.is_found):
            opened.drafter.add(piece)
            return
        messages = piece.messages() if isinstance(piece, Piece) else piece
        events = [unreadable_event(message, assigned.narrowing.words) for message in messages]
        opened.drafter.add_prepared(prepare_events(assigned.topic, opened.writing.key, events, self.values_of))


def _close(assigned: AssignedPartition) -> None:
    """Close the partition's reader. A store that is away may refuse even that."""
    try:
        assigned.close()
    except (EventStoreError, DatabaseError) as error:
        log.info("%s: closing: %s", assigned, type(error).__name__)
