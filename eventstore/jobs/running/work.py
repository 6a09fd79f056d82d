"""A job's run, as the run sees it: it notes its progress, keeps the lease, and is told when to end."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from django.db import DatabaseError, connections

from eventstore.config.loading import Config
from eventstore.jobs.job import Progress, Share, Wish
from eventstore.jobs.kind import Interruption, JobInterrupted
from eventstore.jobs.running import queue
from eventstore.jobs.running.queue import LEASE, JobLost, Taken, Told
from eventstore.model.errors import ToldOnce

log = logging.getLogger(__name__)
SAVE_EVERY = 1.0
"""Seconds between two saves of a run that asks whether one is due."""
RATE_OVER = 30.0
"""Seconds of the past over which the rate is taken."""
RETRY_AFTER = 0.5
"""Seconds between two tries while the database does not answer."""
_WHY = {Wish.PAUSE: Interruption.PAUSE, Wish.CANCEL: Interruption.CANCEL}


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """What a run has a lease on: its job, or a share of it. Both calls renew the lease, and raise ``JobLost`` without one."""

    save: Callable[[Mapping[str, Any], Progress, float | None], Told]
    renew: Callable[[], Told]


def hold_of(taken: Taken) -> Hold:
    """Return the hold on a whole job. The queue's calls are looked up at each call."""
    return Hold(
        save=lambda checkpoint, progress, rate: queue.save(taken.lease, checkpoint, progress, rate),
        renew=lambda: queue.renew(taken.lease),
    )


class Work:
    """``eventstore.jobs.Worker`` for one taking of one job, or of one share of it. It belongs to one thread.

    While the database does not answer, a save is tried again until the lease must have passed. Until then nobody else has the
    job, and the run does nothing meanwhile; after that it is lost. ``has_saved``: whether this run has begun to save. Before
    that it has changed nothing. ``rests_for``: seconds, of a run that has left its worker.
    """

    def __init__(
        self,
        taken: Taken,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        *,
        config: Config | None = None,
        hold: Hold | None = None,
        handled: int | None = None,
        share_out: "ShareOut | None" = None,
    ) -> None:
        """``hold`` and ``handled`` (how many are handled already) are those of a share, if the run is of one."""
        self.taken, self.stop, self._clock = taken, stop, clock
        self.config = config or Config()
        self._hold, self._share_out = hold or hold_of(taken), share_out
        self._told = Told(taken.job.wish, taken.job.throttle)
        self.has_saved = False
        self.rests_for = 0.0
        self._renewed = self._saved = self._paid = clock()
        self._owed = 0.0
        """Events that were handled and that the throttle has not let through yet."""
        self._once = ToldOnce(log, "A job's progress")
        self._seen: deque[tuple[float, int]] = deque([(clock(), taken.job.progress.handled if handled is None else handled)])

    @property
    def is_due(self) -> bool:
        return self._clock() - self._saved >= SAVE_EVERY

    @property
    def throttle(self) -> float | None:
        return self._told.throttle

    @property
    def is_asked_to_end(self) -> bool:
        return self.stop.is_set() or self._told.wish is not Wish.NONE

    def save(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        self.note(checkpoint, progress)
        if self._told.wish is not Wish.NONE:
            raise JobInterrupted(_WHY[self._told.wish])
        if self.stop.is_set():
            raise JobInterrupted(Interruption.STOP)

    def note(self, checkpoint: Mapping[str, Any], progress: Progress) -> None:
        self.has_saved = True
        self._reach(partial(self._hold.save, checkpoint, progress, self._rate(progress.handled)))
        self._saved = self._clock()

    def throttled(self, amount: int) -> None:
        while not self.is_asked_to_end and (wait := self._seconds_owed()) > 0:
            self.stop.wait(min(wait, SAVE_EVERY))
            if self._clock() - self._renewed >= SAVE_EVERY:
                self._reach(self._hold.renew)
        self._seconds_owed()
        self._owed += amount if self.throttle else 0

    def rest(self, checkpoint: Mapping[str, Any], progress: Progress, seconds: float) -> NoReturn:
        self.save(checkpoint, progress)
        self.rests_for = seconds
        raise JobInterrupted(Interruption.REST)

    def run_shares(self, checkpoint: Mapping[str, Any], totals: Mapping[str, int | None]) -> Sequence[Share]:
        if self._share_out is None:
            raise ValueError("Jobs of this kind have no shares, and shares have none.")
        return self._share_out(self, checkpoint, totals)

    def _seconds_owed(self) -> float:
        """Count what the throttle has let through since this was last called; return for how long to wait."""
        now = self._clock()
        passed, self._paid = now - self._paid, now
        if not self.throttle:
            self._owed = 0.0
            return 0.0
        self._owed = max(0.0, self._owed - passed * self.throttle)
        return self._owed / self.throttle if self._owed > 1e-9 else 0.0

    def _reach(self, call: Callable[[], Told]) -> None:
        """Make the call, which renews the lease, as often as it takes."""
        while True:
            begun = self._clock()
            try:
                told = call()
            except JobLost:
                raise JobInterrupted(Interruption.LOST) from None
            except DatabaseError as error:
                self._wait_for_database(error)
            else:
                self._seconds_owed()  # by the throttle as it was until now
                self._renewed, self._told = begun, told
                self._once.over("is saved again.")
                return

    def _wait_for_database(self, error: DatabaseError) -> None:
        connections.close_all()
        left = self._renewed + LEASE.total_seconds() - self._clock()
        self._once.tell(f"the database does not take it ({type(error).__name__}). Trying until the lease has passed.")
        if left <= 0 or self.stop.wait(RETRY_AFTER):
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


ShareOut = Callable[[Work, Mapping[str, Any], Mapping[str, int | None]], Sequence[Share]]
