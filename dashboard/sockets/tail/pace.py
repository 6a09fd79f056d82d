"""When a viewer's next frame goes out: at most ten times a second, and with the beat of the tail."""

import asyncio
import time
from collections.abc import Callable

FRAME_EVERY = 0.1
LATE_IN_A_BEAT, FALL_IN_EVERY = 0.03, 1.0
"""Seconds behind a chunk from which on a frame is late, and from one wait for the next chunk to the next."""
SLACK = 0.02
"""Seconds that the next chunk may be late."""


class Pace:
    """Of one viewer, from its first frame on."""

    def __init__(self) -> None:
        self._due = time.monotonic()
        self._fell_in_at = 0.0

    async def align_to_beat(self, news: asyncio.Event, chunk_at: Callable[[], float]) -> None:
        """Wait for the tail's next chunk, where one may be about to come: a while behind the last one (``chunk_at``,
        monotonic) and no longer than a frame. ``news`` is set when it comes, and for other reasons. Who is served late in its
        beat stays there, since frames come as often as chunks do, and would be shown every event so much later."""
        now, before = time.monotonic(), chunk_at()
        if not LATE_IN_A_BEAT < now - before < FRAME_EVERY or now - self._fell_in_at < FALL_IN_EVERY:
            return
        self._fell_in_at = now
        try:
            async with asyncio.timeout(before + FRAME_EVERY + SLACK - now):
                while chunk_at() == before:
                    news.clear()
                    await news.wait()
        except TimeoutError:
            return

    async def next(self) -> None:
        """A frame has gone out now: wait until there may be another."""
        now = time.monotonic()
        # From when it was due, not from now: else a tail that seals ten times a second would be answered every other time.
        self._due = max(self._due + FRAME_EVERY, now - FRAME_EVERY / 2)
        await asyncio.sleep(max(0.0, self._due - now))
