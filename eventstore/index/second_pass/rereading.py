"""Read the messages at known places of a partition's log again, in order."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from eventstore.index.models import IndexedPartition
from eventstore.model.errors import EventStoreError, StoreUnreachable
from eventstore.model.events import Message, Position, Topic
from eventstore.model.log import Edge, Ends, Log, Reader
from eventstore.model.storage import Storage

AT_ONCE = 5_000
WAIT = 0.5
PATIENCE = 30.0
"""Seconds without a message, before the end that the store named, after which reading gives up."""


class AnotherLog(EventStoreError):
    """The partition has another log than the one that was indexed: the topic was made anew."""


class Stopped(Exception):
    """Reading was abandoned, because the process ends."""


def require_same_log(store: Log, row: IndexedPartition) -> None:
    """Raise ``AnotherLog`` if the store's word alone tells that it has another log than this row."""
    now = store.incarnation(row.topic, row.number) if row.incarnation else ""
    if now and now != row.incarnation:
        raise AnotherLog(f"{row.topic} partition {row.number} was made anew.")


class Rereader:
    """Reads one partition. For one thread; close it."""

    def __init__(self, storage: Storage, topic: Topic, number: int, stop: threading.Event) -> None:
        self._storage, self._topic, self._number, self._stop = storage, topic, number, stop
        self._reader: Reader | None = None
        self._reached = ""
        """Everything up to this token was read."""
        self._waiting: deque[Message] = deque()

    def messages(self, before: str, tokens: Sequence[str]) -> Mapping[str, Message]:
        """Return the messages at these tokens by token, as far as the store still has them.

        ``tokens`` are in order; ``before`` is the one before the first, empty if that is the first of all. Raises ``Stopped``,
        ``AnotherLog`` if the log ends before the last token, and ``StoreUnreachable`` if the store falls silent before that.
        """
        if self._reader is None or not before <= self._reached < tokens[0]:
            self._open(before)
        self._read_up_to(tokens[-1])
        found: dict[str, Message] = {}
        while self._waiting and self._waiting[0].position.token <= tokens[-1]:
            message = self._waiting.popleft()
            found[message.position.token] = message
        self._reached = tokens[-1]
        wanted = set(tokens)
        return {token: message for token, message in found.items() if token in wanted}

    def close(self) -> None:
        reader, self._reader = self._reader, None
        self._waiting.clear()
        if reader is not None:
            reader.close()

    def _open(self, before: str) -> None:
        self.close()
        name, number = self._topic.name, self._number
        after = Position(topic=name, partition=number, token=before) if before else Edge.EARLIEST
        self._reader = self._storage.log.open_reader(name, number, after=after)
        self._reached = before

    def _read_up_to(self, token: str) -> None:
        """Read until a message at or behind this token has come, or none can come any more."""
        assert self._reader is not None
        deadline = time.monotonic() + PATIENCE
        while not self._waiting or self._waiting[-1].position.token < token:
            if self._stop.is_set():
                raise Stopped
            messages = self._reader.read(limit=AT_ONCE, timeout=WAIT)
            self._waiting.extend(messages)
            if messages:
                deadline = time.monotonic() + PATIENCE
            elif self._is_trimmed(token):
                return
            elif time.monotonic() > deadline:
                raise StoreUnreachable(f"The store stopped delivering {self._topic.name} before its end.")

    def _is_trimmed(self, token: str) -> bool:
        """Return whether the store has nothing at or before this token any more."""
        ends = self._ends()
        if ends is None or ends.farthest is None:
            return True
        if ends.farthest.token < token:
            raise AnotherLog(f"{self._topic.name} partition {self._number} ends before what is indexed of it.")
        return ends.first is not None and ends.first.beginning.token > token

    def _ends(self) -> Ends | None:
        return {end.partition: end for end in self._storage.log.ends(self._topic.name)}.get(self._number)
