"""How many messages the client fetches ahead for each reader of this process that follows a partition.

The client limits this by a number of messages per reader, which is fixed when the reader connects. It knows no limit in
bytes and none for all readers. So the readers share what they may hold together: the more readers there are, and the
larger their messages, the less each gets. A reader whose share has changed much must reconnect.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

TOGETHER, TOGETHER_BYTES = 10_000, 256 * 1024 * 1024
"""Messages, and bytes as far as their size is known, that wait for all readers together. Each reader may hold ``FEWEST``
more."""
FEWEST, LONGEST = 4, 2_500
"""A hundred events are used up while another thread has the interpreter, and waiting for the next hundred cost a third of
the time of catching up. More than a thousand does not help a single partition to catch up. But of four that are read in turn,
what waits of the others is read at once: with 2,500 each instead of 1,000 it took a tenth less time."""
UNKNOWN = 1024 * 1024
"""Bytes that a message of a partition without messages may have."""
MUCH = 2
"""A share must change by this factor before it is worth a new connection."""
AT_ONCE, TURN_SECONDS = 12, 1.0
"""So many readers connect at the same time. If all 300 of a topic do that, their threads wait for the interpreter, and each
wakes a thousand times a second to ask for it. A reader no longer waits for its turn after so many seconds: those before it
may get no answer."""


class PrefetchShare:
    """What one reader may fetch ahead: ``queue`` messages of ``size`` bytes each, as far as that is known."""

    __slots__ = ("bytes", "entry", "in_an_entry", "queue", "seen", "size")

    def __init__(self, entry: int) -> None:
        """``entry``: average bytes of the broker's entries, each of which may be a batch; 0 if there is none yet."""
        self.entry, self.size = entry, entry or UNKNOWN
        self.in_an_entry = 1
        self.queue = self.bytes = self.seen = 0

    def see(self, read: int, size: int, in_an_entry: int) -> None:
        """Note the size of the messages of a read. Large messages are remembered for some reads: a changing share costs
        connections."""
        self.in_an_entry = max(self.in_an_entry, in_an_entry)
        self.seen = max(size // read, self.seen * 3 // 4)
        self.size = max(1, self.seen, self.entry // self.in_an_entry)


class FetchAhead:
    """What all readers of the process may fetch ahead together. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = self._messages = self._bytes = 0
        """How many readers there are, and how many messages and bytes they may hold together."""
        self._turns = threading.Semaphore(AT_ONCE)
        self._coming: set[int] = set()
        """The threads whose reader is to join in its turn. Its share is left to it: else the first would take all, and each
        reader of a topic would connect twice."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn to connect a reader, which joins in it."""
        me = threading.get_ident()
        with self._lock:
            self._coming.add(me)
        in_turn = self._turns.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            with self._lock:
                self._coming.discard(me)
            if in_turn:
                self._turns.release()

    def join(self, internals: Mapping[str, Any]) -> PrefetchShare:
        """Return a share for a reader of a partition whose ``internalStats`` tell the size of its entries."""
        entries, size = int(internals.get("numberOfEntries", 0)), int(internals.get("totalSize", 0))
        share = PrefetchShare(size // entries if entries else 0)
        with self._lock:
            self._coming.discard(threading.get_ident())
            self._readers += 1
            self._give(share, self._due(share))
        return share

    def leave(self, share: PrefetchShare) -> None:
        with self._lock:
            self._readers -= 1
            self._give(share, 0)

    def note(self, share: PrefetchShare, *, read: int, size: int, in_an_entry: int) -> bool:
        """Adjust the share after a read, and return whether the reader must reconnect with the share's new queue.

        The reader has just ``read`` this many messages of ``size`` bytes together. ``in_an_entry`` is the number of the
        last one in its entry: only reading shows how many messages an entry holds.
        """
        with self._lock:
            had = share.queue
            self._give(share, 0)
            if read:
                share.see(read, size, in_an_entry)
            due = self._due(share)
            changed = had > MUCH * due or (due >= MUCH * had and read >= had)
            self._give(share, due if changed else had)
            return changed

    def _due(self, share: PrefetchShare) -> int:
        """Return an equal share, as far as the others leave room. A reader that has more gives it back with its next read."""
        readers = self._readers + len(self._coming)
        messages = min(LONGEST, TOGETHER // readers, TOGETHER - self._messages)
        size = min(TOGETHER_BYTES // readers, TOGETHER_BYTES - self._bytes)
        return max(FEWEST, min(messages, size // share.size))

    def _give(self, share: PrefetchShare, queue: int) -> None:
        self._messages += queue - share.queue
        self._bytes += queue * share.size - share.bytes
        share.queue, share.bytes = queue, queue * share.size
