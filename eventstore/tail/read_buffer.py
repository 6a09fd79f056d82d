"""Events that the readers of a topic have read and that are not sealed yet. They are handed over one chunk per beat."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from eventstore.model.events import Message

BEAT = 0.1
"""Seconds between two chunks, unless a chunk is full sooner. This limits the frames per second."""
FULL_EVENTS, FULL_BYTES = 1_000, 1024 * 1024
MOST_FULL = 4
"""Full chunks that may wait to be sealed. Beyond that, the readers wait."""


class ReadBuffer:
    """A buffer between several reading threads and one sealing thread.

    ``before`` gives, by partition, the token after which the readers read.
    """

    def __init__(self, before: Mapping[int, str]) -> None:
        self._read_to = dict(before)
        self._changed = threading.Condition()
        self._open: list[Message] = []
        self._bytes = self._handed = 0
        self._closed = False

    def add(self, messages: Sequence[Message]) -> None:
        """Add messages that follow each other in one partition; there must be at least one. Blocks while the buffer is too
        full."""
        size = sum(len(message.payload) for message in messages)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._is_full(MOST_FULL))
            self._open += messages
            self._bytes += size
            self._handed += len(messages)
            last = messages[-1].position
            self._read_to[last.partition] = last.token
            if len(self._open) == len(messages) or self._is_full():
                self._changed.notify_all()

    def handed_in(self) -> tuple[int, Mapping[int, str]]:
        """Return how many messages were added so far and, by partition, the token of the last one."""
        with self._changed:
            return self._handed, dict(self._read_to)

    def close(self) -> None:
        """Stop sealing, and release all waiting threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def sealed(self) -> Iterator[Sequence[Message]]:
        """Yield the messages of one chunk after the other.

        The first chunk after a pause comes immediately. The next one comes a beat later, or as soon as it is full.
        """
        due = 0.0
        while (messages := self._next(due)) is not None:
            due = time.monotonic() + BEAT
            yield from full_ones(messages)

    def _next(self, due: float) -> Sequence[Message] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._open)
            self._changed.wait_for(lambda: self._closed or self._is_full(), timeout=max(0.0, due - time.monotonic()))
            if self._closed:
                return None
            messages, self._open, self._bytes = self._open, [], 0
            self._changed.notify_all()
            return messages

    def _is_full(self, times: int = 1) -> bool:
        return len(self._open) >= times * FULL_EVENTS or self._bytes >= times * FULL_BYTES


def full_ones(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Cut the messages into pieces of at most one full chunk. A message larger than a chunk makes a piece of its own."""
    start = size = 0
    for index, message in enumerate(messages):
        size += len(message.payload)
        if index > start and (index - start == FULL_EVENTS or size > FULL_BYTES):
            yield messages[start:index]
            start, size = index, len(message.payload)
    yield messages[start:]
