"""Read a partition's log for the check: from its first message to its present end, a bounded piece at a time."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eventstore.index.models import IndexedPartition
from eventstore.model.errors import InvalidPosition, StoreUnreachable
from eventstore.model.events import Message, Topic
from eventstore.model.log import Edge, Ends, Reader
from eventstore.model.storage import Storage

PIECE = 4_096
WAIT = 0.5
PATIENCE = 30.0
"""Seconds without a message, before the end that the store named, after which the check gives up."""


class Log:
    """A partition's log, for one thread. ``stopped``: a read was abandoned because the check was asked to stop."""

    def __init__(self, storage: Storage, topic: str, number: int, stop: threading.Event) -> None:
        self.storage, self.topic, self.number, self.stop = storage, topic, number, stop
        self.reader: Reader | None = None
        self.stopped = False
        self._waiting: deque[Message] = deque()
        self._until, self._reached = "", ""
        self.first: str | None = None
        """Before this token the store has nothing, as of the last time it was asked."""

    def begin(self) -> None:
        """Ask the store where the log begins, and where it ends now."""
        ends = self._ends()
        self.first = ends.first.beginning.token if ends.first else None
        self._until = ends.last.token if ends.last else ""

    def head(self) -> str | None:
        """Return the token of the next message; ``None`` at the end."""
        if not self._waiting and self._reached < self._until:
            self._read()
        return self._waiting[0].position.token if self._waiting else None

    def take_equal(self, tokens: Sequence[str]) -> list[Message]:
        """Take the messages already read, as long as each lies at the next of these tokens."""
        taken: list[Message] = []
        for token in tokens:
            if not self._waiting or self._waiting[0].position.token != token:
                break
            taken.append(self._waiting.popleft())
        return taken

    def trimmed(self, token: str) -> bool:
        """Return whether the store has trimmed the log up to this token, even if only a moment ago."""
        if self.first is not None and token >= self.first:
            ends = self._ends()
            self.first = ends.first.beginning.token if ends.first else None
        return self.first is None or token < self.first

    def label(self, token: str) -> str:
        """Return the position's label for people."""
        try:
            return self.storage.log.position(self.topic, self.number, token).label or token
        except InvalidPosition:
            return "a position that is none of this store"

    def _ends(self) -> Ends:
        found = self.storage.log.ends(self.topic)
        if self.number < len(found):
            return found[self.number]
        return Ends(topic=self.topic, partition=self.number, first=None, last=None)

    def _read(self) -> None:
        assert self.reader is not None
        deadline = time.monotonic() + PATIENCE
        while not self.stop.is_set():
            messages = self.reader.read(limit=PIECE, timeout=WAIT)
            if messages:
                self._reached = messages[-1].position.token
                self._waiting.extend(message for message in messages if message.position.token <= self._until)
                return
            if time.monotonic() > deadline:
                raise StoreUnreachable(f"The store stopped delivering {self.topic} before its end. Run this again.")
        self.stopped = True


@contextmanager
def open_log(storage: Storage, topic: Topic, row: IndexedPartition, stop: threading.Event) -> Iterator[Log]:
    """Open the log of this row's partition. A partition that the store no longer has is an empty log."""
    log = Log(storage, topic.name, row.number, stop)
    log.begin()
    if row.number >= topic.partitions:
        yield log
        return
    with storage.log.open_reader(topic.name, row.number, after=Edge.EARLIEST) as reader:
        log.reader = reader
        yield log
