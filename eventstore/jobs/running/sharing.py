"""Several workers at one job: the one that has the job leads, and those that are free take shares of it.

The lead makes the shares, works at them like everybody else, keeps the job's progress as the sum of them, and waits for those
that others have. Before a worker finishes a share, it waits until the throttle has let all of it through. A worker that dies
leaves its share to whoever comes first; if it was the lead, another one leads.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstore.jobs.job import Progress, Share
from eventstore.jobs.kind import Interruption, JobInterrupted, RunShare
from eventstore.jobs.running import shares
from eventstore.jobs.running.errors import may_pass, words_for_people
from eventstore.jobs.running.queue import JobLost, Lease, Taken, Told
from eventstore.jobs.running.shares import TakenShare
from eventstore.jobs.running.work import Hold, Work
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.storage import Storage

LOOK_EVERY = 0.2
"""Seconds between two looks at the shares that others have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lead:
    """Runs the shares of a job, as the worker that has the job. It is ``work.ShareOut``."""

    storage: Storage
    run_share: RunShare

    def __call__(self, work: Work, checkpoint: Mapping[str, Any], totals: Mapping[str, int | None]) -> Sequence[Share]:
        number = work.taken.lease.number
        shares.make(number, totals)
        try:
            while not self._is_done(work, checkpoint):
                pass
        except JobInterrupted as interrupted:
            if interrupted.why in (Interruption.PAUSE, Interruption.CANCEL):
                self._await_others(work, checkpoint)
                if (problem := shares.refusal(number)) and not work.is_asked_to_end:
                    raise StoreRefused(problem) from interrupted
                self._tidy_up(work, checkpoint)
            raise
        except Exception as error:
            if not isinstance(error, JobLost) and not may_pass(error):
                self._await_others(work, checkpoint)
            raise
        return shares.of_job(number)

    def _is_done(self, work: Work, checkpoint: Mapping[str, Any]) -> bool:
        """Do one step: run a share, or wait a moment. Returns whether all shares are finished."""
        lease = work.taken.lease
        work.save(checkpoint, shares.progress(lease.number))
        if problem := shares.refusal(lease.number):
            raise StoreRefused(problem)
        taken = shares.take(lease.owner, job=lease.number)
        if taken is not None:
            self._run(work, checkpoint, taken)
        elif shares.are_finished(lease.number):
            work.save(checkpoint, shares.progress(lease.number))
            return True
        else:
            self._raise_if_away(lease.number)
            work.stop.wait(LOOK_EVERY)
        return False

    def _run(self, work: Work, checkpoint: Mapping[str, Any], taken: TakenShare) -> None:
        hold = self._keeping(work, checkpoint, taken)
        own = Work(work.taken, work.stop, config=work.config, hold=hold, handled=taken.share.progress.handled)
        try:
            self.run_share(self.storage, taken.job, taken.share, own)
            own.throttled(0)
        except BaseException as error:
            if isinstance(error, Exception) and _cannot_be_done(error):
                shares.refuse(taken.lease, words_for_people(error))
            elif not _is_lost(error):
                shares.give_back(taken.lease, tidy=_leaves_tidy(error))
            raise
        shares.finish(taken.lease)

    def _keeping(self, work: Work, checkpoint: Mapping[str, Any], taken: TakenShare) -> Hold:
        """The hold on a share that keeps the job too, once a second."""
        plain = hold_of_share(taken)

        def keep(progress: Progress | None = None) -> None:
            """At once where the share has come to its end: people wait for that."""
            if work.is_due or (progress is not None and progress.handled == progress.total):
                work.note(checkpoint, shares.progress(work.taken.lease.number))

        def save(noted: Mapping[str, Any], progress: Progress, rate: float | None) -> Told:
            told = plain.save(noted, progress, rate)
            keep(progress)
            return told

        def renew() -> Told:
            told = plain.renew()
            keep()
            return told

        return Hold(save=save, renew=renew)

    def _raise_if_away(self, job: int) -> None:
        """A share waits for its next try, and nobody is at work: the job waits with it, and says why."""
        waiting = [one for one in shares.of_job(job) if not one.finished]
        if not any(one.held for one in waiting) and (problem := next((one.problem for one in waiting if one.problem), "")):
            raise StoreUnreachable(problem)

    def _await_others(self, work: Work, checkpoint: Mapping[str, Any]) -> None:
        """They end at their next save, so that the job counts what they have done. One that is killed, or silent until its
        lease has passed, is waited for no longer."""
        number = work.taken.lease.number
        while shares.held(number):
            work.note(checkpoint, shares.progress(number))
            time.sleep(LOOK_EVERY / 4)  # the stop may be set already, and would not wait
        work.note(checkpoint, shares.progress(number))

    def _tidy_up(self, work: Work, checkpoint: Mapping[str, Any]) -> None:
        """Run each share that was cut off until its first save, which counts what it had done."""
        lease = work.taken.lease
        while (taken := shares.take(lease.owner, job=lease.number, untidy=True)) is not None:
            try:
                self._run(work, checkpoint, taken)
            except JobInterrupted as interrupted:
                if interrupted.why is Interruption.LOST:
                    raise
        work.note(checkpoint, shares.progress(lease.number))


def hold_of_share(taken: TakenShare) -> Hold:
    return Hold(
        save=lambda checkpoint, progress, rate: shares.save(taken.lease, checkpoint, progress, rate),
        renew=lambda: shares.renew(taken.lease),
    )


def help_with(taken: TakenShare, run_share: RunShare, storage: Storage, work: Work) -> str:
    """Run a share of a job that another worker has; return what became of it, in words for a log. Raises ``JobLost``."""
    try:
        run_share(storage, taken.job, taken.share, work)
        work.throttled(0)
    except JobLost:
        raise
    except JobInterrupted as interrupted:
        if interrupted.why is Interruption.LOST:
            raise JobLost from interrupted
        shares.give_back(taken.lease, tidy=True)
        return "given back"
    except Exception as error:  # noqa: BLE001 - whatever a run raises is its share's end, and never the worker's
        if may_pass(error):
            shares.try_again(taken.lease, words_for_people(error))
            return "to be tried again"
        shares.refuse(taken.lease, words_for_people(error))
        return "refused"
    shares.finish(taken.lease)
    return "done"


def taken_by_another(taken: TakenShare) -> Taken:
    """Return the job of a share as ``Work`` takes it. The lease of the job is not the helper's: its hold is on the share."""
    lease = Lease(number=taken.lease.job, owner=taken.lease.owner, epoch=-1)
    return Taken(job=taken.job, lease=lease, killed=False, tidy=False)


def _is_lost(error: BaseException) -> bool:
    """Whether the share may be with another worker now, or cannot be given back since the process ends."""
    lost = isinstance(error, JobInterrupted) and error.why is Interruption.LOST
    return lost or isinstance(error, JobLost) or not isinstance(error, Exception)


def _cannot_be_done(error: Exception) -> bool:
    """Whether the share fails the job. The others are told, and end."""
    return not isinstance(error, JobInterrupted | JobLost) and not may_pass(error)


def _leaves_tidy(error: BaseException) -> bool:
    return isinstance(error, JobInterrupted)
