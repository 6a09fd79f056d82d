"""How much may be on its way to one reader, in frames and in bytes.

The window is needed because daphne's ``send`` gives no back-pressure and keeps everything that is not read. A reader begins
with little room and gets as much more as it acknowledges, up to one full frame. So a reader that never reads costs no more
than its first frame, and one that reads soon gets large frames. A slow acknowledgement resets the room.

Each frame ends with a random mark, which its acknowledgement must repeat. A reader cannot acknowledge what it has not read.
"""

import hmac
import os
import secrets
from collections import deque

MOST_UNACKNOWLEDGED = 3
FIRST_ROOM, MOST_ROOM = 48 * 1024, 1024 * 1024
"""Bytes that may be on their way: at first, and at most."""
LATE = 5.0
"""Seconds after which an acknowledgement is late: the reader cannot take that much at a time."""

MARKS_AT_ONCE = 100
"""So many are made of what the system gives at a time. One by one they took a twentieth of a busy tail's time."""

_marks: list[str] = []
os.register_at_fork(after_in_child=_marks.clear)


def new_mark() -> str:
    """Random, of nine bytes in twelve characters."""
    if not _marks:
        together = secrets.token_urlsafe(9 * MARKS_AT_ONCE)
        _marks.extend(together[at : at + 12] for at in range(0, len(together), 12))
    return _marks.pop()


class Window:
    """The window of one reader. ``sent`` and ``acknowledged`` count frames."""

    def __init__(self) -> None:
        self.sent = self.acknowledged = 0
        self.room = FIRST_ROOM
        self.bytes = 0
        """Bytes on their way now."""
        self._on_the_way: deque[tuple[int, float, str]] = deque()
        """The bytes of each frame, when it was sent, and its mark."""

    def fits(self, size: int = 0) -> bool:
        """Whether a frame of ``size`` bytes may go out now. Size 0 asks if it is worth making a frame.

        A single event may exceed every bound. Its frame goes out when nothing else is on its way.
        """
        if not self._on_the_way:
            return True
        if len(self._on_the_way) >= MOST_UNACKNOWLEDGED:
            return False
        return self.bytes + size <= self.room if size else 2 * self.bytes <= self.room

    def send(self, size: int, now: float) -> str:
        """Count a frame as sent. Returns its mark."""
        mark = new_mark()
        self.sent += 1
        self.bytes += size
        self._on_the_way.append((size, now, mark))
        return mark

    def acknowledge(self, number: int, mark: str, now: float) -> bool:
        """Note that the reader has dealt with every frame up to ``number``, whose mark it repeats.

        Returns ``False``, and notes nothing, if no frame on its way has this number and mark. A frame that was acknowledged
        before may be acknowledged again.
        """
        if 0 < number <= self.acknowledged:
            return True
        place = number - self.acknowledged - 1
        if not 0 <= place < len(self._on_the_way):
            return False
        if not hmac.compare_digest(self._on_the_way[place][2].encode(), mark.encode("utf-8", "surrogatepass")):
            return False
        while self.acknowledged < number:
            self.acknowledged += 1
            size, sent_at, _ = self._on_the_way.popleft()
            self.bytes -= size
            self.room = FIRST_ROOM if now - sent_at > LATE else min(MOST_ROOM, self.room + size)
        return True
