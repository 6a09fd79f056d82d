"""One small thread pool for the whole process, for reads whose results are needed together.

However many pages are opened at the same time, at most ``READERS`` readers are open for them: each costs the broker a
cursor and the client memory. More than eight were no faster on a broker with two cores.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

READERS = 8

Given = TypeVar("Given")
Found = TypeVar("Found")

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def side_by_side(do: Callable[[Given], Found], items: Sequence[Given]) -> Sequence[Found]:
    """Return what ``do`` returns for each item, in order. The first error ends it, and what has not begun by then is left
    undone.

    ``do`` must not call this function: it would wait for the threads that it holds.
    """
    if len(items) < 2:
        return [do(item) for item in items]
    return list(_threads().map(do, items))


def _threads() -> ThreadPoolExecutor:
    global _pool  # noqa: PLW0603
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(READERS, thread_name_prefix="pulsar-read")
        return _pool


def _forget() -> None:
    """Start anew in a forked child, which has none of its parent's threads, and perhaps a locked lock."""
    global _pool, _lock
    _lock, _pool = threading.Lock(), None


os.register_at_fork(after_in_child=_forget)
