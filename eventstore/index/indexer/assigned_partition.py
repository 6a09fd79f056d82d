"""A partition that this process has leased, and its open reader."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError

from eventstore.envelope.usual import UsualPiece
from eventstore.index.indexer.failures import Answers, Narrowing, error_text, may_be_the_message
from eventstore.index.indexer.made_anew import verify
from eventstore.index.processes.remote import ProcessGone, RemoteReader
from eventstore.index.tables.database import database_error_text
from eventstore.index.writing.drafting import Drafter, Ways
from eventstore.index.writing.partition import CheckpointMoved, Memory, Partition, learn_incarnation, open_partition
from eventstore.model.errors import EventStoreError, NotPermitted, StoreUnreachable, UnknownTopic, place_of, words_of
from eventstore.model.events import Message, Position, Topic
from eventstore.model.log import Edge, Reader
from eventstore.model.pieces import Piece, pieces_of
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two reads of an idle partition: at first, and in the end."""
LONGEST_TOLD = 30.0
"""The same in the end where the store tells when something comes."""
FIRST_TROUBLE, LONGEST_TROUBLE = 0.2, 5.0
"""Seconds until a partition is opened again after an error: at first, and in the end."""
NOT_PERMITTED_TROUBLE = 20.0
"""The same in the end where the store does not permit it: somebody has to grant that first."""
OFTEN = 3
"""Failures in a row after which a partition is named on the pages."""


@dataclass(kw_only=True, slots=True, eq=False)
class OpenPartition:
    """A reader that goes on at the writer's checkpoint. ``failed``: one of the two has met an error, and both are stale.

    ``fresh``: nothing was read yet, so that the next message is the first one after the checkpoint. ``idle``: the last read
    found nothing. ``told``: the store tells when something comes. ``queued`` and ``written`` count batches; each is changed by
    one thread only.
    """

    assigned: "AssignedPartition"
    writing: Partition
    reader: Reader
    drafter: Drafter
    remote: RemoteReader | None = None
    """Set while another process reads it. ``reader`` is closed then."""
    at: Position | None = None
    """The last position that was read, if there is one."""
    full: int = 0
    """How many reads in a row have returned much."""
    failed: bool = False
    fresh: bool = True
    idle: bool = False
    told: bool = False
    queued: int = 0
    written: int = 0

    def pieces(self, limit: int, timeout: float) -> Iterator[Piece | UsualPiece | Sequence[Message]]:
        """Yield what was read next, wherever it is read."""
        if self.remote is not None:
            return self.remote.pieces(limit=limit, timeout=timeout)
        if self.drafter.wants_pieces():
            return pieces_of(self.reader, limit=limit, timeout=timeout)
        found = self.reader.read(limit=limit, timeout=timeout)
        return iter([found] if found else [])

    def close(self) -> None:
        """Close the reader, wherever it is."""
        if self.remote is not None:
            self.remote.close()
        else:
            self.reader.close()

    @property
    def all_written(self) -> bool:
        """Whether everything that was read is written."""
        return not self.failed and self.queued == self.written


