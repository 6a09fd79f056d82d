"""Waiting for work without asking the database for it again and again.

PostgreSQL tells those who listen (``LISTEN``, ``NOTIFY``). SQLite counts the changes that others commit (``PRAGMA
data_version``), which is read without a transaction or a lock. What no commit announces, such as a time that has come or a
lease that has passed, is seen when the wait is over.
"""

import threading
import time
from typing import Any

from django.db import connections, router

from eventstore.jobs.models import JobRow
from eventstore.jobs.rows import CHANNEL

LONGEST = 0.25
"""Seconds that a wait takes at most."""
READ_EVERY = 0.01
"""Seconds between two readings of SQLite's count."""


class Waker:
    """Belongs to one thread. Errors of the database are Django's or those of its driver."""

    def __init__(self) -> None:
        self._seen: tuple[Any, object] | None = None

    def begin(self) -> None:
        """Notice everything from here on: called before one looks for work, so that nothing is missed between the two."""
        connection = connections[router.db_for_write(JobRow)]
        connection.ensure_connection()
        known = self._seen is not None and self._seen[0] is connection.connection
        if connection.vendor == "sqlite":
            self._seen = (connection.connection, _changes(connection.connection))
        elif connection.vendor == "postgresql" and not known:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._seen = (connection.connection, None)

    def wait(self, stop: threading.Event, seconds: float = LONGEST) -> bool:
        """Return whether there may be new work: at once if so, and otherwise after so many seconds, or once ``stop`` is set
        (on PostgreSQL only after the seconds)."""
        connection = connections[router.db_for_write(JobRow)]
        if self._seen is None or connection.connection is not self._seen[0]:
            stop.wait(seconds)
            return False
        if connection.vendor == "postgresql":
            return any(True for _ in self._seen[0].notifies(timeout=seconds, stop_after=1))
        return _has_changed(self._seen[0], self._seen[1], stop, seconds)


def _has_changed(raw: Any, seen: object, stop: threading.Event, seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not stop.wait(READ_EVERY):
        if _changes(raw) != seen:
            return True
    return False


def _changes(raw: Any) -> object:
    return raw.execute("PRAGMA data_version").fetchone()[0]
