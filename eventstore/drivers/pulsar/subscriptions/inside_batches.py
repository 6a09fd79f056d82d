"""Whether the broker keeps acknowledgements of single events of a batch.

It keeps them if ``acknowledgmentAtBatchIndexLevelEnabled`` is true: the default from 4.1 on (verified with 4.0.8 and 4.2.4). A
consumer that uses it may then have acknowledged any part of a batch, and no answer of the broker tells which.
"""

import re
import threading
import time

from eventstore.drivers.pulsar.admin import Admin
from eventstore.model.errors import EventStoreError

SETTING = "acknowledgmentAtBatchIndexLevelEnabled"
FIRST_BY_DEFAULT = (4, 1)
FRESH_SECONDS = 600.0
"""The setting changes with a restart of the broker, and with another version of it."""
_VERSION = re.compile(r"(\d+)\.(\d+)")


class InsideBatches:
    """What the broker last told of it. Thread-safe."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._kept, self._next = True, 0.0

    def kept(self) -> bool:
        """Return whether it may keep them: true as well as long as it has not told. It is asked every ten minutes."""
        self._learn()
        return self._kept

    def _learn(self) -> None:
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + FRESH_SECONDS
        try:
            settings = self._admin.settings()
            told = settings.get(SETTING) if settings is not None else None
            self._kept = by_default(self._admin.version()) if told is None else str(told).lower() == "true"
        except EventStoreError:  # the answer that the caller is after will say what is wrong
            self._next = 0.0


def by_default(version: str) -> bool:
    """Return whether a broker of this version keeps them unless it is told otherwise. True for one that cannot be read."""
    found = _VERSION.match(version)
    return found is None or (int(found[1]), int(found[2])) >= FIRST_BY_DEFAULT
