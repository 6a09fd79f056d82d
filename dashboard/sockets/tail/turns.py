"""Whose turn it is to be sent a frame. A chunk wakes every socket of its tail at the same moment; if all of them made their
frames before the event loop wrote any, two hundred frames with their copies lay in memory at once, and the first viewer waited
for the last one's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

AT_ONCE = 8
A_WRITE = 128 * 1024
"""Bytes that the web server writes to a socket at a time."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def turn(size: int) -> AsyncIterator[None]:
    """In here a frame of about so many bytes is made and sent; a few at a time, each written before the next has its turn."""
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        yield
        for _ in range(1 + size // A_WRITE):
            await asyncio.sleep(0)  # the event loop goes round once, and writes
