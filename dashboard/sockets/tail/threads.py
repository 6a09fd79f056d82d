"""The threads that open tails and read the store for them.

They are separate from all others, so that a slow or unreachable store never makes pages or other work of the web server wait.
Opening and reading are separate as well: opening may take long, and must not make open tails wait.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from channels.db import database_sync_to_async

T = TypeVar("T")

MAX_OPENING, MAX_READING = 8, 6

_opening = ThreadPoolExecutor(MAX_OPENING, thread_name_prefix="tail opening")
_reading = ThreadPoolExecutor(MAX_READING, thread_name_prefix="tail reading")


async def open_in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread that opens tails, and return its result."""
    return await _run_in(_opening, work)


async def read_in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread that reads for open tails, and return its result."""
    return await _run_in(_reading, work)


async def _run_in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    done: T = await database_sync_to_async(work, thread_sensitive=False, executor=threads)()
    return done
