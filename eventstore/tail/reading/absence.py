"""What of a topic cannot be read now."""

import threading
from collections.abc import Callable


class Absence:
    """The partitions that are away; ``None`` stands for a store that does not answer. Thread-safe.

    ``changed`` is called, without a lock, when something goes or comes back.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._lock, self._changed = threading.Lock(), changed
        self._away: frozenset[int | None] = frozenset()

    def __bool__(self) -> bool:
        return bool(self._away)

    def mark(self, partition: int | None, away: bool) -> None:
        if (partition in self._away) == away:
            return
        with self._lock:
            self._away = self._away | {partition} if away else self._away - {partition}
        self._changed()
