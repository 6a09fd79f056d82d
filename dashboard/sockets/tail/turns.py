"""Sockets take turns to send a frame, and are woken together.

A chunk wakes every socket of its tail at the same moment. If all of them made their frames before the event loop wrote any,
two hundred frames and their copies would be in memory together, and the first subscriber would wait for the last one's frame.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

MAX_PARALLEL = 8
BYTES_OF_WRITE = 128 * 1024
"""Bytes that the web server writes to a socket at a time."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Turn:
    """``async with Turn():`` make and send a frame in here. Eight do so in parallel, each until its frame is written.

    A frame that is written at once holds its place until the event loop has run once, but does not wait for that itself:
    the loop also has acknowledgements to take, and pages to answer.
    """

    __slots__ = ("_loop", "_turns")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        turns = _turns.get(self._loop)
        self._turns = turns if turns is not None else _turns.setdefault(self._loop, asyncio.Semaphore(MAX_PARALLEL))

    async def __aenter__(self) -> "Turn":
        await self._turns.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.call_soon(self._turns.release)

    async def until_written(self, size: int) -> None:
        """Wait while the event loop writes about ``size`` bytes."""
        for _ in range(1 + size // BYTES_OF_WRITE):
            await asyncio.sleep(0)


class Wakes:
    """Passes wakes from threads to the sockets of one event loop, all of a beat's at once.

    Each call of ``call_soon_threadsafe`` writes to a pipe; a thousand of them took a tenth of the time between two chunks.
    """

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._is_due = False

    def pass_on(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        """Call it in the event loop, soon. May be called in any thread."""
        self._calls.append(call)
        if not self._is_due:
            self._is_due = True
            loop.call_soon_threadsafe(self._make)

    def _make(self) -> None:
        self._is_due = False  # first: what comes from now on is made now, or asks again
        while self._calls:
            self._calls.popleft()()


_wakes: WeakKeyDictionary[asyncio.AbstractEventLoop, Wakes] = WeakKeyDictionary()


def wakes_of(loop: asyncio.AbstractEventLoop) -> Wakes:
    return _wakes.setdefault(loop, Wakes())
