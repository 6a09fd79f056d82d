"""How much may be on its way to one reader, in frames and in bytes.

The window is needed because daphne's ``send`` gives no back-pressure and keeps everything that is not read. A reader begins
with little room and gets as much more as it acknowledges, up to one full frame. So a reader that never reads costs no more
than its first frame, and one that reads soon gets large frames. A slow acknowledgement resets the room.
"""

from collections import deque

MOST_UNACKNOWLEDGED = 3
FIRST_ROOM, MOST_ROOM = 48 * 1024, 1024 * 1024
"""Bytes that may be on their way: at first, and at most."""
LATE = 5.0
"""Seconds after which an acknowledgement is late: the reader cannot take that much at a time."""


class Window:
    """The window of one reader. ``sent`` and ``acknowledged`` count frames."""

    def __init__(self) -> None:
        self.sent = self.acknowledged = 0
        self.room = FIRST_ROOM
        self.bytes = 0
        """Bytes on their way now."""
        self._on_the_way: deque[tuple[int, float]] = deque()
        """The bytes of each frame, and when it was sent."""

    def fits(self, size: int = 0) -> bool:
        """Whether a frame of ``size`` bytes may go out now. Size 0 asks if it is worth making a frame.

        A single event may exceed every bound. Its frame goes out when nothing else is on its way.
        """
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
        """Note that the reader has dealt with every frame up to ``number``."""
        while self.acknowledged < min(number, self.sent):
            self.acknowledged += 1
            size, sent_at = self._on_the_way.popleft()
            self.bytes -= size
            self.room = FIRST_ROOM if now - sent_at > LATE else min(MOST_ROOM, self.room + size)
