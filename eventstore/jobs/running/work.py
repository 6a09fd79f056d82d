"""A job's run, as the run sees it: it notes its progress, keeps the lease, and is told when to end."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from django.db import DatabaseError, connections

from eventstore.jobs.job import Progress, Wish
from eventstore.jobs.kind import Interruption, JobInterrupted
from eventstore.jobs.running import queue
from eventstore.jobs.running.queue import LEASE, JobLost, Taken
from eventstore.model.errors import ToldOnce

log = logging.getLogger(__name__)
SAVE_EVERY = 1.0
"""Seconds between two saves of a run that asks whether one is due."""
RATE_OVER = 30.0
"""Seconds of the past over which the rate is taken."""
RETRY_AFTER = 0.5
"""Seconds between two tries while the database does not answer."""
_WHY = {Wish.PAUSE: Interruption.PAUSE, Wish.CANCEL: Interruption.CANCEL}


class Work:
    """``eventstore.jobs.Worker`` for one taking of one job. It belongs to one thread.

    While the database does not answer, a save is tried again until the lease must have passed. Until then nobody else has the
    job, and the run does nothing meanwhile; after that it is lost. ``has_saved``: whether this run has begun to save. Before
    that it has changed nothing. ``rests_for``: seconds, of a run that has left its worker.
    """

    def __init__(self, taken: Taken, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease, self._stop, self._clock = taken.lease, stop, clock
        self._throttle = taken.job.throttle
        self._wish = taken.job.wish
        self.has_saved = False
        self.rests_for = 0.0
        self._renewed = self._saved = self._free_at = clock()
        self._told = ToldOnce(log, "A job's progress")
        self._seen: deque[tuple[float, int]] = deque([(clock(), taken.job.progress.handled)])

    @property
    def is_due(self) -> bool:
        return self._clock() - self._saved >= SAVE_EVERY

    @property
    def is_asked_to_end(self) -> bool:
        return self._stop.is_set() or self._wish is not Wish.NONE

    def save(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        self.note(checkpoint, progress)
        if self._wish is not Wish.NONE:
            raise JobInterrupted(_WHY[self._wish])
        if self._stop.is_set():
            raise JobInterrupted(Interruption.STOP)

    def note(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        self.has_saved = True
        rate = self._rate(progress.handled)
        self._reach(lambda: queue.save(self._lease, checkpoint, progress, rate))
        self._saved = self._clock()

    def throttled(self, amount: int) -> None:
        if not self._throttle:
            return
        while not self.is_asked_to_end and (wait := self._free_at - self._clock()) > 0:
            self._stop.wait(min(wait, SAVE_EVERY))
            if self._clock() - self._renewed >= SAVE_EVERY:
                self._reach(lambda: queue.renew(self._lease))
        self._free_at = max(self._free_at, self._clock()) + amount / self._throttle

    def rest(self, checkpoint: Mapping[str, Any], progress: Progress, seconds: float) -> NoReturn:
        self.save(checkpoint, progress)
        self.rests_for = seconds
        raise JobInterrupted(Interruption.REST)

    def _reach(self, call: Callable[[], Wish]) -> None:
        """Make the call, which renews the lease, as often as it takes."""
        while True:
            begun = self._clock()
            try:
                self._wish = call()
            except JobLost:
                raise JobInterrupted(Interruption.LOST) from None
            except DatabaseError as error:
                self._wait_for_database(error)
            else:
                self._renewed = begun
                self._told.over("is saved again.")
                return

    def _wait_for_database(self, error: DatabaseError) -> None:
        connections.close_all()
        left = self._renewed + LEASE.total_seconds() - self._clock()
        self._told.tell(f"the database does not take it ({type(error).__name__}). Trying until the lease has passed.")
        if left <= 0 or self._stop.wait(RETRY_AFTER):
            raise JobInterrupted(Interruption.LOST) from error

    def _rate(self, handled: int) -> float | None:
        now = self._clock()
        if handled < self._seen[-1][1]:  # a run that begins anew
            self._seen.clear()
        self._seen.append((now, handled))
        while len(self._seen) > 2 and now - self._seen[1][0] > RATE_OVER:
            self._seen.popleft()
        since, before = self._seen[0]
        return (handled - before) / (now - since) if now - since >= SAVE_EVERY else None
