"""How scattered positions are read: in groups that one reader reads through, and several groups at the same time, in one small
thread pool for the whole process.

However many pages are opened at the same time, at most ``MAX_PARALLEL`` readers are open for them: each costs the broker a
cursor and the client memory. More than eight were no faster on a broker with two cores.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eventstore.drivers.pulsar.positions import Place, place_of
from eventstore.model.events import Position

MAX_PARALLEL = 8

NEAR, NEAR_FIRSTS, NEAR_BATCHED = 32, 4, 1
"""Entries from one wanted message to the next up to which reading through is cheaper than a new reader: for messages
without batches, for the first messages of a batch (which may hold one message, or a thousand), and for other messages
in batches."""

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


def group_near(positions: Sequence[Position]) -> Sequence[Sequence[Position]]:
    """Group the sorted positions of one partition so that each group is worth reading through with one reader."""
    groups: list[list[Position]] = []
    before: Place | None = None
    for position in positions:
        place = place_of(position.token)
        if before is not None and _is_near(before, place):
            groups[-1].append(position)
        else:
            groups.append([position])
        before = place
    return groups


def _is_near(one: Place, other: Place) -> bool:
    furthest = max(one.batch, other.batch)
    reach = NEAR if furthest < 0 else NEAR_FIRSTS if furthest == 0 else NEAR_BATCHED
    return one.ledger == other.ledger and other.first_entry[1] - one.entry <= reach
