"""Reads for whoever waits no longer than a moment. What takes longer goes on, and is there when it is asked for again."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from eventstore.giving_way import behind, waiting
from eventstore.model.events import Message, Position

Read = Callable[[Sequence[Position]], Mapping[Position, Message]]
"""Reads messages of the store in any thread, using no database, and keeps them for a while."""


class ReadingOn:
    """Thread-safe. The same positions are read once, however many wait for them."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._going_on: dict[frozenset[Position], Future[Mapping[Position, Message]]] = {}

    def read(self, positions: Sequence[Position], *, within: float) -> Mapping[Position, Message] | None:
        """Return what the reading returns, or raise what it raises; ``None`` if it takes longer than so many seconds."""
        key, mine = frozenset(positions), Future[Mapping[Position, Message]]()
        with self._lock:
            found = self._going_on.setdefault(key, mine)
        if found is mine:
            threading.Thread(target=self._settle, args=(key, positions, mine), name="reading on", daemon=True).start()
        try:
            with waiting():
                return found.result(timeout=within)
        except NotYet:
            if found.done():  # the store's own timeout
                raise
            return None

    def _settle(
        self, key: frozenset[Position], positions: Sequence[Position], found: Future[Mapping[Position, Message]]
    ) -> None:
        try:
            with behind():
                read: Mapping[Position, Message] = self._read(positions)
            failed: BaseException | None = None
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits for the result gets it
            read, failed = {}, error
        with self._lock:
            del self._going_on[key]
        if failed is None:
            found.set_result(read)
        else:
            found.set_exception(failed)
