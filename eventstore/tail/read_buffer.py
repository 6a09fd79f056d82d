"""What the readers of a topic have read and nobody has sealed yet: handed over a beat at a time."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from eventstore.model.events import Message

BEAT = 0.1
"""Seconds between two chunks, unless one is full sooner: so many frames a second there are at most."""
FULL_EVENTS, FULL_BYTES = 1_000, 1024 * 1024
MOST_FULL = 4
"""Full chunks that may wait to be sealed before the readers have to."""


class ReadBuffer:
    """Between several threads that read and one that seals. ``before``: by partition, the token behind which they read."""

    def __init__(self, before: Mapping[int, str]) -> None:
        self._read_to = dict(before)
        self._changed = threading.Condition()
        self._open: list[Message] = []
        self._bytes = self._handed = 0
        self._closed = False

    def add(self, messages: Sequence[Message]) -> None:
        """Hand in what follows in one partition, at least one message; waits while there is far too much."""
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
        """How many messages were handed in, and by partition the token of the last one."""
        with self._changed:
            return self._handed, dict(self._read_to)

    def close(self) -> None:
        """Nothing is sealed any more, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def sealed(self) -> Iterator[Sequence[Message]]:
        """The messages of one chunk after the other: at once after a pause, else a beat after the one before, or full."""
        due = 0.0
        while (messages := self._next(due)) is not None:
            due = time.monotonic() + BEAT
            yield from _full_ones(messages)

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


def _full_ones(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Cut into pieces of at most a full chunk; a message that is larger makes one of its own."""
    start = size = 0
    for index, message in enumerate(messages):
        size += len(message.payload)
        if index > start and (index - start == FULL_EVENTS or size > FULL_BYTES):
            yield messages[start:index]
            start, size = index, len(message.payload)
    yield messages[start:]
