"""A worker: takes jobs, one after the other, and runs each to its end, or until it is asked to give it back."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from django.db import DatabaseError, connections

from eventstore.actions.action import registered
from eventstore.actions.outcome import Ending
from eventstore.actions.perform import Safeguards
from eventstore.config.loading import Config
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.jobs.job import State
from eventstore.jobs.kind import Interruption, JobInterrupted, JobKind, Run, kind_named
from eventstore.jobs.models import JobRow
from eventstore.jobs.running import queue, shares
from eventstore.jobs.running.errors import may_pass, words_for_people
from eventstore.jobs.running.queue import JobLost, Taken
from eventstore.jobs.running.rights import why_not
from eventstore.jobs.running.sharing import Lead, help_with, hold_of_share, taken_by_another
from eventstore.jobs.running.waking import CALM, LONGEST, Waker
from eventstore.jobs.running.work import RETRY_AFTER, Work
from eventstore.jobs.settling import settle
from eventstore.jobs.wishes import lapse
from eventstore.model.errors import EventStoreError, ToldOnce
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)
SETTLE_EVERY = 1.0
"""Seconds between two looks for ends that the record does not know."""
SIGN_EVERY = 15.0
"""Seconds between two notes that this worker is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner:
    """What a worker needs. ``on_job`` is told of each taking and each giving back, in words for a log."""

    storage: Storage
    safeguards: Safeguards
    stop: threading.Event
    config: Config = field(default_factory=Config)
    runs: Mapping[str, Run] = field(default_factory=dict)
    """What to run instead of a kind's own ``run``, by its name: for kinds that need more of the desk than its store."""
    on_job: Callable[[str], object] = log.info