@dataclass(kw_only=True, slots=True, eq=False)
class AssignedPartition:
    """A leased partition. One thread at a time reads it (see ``schedule``), and only the writing thread writes it.

    ``gone``: it was released or lost, so nothing more of it may be written.
    """

    topic: Topic
    number: int
    row: int
    epoch: int
    build: int | None = None
    """The number of the row's build; ``None``: the live one."""
    opened: OpenPartition | None = None
    pause: float = 0.0
    trouble: float = 0.0
    gone: bool = False
    was_gone: bool = False
    """Whether the store did not have it for a time before it was leased."""
    errors: list[Exception] = field(default_factory=list)
    """The last error, while it is waited out."""
    told: str = ""
    """What the log said last of its errors, until it works again."""
    failures: int = 0
    """How often it has failed in a row."""
    failing_since: float = 0.0
    """When the first of these failures was, in monotonic seconds."""
    works: bool = False
    """Whether it has been read or written without an error since the last one."""
    narrowing: Narrowing = field(default_factory=Narrowing)
    alone: bool = False
    """Whether its next batch is written in a transaction of its own, so that one with others does not fail of it again."""
    stays: bool = False
    """Whether another process has failed on it in a way that nobody foresaw: it is read in this one."""
    hurried: bool = False
    """Whether something came while a thread had it. Belongs to the schedule."""
    published: datetime | None = None
    """When the last indexed event was published."""
    end_known: bool = False
    """Whether an end that the store has told since it was leased is indexed. Until then nobody knows what waits."""

    def open(self, storage: Storage, memory: Memory, ways: Ways) -> OpenPartition:
        """Open the partition at its checkpoint.

        Raises ``CheckpointMoved`` if this lease is no longer valid, and ``PartitionMadeAnew`` if the store has another log of
        this name.
        """
        writing = open_partition(self.topic, self.number, memory, build=self.build)
        if (writing.id, writing.epoch) != (self.row, self.epoch):
            raise CheckpointMoved("Another indexer has taken this partition over.")
        incarnation = storage.log.incarnation(self.topic.name, self.number)
        if verify(storage.log, writing, incarnation, was_gone=self.was_gone):
            learn_incarnation(writing, incarnation)
        after = writing.checkpoint.position or Edge.EARLIEST
        reader = storage.log.open_reader(self.topic.name, self.number, after=after)
        drafter = Drafter(self.topic, writing.key, ways)
        self.opened = OpenPartition(assigned=self, writing=writing, reader=reader, drafter=drafter)
        self.pause = 0.0
        return self.opened

    def doubt(self) -> None:
        """Have it opened again, since it may be another log by now. May be called from any thread."""
        if (opened := self.opened) is not None:
            opened.failed = True

    def close(self) -> None:
        """Close the reader."""
        opened, self.opened = self.opened, None
        if opened is not None:
            opened.failed = True
            opened.close()

    def backoff_idle(self) -> float:
        """Note that nothing came; return how many seconds to leave the partition alone.

        That is no sign that it works while a batch is not yet written, or while the messages are still to come of which one
        may make it fail: Pulsar often delivers nothing at first to a reader that was just opened.
        """
        if (opened := self.opened) is not None:
            opened.idle = True
            if opened.all_written and not self.narrowing.suspects:
                self._note_works()
        longest = LONGEST_TOLD if opened is not None and opened.told else LONGEST_PAUSE
        self.pause = min(max(self.pause * 1.5, SHORTEST_PAUSE), longest)
        return self.pause

    def note_failure(self, error: Exception, messages: int | None) -> None:
        """Note an error of this many messages after the checkpoint; ``None``: of those, or of other partitions' messages."""
        self.errors, self.works = [error], False
        if not self.failures:
            self.failing_since = time.monotonic()
        self.failures += not isinstance(error, CheckpointMoved | UnknownTopic | ProcessGone)
        if not may_be_the_message(error):
            return
        if messages is None:
            self.alone = True
        else:
            self.narrowing.note_failure(messages, words_of(error))

    def log_failure(self, error: Exception) -> None:
        """Log what holds the partition up, once in the same words. The text of an unforeseen error is left out, because it may
        quote a payload."""
        # A topic that is gone is released with the next list of topics, and the end of a process was told of once.
        if isinstance(error, CheckpointMoved | UnknownTopic | ProcessGone):
            log.info("%s: %s", self, error)
            return
        level = logging.WARNING
        if isinstance(error, EventStoreError):
            text = f"trying again: {error}"
        elif isinstance(error, DatabaseError):
            text = f"trying again: {database_error_text(error)}"
        else:
            level = logging.ERROR
            text = f"trying again after an unforeseen {type(error).__name__} at {place_of(error)}"
        if text != self.told:
            self.told = text
            log.log(level, "%s: %s", self, text)

    def trouble_words(self, answers: Answers) -> str | None:
        """Why it fails again and again; empty if it works, ``None`` if that is not known yet.

        While the store as a whole is away, no partition is named: pages say that once, and it is nothing of the partition's.
        """
        error = next(iter(self.errors), None)  # another thread may clear them
        if self.failures >= OFTEN and error is not None:
            if isinstance(error, StoreUnreachable) and not answers.blame_the_partition(self.failing_since):
                return None
            return error_text(error)
        return "" if self.works else None

    def backoff_error(self) -> float:
        """Return how many seconds to leave the partition alone after an error."""
        # While the messages that may be the reason become fewer, the next try is another one.
        refused = any(isinstance(error, NotPermitted) for error in tuple(self.errors))
        longest = FIRST_TROUBLE if self.narrowing.suspects > 1 else NOT_PERMITTED_TROUBLE if refused else LONGEST_TROUBLE
        self.trouble = min(max(self.trouble * 2, FIRST_TROUBLE), longest)
        return self.trouble

    def mark_ok(self, messages: int, published: datetime | None = None) -> None:
        """Note that a batch of this many messages was written, whose last event was published then."""
        self.published = published or self.published
        self.narrowing.note_success(messages)
        self.alone = self.alone and self.narrowing.suspects > 0
        self._note_works()

    def note_end(self) -> None:
        """Note that the store's end of the partition is indexed. If its reader works, no message is left to fail."""
        self.end_known = True
        opened = self.opened  # read once: a reader thread may close it
        if opened is not None and opened.idle and opened.all_written:
            self.narrowing = Narrowing()
            self._note_works()

    def _note_works(self) -> None:
        """Forget the errors. The next one starts a new backoff."""
        self.trouble, self.failures, self.works = 0.0, 0, True
        self.errors.clear()
        if self.told:
            self.told = ""
            log.warning("%s: works again.", self)

    def __str__(self) -> str:
        return f"{self.topic.name} partition {self.number}"
