"""One small thread pool for the whole process, for reads whose results are needed together.

However many pages are opened at the same time, at most ``MAX_PARALLEL`` readers are open for them: each costs the broker a
cursor and the client memory. More than eight were no faster on a broker with two cores.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MAX_PARALLEL = 8

Given = TypeVar("Given")
Found = TypeVar("Found")


class ReaderThreads:
    """The pool, made on first use. Thread-safe; a forked child makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def map(self, do: Callable[[Given], Found], items: Sequence[Given]) -> Iterator[Found]:
        return self._there().map(do, items)

    def forget(self) -> None:
        """Start anew in a forked child, which has none of its parent's threads, and perhaps a locked lock."""
        self._lock, self._pool = threading.Lock(), None

    def _there(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="pulsar-read")
            return self._pool


_threads = ReaderThreads()
os.register_at_fork(after_in_child=_threads.forget)


def in_parallel(do: Callable[[Given], Found], items: Sequence[Given]) -> Sequence[Found]:
    """Return what ``do`` returns for each item, in order. The first error ends it, and what has not begun by then is left
    undone.

    ``do`` must not call this function: it would wait for the threads that it holds.
    """
    if len(items) < 2:
        return [do(item) for item in items]
    return list(_threads.map(do, items))
