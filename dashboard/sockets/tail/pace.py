"""When the next frame of a socket goes out: at most ten times a second, and in step with the tail's chunks.

With many sockets each gets fewer frames, with more in each. A thousand that got ten a second would take more than a processor,
and each event would come late. Nor do so many keep in step: their frames are spread evenly, each socket having its own times,
because those that a chunk woke together would all wait for the last one's frame. A few have the same times: each run of the
event loop costs as much as half of a frame.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import count
from math import ceil, floor

FRAME_EVERY = 0.1
FOR_EACH_SOCKET = 0.000_33
"""Seconds by which each open socket makes that longer, from where it is more."""
LATE_IN_BEAT, ALIGN_EVERY = 0.03, 1.0
"""Seconds after a chunk from which a frame is late, and the shortest time between two waits for the next chunk."""
SLACK = 0.02
"""Seconds by which the next chunk may be late."""
TOGETHER = 8
"""Sockets of a crowd whose frames are due at the same time, as many as send at a time."""
GOLDEN = 0.6180339887498949
"""Steps of this size around a circle visit every part of it evenly, however many they are."""

_steps = count()


class Pace:
    """The pace of one socket, from its first frame on. ``sockets`` says how many there are."""

    def __init__(self, sockets: Callable[[], int]) -> None:
        self._sockets = sockets
        self._due = time.monotonic()
        self._aligned_at = 0.0
        self._own = next(_steps) * GOLDEN % 1
        """In a crowd, the part of each interval after which this socket's frame is due."""

    async def align_to_beat(self, news: asyncio.Event, chunk_at: Callable[[], float]) -> None:
        """Wait for the tail's next chunk, if it is due within one frame.

        Chunks and frames are equally frequent. Without this wait, a socket that is served late after a chunk stays late, and
        shows every event that much later. ``chunk_at`` gives the time of the last chunk (monotonic). ``news`` is set when a
        chunk comes, and for other reasons.
        """
        now, before = time.monotonic(), chunk_at()
        if not LATE_IN_BEAT < now - before < FRAME_EVERY or now - self._aligned_at < ALIGN_EVERY or self._every > FRAME_EVERY:
            return
        self._aligned_at = now
        try:
            async with asyncio.timeout(before + FRAME_EVERY + SLACK - now):
                while chunk_at() == before:
                    news.clear()
                    await news.wait()
        except TimeoutError:
            return

    async def next(self, *, more: bool = False) -> None:
        """Call after a frame has gone out. Waits until the next one may.

        ``more``: it had no room for all there is. Then a crowd's next one does not wait as long.
        """
        now, every = time.monotonic(), FRAME_EVERY if more else self._every
        if every > FRAME_EVERY:
            due, step = (floor(now / every - self._own) + 1 + self._own) * every, TOGETHER * FOR_EACH_SOCKET
            self._due = ceil(due / step) * step
        else:
            # From when this frame was due, not from now. Otherwise only every other chunk of a busy tail would be sent.
            self._due = max(self._due + every, now - every / 2)
        await asyncio.sleep(max(0.0, self._due - now))

    @property
    def _every(self) -> float:
        return max(FRAME_EVERY, FOR_EACH_SOCKET * self._sockets())