class Every:
    """Tells when something is due that is done again after so many seconds; at first it is."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._done = seconds, -inf

    def is_due(self) -> bool:
        now = time.monotonic()
        due = now - self._done >= self._seconds
        self._done = now if due else self._done
        return due


class Rhythm:
    """What a worker does again and again beside its work, each at its own pace."""

    def __init__(self) -> None:
        self.sign, self.settle = Every(SIGN_EVERY), Every(SETTLE_EVERY)


def run_until_stopped(runner: Runner) -> None:
    """Run jobs until ``stop`` is set. A job that is running then is given back at its next save."""
    owner, told, rhythm, waker = new_owner(), ToldOnce(log, "The jobs"), Rhythm(), Waker()
    try:
        while not runner.stop.is_set():
            try:
                waker.begin()
                worked = run_next(runner, owner, rhythm)
                told.over("are being run again.")
                if not worked:
                    waker.wait(runner.stop, LONGEST if queue.is_anything_due_without_a_commit() else CALM)
            except Exception as error:  # noqa: BLE001 - one job, or one entry of the record, must not end the worker
                told.tell(f"trying again. {words_for_people(error)}")
                connections.close_all()
                runner.stop.wait(RETRY_AFTER)
    finally:
        waker.close()
        _leave(owner)


def run_until_idle(runner: Runner) -> int:
    """Run every job that is due; return how many runs that took."""
    owner, runs = new_owner(), 0
    try:
        while not runner.stop.is_set() and run_next(runner, owner):
            runs += 1
    finally:
        _leave(owner)
    return runs


def run_next(runner: Runner, owner: str, rhythm: Rhythm | None = None) -> bool:
    """Tell the record of jobs that have ended, and run the next job, or a share of one; return whether there was one."""
    kinds = [action.name for action in registered() if isinstance(action, JobKind)]
    if rhythm is None or rhythm.sign.is_due():
        queue.heartbeat(owner, kinds)
    if rhythm is None or rhythm.settle.is_due():
        lapse()
        settle(runner.safeguards.record)
    taken = queue.take(owner, kinds)
    if taken is None:
        return queue.is_anything_running() and _help(runner, owner, kinds)
    if not taken.rested:
        runner.on_job(f"{taken.job.id} ({taken.job.kind}) is running")
    try:
        state = _run(runner, taken)
    except JobLost:
        runner.on_job(f"{taken.job.id} is with another worker now")
        return True
    if state is State.RUNNING and taken.rested:
        return True
    runner.on_job(f"{taken.job.id} is {'waiting' if state is State.RUNNING else state}")
    settle(runner.safeguards.record)
    return True


def _help(runner: Runner, owner: str, kinds: Collection[str]) -> bool:
    """Run a share of a job that another worker has; return whether there was one."""
    taken = shares.take(owner, kinds=kinds)
    if taken is None:
        return False
    job, name = taken.job, f"the share {taken.share.name} of {taken.job.id}"
    kind = kind_named(job.kind)
    assert kind is not None and kind.run_share is not None, "only known kinds have shares"
    if problem := why_not(runner.safeguards, job):
        shares.refuse(taken.lease, problem)
        return True
    runner.on_job(f"{name} is running")
    hold, handled = hold_of_share(taken), taken.share.progress.handled
    work = Work(taken_by_another(taken), runner.stop, config=runner.config, hold=hold, handled=handled)
    try:
        runner.on_job(f"{name} is {help_with(taken, kind.run_share, runner.storage, work)}")
    except JobLost:
        runner.on_job(f"{name} is with another worker now")
    return True


def _run(runner: Runner, taken: Taken) -> State:
    """Run it, and write what came of it. Raises ``JobLost``."""
    job, lease = taken.job, taken.lease
    if taken.killed:
        return _fail(taken, f"It has ended its worker {queue.MOST_DEATHS} times in a row without any progress.", changed=True)
    kind = kind_named(job.kind)
    assert kind is not None, "only known kinds are taken"
    lead = Lead(storage=runner.storage, run_share=kind.run_share) if kind.run_share else None
    work = Work(taken, runner.stop, config=runner.config, share_out=lead)
    try:
        if not taken.rested and (problem := why_not(runner.safeguards, job)):  # a run that rests changes nothing more
            return _fail(taken, problem, changed=False)
        return _end_of_run(taken, runner.runs.get(kind.name, kind.run)(runner.storage, job, work))
    except JobLost:
        raise
    except JobInterrupted as interrupted:
        return _left(taken, work, interrupted)
    except Exception as error:  # noqa: BLE001 - whatever a run raises is its job's end, and never the worker's
        if may_pass(error):
            queue.try_again(lease, words_for_people(error))
            return State.QUEUED
        log.error("The job %s failed: %s", job.id, words_for_people(error))
        return _fail(taken, words_for_people(error), changed=work.has_saved or not isinstance(error, EventStoreError))


def _left(taken: Taken, work: Work, interrupted: JobInterrupted) -> State:
    """The run has left it to another one."""
    if interrupted.why is Interruption.LOST:
        raise JobLost from interrupted
    if interrupted.why is Interruption.REST:
        return queue.rest(taken.lease, work.rests_for)
    return queue.give_back(taken.lease, owes=interrupted.owes)


def _end_of_run(taken: Taken, facts: Mapping[str, Any] | None) -> State:
    row = JobRow.objects.get(pk=taken.lease.number)
    if not row.failed:
        queue.end(taken.lease, State.SUCCEEDED, Ending.DONE, facts=facts, tidy=True)
        return State.SUCCEEDED
    handled = row.done + row.skipped + row.failed
    return _fail(taken, f"{row.failed:,} of {handled:,} failed.", changed=False, facts=facts)


def _fail(taken: Taken, problem: str, *, changed: bool, facts: Mapping[str, Any] | None = None) -> State:
    """End it. ``changed``: whether this run may have changed something. What was done stays done: then a failure is a partial
    one. What was skipped, or left half done by a run before, is no proof that nothing was changed."""
    done, skipped = JobRow.objects.filter(pk=taken.lease.number).values_list("done", "skipped").get()
    tidy = taken.tidy and not changed
    ending = Ending.PARTLY_DONE if done else Ending.FAILED if tidy and not skipped else Ending.UNKNOWN
    queue.end(taken.lease, State.FAILED, ending, problem=problem, facts=facts, tidy=tidy)
    return State.FAILED


def _leave(owner: str) -> None:
    try:
        queue.leave(owner)
    except DatabaseError as error:
        log.warning("This worker could not sign off (%s).", type(error).__name__)
    connections.close_all()
