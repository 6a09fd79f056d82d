"""The threads in which tails are opened, and the store is read for them: a few of their own, so that a slow store, or one that
is away, keeps neither pages nor other work of the web server waiting. An opening, which may wait for long, keeps no open tail
waiting.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from channels.db import database_sync_to_async

T = TypeVar("T")

OPENING_AT_ONCE, READING_AT_ONCE = 8, 6

_opening = ThreadPoolExecutor(OPENING_AT_ONCE, thread_name_prefix="tail opening")
_reading = ThreadPoolExecutor(READING_AT_ONCE, thread_name_prefix="tail reading")


async def opening(work: Callable[[], T]) -> T:
    """What ``work`` answers, done by a thread that opens tails."""
    return await _in(_opening, work)


async def reading(work: Callable[[], T]) -> T:
    """What ``work`` answers, done by a thread that reads for open tails."""
    return await _in(_reading, work)


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    done: T = await database_sync_to_async(work, thread_sensitive=False, executor=threads)()
    return done
