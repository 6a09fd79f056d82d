"""Sockets take turns to send a frame.

A chunk wakes every socket of its tail at the same moment. If all of them made their frames before the event loop wrote any,
two hundred frames and their copies would be in memory together, and the first subscriber would wait for the last one's frame.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

MAX_PARALLEL = 8
BYTES_OF_WRITE = 128 * 1024
"""Bytes that the web server writes to a socket at a time."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def turn(size: int) -> AsyncIterator[None]:
    """Make and send a frame of about ``size`` bytes in here. Eight do so in parallel, each until its frame is written."""
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MAX_PARALLEL)):
        yield
        for _ in range(1 + size // BYTES_OF_WRITE):
            await asyncio.sleep(0)  # lets the event loop run once, and write
