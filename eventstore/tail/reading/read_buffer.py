"""Events that the readers of a topic have read and that are not sealed yet. They are handed over one chunk per beat."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from eventstore.model.events import Message
from eventstore.tail.reading.collecting import CROWD, Collecting
from eventstore.tail.restart_backfill import by_time

BEAT = 0.1
"""Seconds between two chunks, unless a chunk is full sooner. This limits the frames per second."""
FULL_EVENTS, FULL_BYTES = 1_000, 1024 * 1024
READ_BEFORE = 0.02
"""Seconds before a chunk is due when readers read what is to be in it."""
CALM = 750
"""Events of a beat up to which readers rest."""
MOST_FULL = 4
"""Full chunks that may wait to be sealed. Beyond that, the readers wait."""


class ReadBuffer:
    """A buffer between several reading threads and one sealing thread.

    ``before`` gives, by partition, the token after which the readers read. With a crowd of readers, most leave their
    partitions to the sealing thread (``collecting``).
    """

    def __init__(self, before: Mapping[int, str]) -> None:
        self._read_to = dict(before)
        self._changed = threading.Condition()
        self._open: list[Message] = []
        self._bytes = self._handed = self._times = 0
        """``_times``: how many times readers have handed over since the last chunk."""
        self._closed = False
        self._last = 0
        """How many events were in the last beat."""
        self._due = 0.0
        """When the next chunk is due (monotonic), unless it is full sooner."""
        self.collecting = Collecting(self._changed, MOST_FULL * FULL_EVENTS, MOST_FULL * FULL_BYTES)

    def add(self, messages: Sequence[Message]) -> None:
        """Add messages that follow each other in one partition; there must be at least one. Blocks while the buffer is too
        full."""
        size = sum(len(message.payload) for message in messages)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._is_full(MOST_FULL))
            self._open += messages
            self._bytes += size
            self._times += 1
            self._handed += len(messages)
            last = messages[-1].position
            self._read_to[last.partition] = last.token
            if len(self._open) == len(messages) or self._is_full():
                self._changed.notify_all()

    def handed_in(self) -> tuple[int, Mapping[int, str]]:
        """Return how many messages were added so far and, by partition, the token of the last one."""
        with self._changed:
            return self._handed, dict(self._read_to)

    def rest(self) -> float:
        """Return for how many seconds a reader may rest that has read all there was, since nothing would be sealed sooner; 0
        and less for not at all. Where more than ``CALM`` events came in the last beat, a chunk would be full sooner.
        """
        if self._last > CALM:
            return 0.0
        return self._due - time.monotonic() - READ_BEFORE

    def close(self) -> None:
        """Stop sealing, and release all waiting threads."""
        with self._changed:
            self._closed = self.collecting.closed = True
            self._changed.notify_all()

    def sealed(self) -> Iterator[Sequence[Message]]:
        """Yield the messages of one chunk after the other.

        The first chunk after a pause comes immediately. The next one comes a beat later, or as soon as it is full.
        """
        while self._wait_until(self._due):
            self._due = time.monotonic() + BEAT
            messages = self._take(self.collecting.collect())
            self.collecting.settle()
            if messages:
                yield from full_ones(messages)

    def _wait_until(self, due: float) -> bool:
        """Wait for events, and then for the beat unless a chunk is full. Returns false once the buffer is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._open or self.collecting)
            self._changed.wait_for(
                lambda: self._closed or self._is_full() or self.collecting.is_cut, timeout=max(0.0, due - time.monotonic())
            )
            return not self._closed

    def _take(self, collected: Mapping[int, Sequence[Message]]) -> Sequence[Message]:
        with self._changed:
            messages, self._open, self._bytes = self._open, [], 0
            self._last = len(messages)
            self.collecting.is_crowd = self._times + len(collected) >= CROWD
            self._times = 0
            for found in collected.values():
                self._handed += len(found)
                self._read_to[found[-1].position.partition] = found[-1].position.token
            self._changed.notify_all()
        return messages + list(by_time(collected)) if collected else messages

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
