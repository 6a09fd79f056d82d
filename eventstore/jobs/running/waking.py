"""Waiting for work without asking the database for it again and again.

PostgreSQL tells those who listen (``LISTEN``, ``NOTIFY``). SQLite counts the changes that others commit (``PRAGMA
data_version``), which is read without a transaction or a lock: once the kernel has told of a write into its log, and every few
milliseconds where it does not tell. What no commit announces, such as a time that has come or a lease that has passed, is seen
when the wait is over.
"""

import threading
import time
from typing import Any

from django.db import connections, router

from eventstore.file_changes import FileChanges, is_committed, sqlite_commits, sqlite_log
from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import CHANNEL

LONGEST = 0.25
"""Seconds that a wait takes at most while there are jobs that no commit may announce."""
CALM = 5.0
"""The same while there are none."""
STOPPED_WITHIN = 0.5
"""Seconds after which a wait notices at the latest that it is to stop."""
READ_EVERY = 0.01
"""Seconds between two readings of SQLite's count where the kernel does not tell, or once its log was written."""


class Waker:
    """Belongs to one thread, which closes it. Errors of the database are Django's or those of its driver."""

    def __init__(self) -> None:
        self._seen: tuple[Any, object] | None = None
        self._log: FileChanges | None = None

    def begin(self) -> None:
        """Notice everything from here on: called before one looks for work, so that nothing is missed between the two."""
        connection = connections[router.db_for_write(JobRow)]
        connection.ensure_connection()
        known = self._seen is not None and self._seen[0] is connection.connection
        if connection.vendor == "sqlite":
            seen = sqlite_commits(connection.connection)
            if not known or self._log is None or not self._log.tells:  # the log is there as long as this connection is
                self._watch(connection.settings_dict["NAME"])
            self._seen = (connection.connection, seen)
        elif connection.vendor == "postgresql" and not known:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._seen = (connection.connection, None)

    def wait(self, stop: threading.Event, seconds: float = LONGEST) -> bool:
        """Return whether there may be new work: at once if so, and otherwise after so many seconds, or once ``stop`` is set
        (within ``STOPPED_WITHIN``)."""
        connection = connections[router.db_for_write(JobRow)]
        if self._seen is None or connection.connection is not self._seen[0]:
            stop.wait(seconds)
            return False
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not stop.is_set():
            if self._notices(connection.vendor, min(left, STOPPED_WITHIN), stop):
                return True
        return False

    def _notices(self, vendor: str, seconds: float, stop: threading.Event) -> bool:
        """Whether anything was committed, after some of these seconds."""
        assert self._seen is not None
        raw, seen = self._seen
        if vendor == "postgresql":
            return any(True for _ in raw.notifies(timeout=seconds, stop_after=1))
        if self._log is None or not self._log.tells:
            stop.wait(min(READ_EVERY, seconds))
            return sqlite_commits(raw) != seen
        if sqlite_commits(raw) == seen and not self._log.wait(seconds):
            return False
        return is_committed(lambda: sqlite_commits(raw), seen, lambda: stop.wait(READ_EVERY))

    def close(self) -> None:
        """Notice nothing any more, until the next ``begin``."""
        self._seen = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _watch(self, database: object) -> None:
        if self._log is not None:
            self._log.close()
        self._log = sqlite_log(database)
