"""How much may be on its way to one reader, in frames and in bytes: daphne's ``send`` gives no back-pressure, and keeps
whatever is not read.

A reader begins with little room, and has as much more as it acknowledges, up to a whole frame's worth: one that never reads
costs what its first frame costs, and one that reads is soon given large frames. Who takes long is back at the beginning.
"""

from collections import deque

MOST_UNACKNOWLEDGED = 3
FIRST_ROOM, MOST_ROOM = 48 * 1024, 1024 * 1024
"""Bytes that may be on their way: to begin with, and in the end."""
LATE = 5.0
"""Seconds after which an acknowledgement tells of a reader that cannot take so much at a time."""


class Window:
    """``sent`` and ``acknowledged`` are numbers of frames."""

    def __init__(self) -> None:
        self.sent = self.acknowledged = 0
        self.room = FIRST_ROOM
        self.bytes = 0
        """On their way now."""
        self._on_the_way: deque[tuple[int, float]] = deque()
        """Of each frame its bytes, and when it was sent."""

    def takes(self, size: int = 0) -> bool:
        """Whether a frame of so many bytes may go out now. A single event may be larger than every bound: its frame goes where
        nothing else is on its way. Of a frame that is yet to be made (0), whether it may be worth it."""
        if not self._on_the_way:
            return True
        if len(self._on_the_way) >= MOST_UNACKNOWLEDGED:
            return False
        return self.bytes + size <= self.room if size else 2 * self.bytes <= self.room

    def send(self, size: int, now: float) -> None:
        self.sent += 1
        self.bytes += size
        self._on_the_way.append((size, now))

    def acknowledge(self, number: int, now: float) -> None:
        """Every frame up to this one is dealt with."""
        while self.acknowledged < min(number, self.sent):
            self.acknowledged += 1
            size, sent_at = self._on_the_way.popleft()
            self.bytes -= size
            self.room = FIRST_ROOM if now - sent_at > LATE else min(MOST_ROOM, self.room + size)
