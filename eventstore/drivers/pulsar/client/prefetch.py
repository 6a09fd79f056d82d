"""How many messages the client fetches ahead for each reader of this process that follows a partition.

The client bounds that by a number for each reader, fixed as it connects, and knows no bound in bytes, nor one for all. So
readers share what all of them together may hold: the more there are, and the larger their messages, the less each gets, and
one whose share has changed much is told to connect anew.
"""

import threading
from collections.abc import Mapping
from typing import Any

TOGETHER, TOGETHER_BYTES = 10_000, 256 * 1024 * 1024
"""Messages, and bytes as far as their size is known, that wait for all readers together. Each has ``FEWEST`` beyond that,
however many readers there are."""
FEWEST, LONGEST = 4, 1_000
"""A hundred events are used up while another thread has the interpreter, and waiting for the next hundred cost a third of the
time of catching up; of a thousand one partition's catching up has no more."""
UNKNOWN = 1024 * 1024
"""Bytes that a message of a partition may have in which there is none yet."""
MUCH = 2
"""By so many times a share has to change before it is worth a new connection."""


class Share:
    """What one reader may fetch ahead: ``queue`` messages, of ``size`` bytes each as far as that is known."""

    __slots__ = ("bytes", "entry", "in_an_entry", "queue", "seen", "size")

    def __init__(self, entry: int) -> None:
        """``entry``: bytes of one of the broker's entries, which may be a whole batch; 0 where there is none yet."""
        self.entry, self.size = entry, entry or UNKNOWN
        self.in_an_entry = 1
        self.queue = self.bytes = self.seen = 0

    def see(self, read: int, size: int, in_an_entry: int) -> None:
        """Large messages are remembered for some reads: a share that goes up and down costs connections."""
        self.in_an_entry = max(self.in_an_entry, in_an_entry)
        self.seen = max(size // read, self.seen * 3 // 4)
        self.size = max(1, self.seen, self.entry // self.in_an_entry)


class FetchAhead:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = self._messages = self._bytes = 0
        """How many readers there are, and what all of them may hold."""

    def join(self, internals: Mapping[str, Any]) -> Share:
        """A share for a reader of a partition whose entries are as large as its ``internalStats`` say."""
        entries, size = int(internals.get("numberOfEntries", 0)), int(internals.get("totalSize", 0))
        share = Share(size // entries if entries else 0)
        with self._lock:
            self._readers += 1
            self._give(share, self._due(share))
        return share

    def leave(self, share: Share) -> None:
        with self._lock:
            self._readers -= 1
            self._give(share, 0)

    def note(self, share: Share, *, read: int, size: int, in_an_entry: int) -> bool:
        """Whether the reader is to connect anew, with the queue that the share has now: it has ``read`` so many messages at
        once, of so many bytes together, the last one the so manieth of its entry.

        An entry holds one message or a batch of them: how many, only who reads them sees.
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

    def _due(self, share: Share) -> int:
        """An equal share, as far as the others leave it: those that have more give it back with their next read."""
        messages = min(LONGEST, TOGETHER // self._readers, TOGETHER - self._messages)
        size = min(TOGETHER_BYTES // self._readers, TOGETHER_BYTES - self._bytes)
        return max(FEWEST, min(messages, size // share.size))

    def _give(self, share: Share, queue: int) -> None:
        self._messages += queue - share.queue
        self._bytes += queue * share.size - share.bytes
        share.queue, share.bytes = queue, queue * share.size
