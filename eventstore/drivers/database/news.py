"""Tells readers of the embedded store when their partition has grown or is gone, as long as the kernel tells of writes into
SQLite's log.

One thread for each process waits, and asks the table of partitions for all readers together. Without it an indexer would ask
about each of its partitions twice a second.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error, connections

from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import PartitionRow
from eventstore.file_changes import FileChanges, is_committed, sqlite_commits, sqlite_log

log = logging.getLogger(__name__)

WAIT = 1.0
"""Seconds after which the thread looks whether anybody still waits."""
LOOK_EVERY = 0.005
"""Seconds between two readings of the count of commits, once the log was written."""
ENDS_WITHIN = 0.5
"""Seconds that whoever is the last to leave waits for the thread."""
SHORTEST_REST, EFFORT = 0.01, 4
"""Seconds from one question to the next; and a question that took long is asked again after so many times as long."""

Call = Callable[[], None]


class News:
    """Whoever waits in this process, by the key of the partition's row. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[int, list[Call]] = {}
        self._thread: threading.Thread | None = None
        self._changes: FileChanges | None = None
        """What the thread waits for."""

    def join(self, partition: int, call: Call) -> bool:
        """Call this from now on when the partition has grown. Returns false if nobody can tell."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # not in a process that was forked
                changes = _changes()  # before the ends are read: nothing that is committed from now on is missed
                if changes is None:
                    return False
                try:
                    known = _ends()
                except Error:
                    changes.close()
                    raise
                self._changes = changes
                self._thread = threading.Thread(target=self._run, args=(changes, known), name="store news", daemon=True)
                self._thread.start()
            self._calls.setdefault(partition, []).append(call)
            return True

    def leave(self, partition: int, call: Call) -> None:
        with self._lock:
            calls = self._calls.get(partition, [])
            if call in calls:
                calls.remove(call)
            if not calls:
                self._calls.pop(partition, None)
            last = self._thread if not self._calls else None
            if last is not None and self._changes is not None:
                self._changes.wake()
        if last is not None:
            last.join(ENDS_WITHIN)

    def _run(self, changes: FileChanges, known: dict[int, int]) -> None:
        """Until nobody waits. While nobody can tell, all readers are read again every second."""
        seen: object = None
        try:
            while self._is_waited_for():
                try:
                    seen, known = self._look(changes, seen, known)
                    if changes.tells:
                        continue
                except (Error, OSError) as error:
                    log.info("The news of the embedded store wait: %s", type(error).__name__)
                connections.close_all()
                time.sleep(WAIT)
                self._call(set(self._calls))
                changes, seen = self._anew(changes), None
        finally:
            self._close(changes)
            connections.close_all()

    def _anew(self, changes: FileChanges) -> FileChanges:
        """Watch the log that is there now; whatever was watched, if there is none."""
        self._close(changes)
        try:
            found = _changes()
        except (Error, OSError):
            found = None
        with self._lock:
            self._changes = found
        return found or changes

    def _close(self, changes: FileChanges) -> None:
        with self._lock:
            if self._changes is changes:
                self._changes = None
            changes.close()

    def _is_waited_for(self) -> bool:
        with self._lock:
            if not self._calls:
                self._thread = None
            return bool(self._calls)

    def _look(self, changes: FileChanges, seen: object, known: dict[int, int]) -> tuple[object, dict[int, int]]:
        if not _is_committed(changes, seen):
            return seen, known
        begun = time.monotonic()
        seen = _count()
        ends = _ends()
        self._call({partition for partition in ends.keys() | known.keys() if known.get(partition) != ends.get(partition)})
        time.sleep(max(SHORTEST_REST, EFFORT * (time.monotonic() - begun)))
        return seen, ends

    def _call(self, partitions: set[int]) -> None:
        with self._lock:
            calls = [call for partition in partitions for call in self._calls.get(partition, ())]
        for call in calls:
            call()


_each: dict[str, News] = {}


def news_here() -> News:
    """The news of the database that is the store now, for this process."""
    return _each.setdefault(str(connections[STORE].settings_dict["NAME"]), News())


def _changes() -> FileChanges | None:
    """Tells of writes into the log of the database, which is there as long as somebody has it open."""
    connection = connections[STORE]
    if connection.vendor != "sqlite":
        return None
    _count()
    changes = sqlite_log(connection.settings_dict["NAME"])
    return changes if changes.tells else None


def _is_committed(changes: FileChanges, seen: object) -> bool:
    """Wait for a commit after the count of changes was ``seen``. Every writer begins in the log, so that nobody misses it."""
    if _count() != seen:
        return True
    if not changes.tells or not changes.wait(WAIT):
        return False
    return is_committed(_count, seen, lambda: time.sleep(LOOK_EVERY))


def _count() -> object:
    with connections[STORE].cursor() as cursor:
        return sqlite_commits(cursor)


def _ends() -> dict[int, int]:
    return dict(PartitionRow.objects.values_list("pk", "next_number"))
