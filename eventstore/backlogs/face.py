"""The desk's face for what is seen of all subscriptions, now and before."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.utils import timezone

from eventstore.backlogs import history
from eventstore.backlogs import lease as leases
from eventstore.backlogs.current import AllBacklogs, StoredBacklogs
from eventstore.backlogs.later import Later
from eventstore.backlogs.lease import LeaseLost
from eventstore.backlogs.looks import Look
from eventstore.backlogs.refresh import IsStopped, Stopped, found_in
from eventstore.backlogs.writing import Round, remove_others, write
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.model.errors import StoreUnreachable
from eventstore.model.log import Log
from eventstore.subscriptions import Backlog
from eventstore.subscriptions.face import SubscriptionFace

FRESH = timedelta(seconds=2)
"""How old figures may be while no poller runs."""
POLL_EVERY = 5.0
"""Seconds from one question of the poller to the next."""
POLL_REST = 10
"""Where an answer took long, the poller asks again only after so many times as long."""
REST = 5
"""Where the answer took long, nobody asks again before so many times as long: however many look, the broker has its rest."""
LONGEST_REST = 10.0
"""Seconds."""
PATIENCE = 5.0
"""Seconds to wait for what another process asks the store at this moment."""
KEPT_BACK = 2.0
"""Seconds. What comes within them may be stored after whoever asked has it. Of more topics, the answers are written as they
come: others see them meanwhile, and a process that is killed has not asked in vain."""
THIN_SECONDS = 60.0
STEPS_OF_A_PAGE = 3
"""Where no poller runs, pages delete old looks: at most so many steps a minute and process."""
MOST_LOOKS = 2_000
"""Looks that are read at once."""


class BacklogFace:
    """``desk.backlogs``. One process at a time asks the store, for all processes and viewers. The answer is in the index's
    database, with what was seen before."""

    def __init__(self, *, log: Log, subscriptions: SubscriptionFace, stores_later: bool = False) -> None:
        """``stores_later``: whoever waits for figures gets them before they are stored. ``settle`` stores them at once."""
        self._log, self._subscriptions, self._stores_later = log, subscriptions, stores_later
        self._stored = StoredBacklogs()
        self._asking = threading.Lock()
        self._owner = new_owner()
        self._thinned = -THIN_SECONDS
        self._later = Later("What was seen of the subscriptions")

    def current(self, max_age: timedelta = FRESH) -> AllBacklogs:
        """All subscriptions of all watched topics: as the poller last saw them, or no older than ``max_age`` where none runs.

        ``StoreUnreachable`` if the store does not answer: ``last_known`` still does.
        """
        with self._asking:
            self.settle()
            deadline = time.monotonic() + PATIENCE
            while not (now := leases.situation(max_age)).fresh:
                asked = self._ask(max_age)
                if asked is not None:
                    if asked.unwritten:
                        return self._stored_later(asked)
                    now = leases.situation(max_age)
                    self._thin_a_little()
                    break
                if time.monotonic() > deadline:
                    break
                time.sleep(0.03)
        if now.reason:
            raise StoreUnreachable(now.reason)
        return self.last_known()

    def settle(self) -> None:
        """Store what this process has found and not stored yet. Whoever reads what is stored without this face calls it first;
        the face's own methods do."""
        self._later.settle()

    def _stored_later(self, asked: Round) -> AllBacklogs:
        """Return what was found, and store it in a moment. Whoever asks meanwhile, here or elsewhere, waits for that."""
        found, at = asked.unwritten, time.monotonic()

        def store() -> None:
            self._store(asked, at)
            self._thin_a_little()

        topics = sorted((one for some in found for one in (*some.topics, *some.refused)), key=lambda one: one.topic.name)
        self._later.do(store)
        return AllBacklogs(topics=topics, as_of=timezone.now())

    def _thin_a_little(self) -> None:
        if time.monotonic() - self._thinned > THIN_SECONDS:
            self._thinned = time.monotonic()
            for _ in islice(history.thin(), STEPS_OF_A_PAGE):
                pass

    def last_known(self) -> AllBacklogs:
        """What is stored, however old. Asks nothing of the store."""
        self.settle()
        return self._known()

    def _known(self) -> AllBacklogs:
        found, new = self._stored.read()
        self._subscriptions.learn([watched.backlog for one in new for watched in one.subscriptions])
        return found

    def poll(self, max_age: timedelta, is_stopped: IsStopped) -> timedelta | None:
        """Ask the store about everything, unless that was done within ``max_age``.

        Return how long to rest before the next call: nobody else asks until a while after it is due. ``None`` if it was not
        asked, or not to the end because ``is_stopped``.
        """
        self.settle()
        try:
            asked = self._ask(max_age, is_stopped)
        except Stopped:
            return None
        return asked.rest if asked else None

    def thin(self, stop: threading.Event) -> None:
        """Delete looks that are too old, once a minute and with pauses, until all are deleted or the process is to stop."""
        if time.monotonic() - self._thinned > THIN_SECONDS:
            self._thinned = time.monotonic()
            for _ in history.thin():
                if stop.wait(0.05):
                    break

    def _ask(self, max_age: timedelta, is_stopped: IsStopped | None = None) -> Round | None:
        """Ask the store about everything, unless that was done within ``max_age`` or another process does it now: then return
        ``None``. ``is_stopped``: of the poller, which trusts no promise but its own.

        What was found is stored, except where it may be stored later: then it is ``unwritten``, and the lease is kept.
        """
        polls = is_stopped is not None
        lease = leases.take(self._owner, max_age, trusting=not polls)
        if lease is None:
            return None
        asked, begun = Round(lease=lease), time.monotonic()
        keeps = self._stores_later and not polls
        try:
            self._refresh(asked, is_stopped or (lambda: False), begun + KEPT_BACK if keeps else begun)
        except BaseException:
            leases.give_up(lease)
            raise
        seconds = 0.0 if asked.reason else time.monotonic() - begun  # a store that is away needs no rest
        rest = max(POLL_EVERY, POLL_REST * seconds) if polls else min(LONGEST_REST, REST * seconds)
        asked.rest, asked.promised = timedelta(seconds=rest), timedelta(seconds=2 * rest if polls else rest)
        if asked.reason or not asked.unwritten:
            self._store(asked, time.monotonic())
        return asked

    def _refresh(self, asked: Round, is_stopped: IsStopped, until: float) -> None:
        """Ask, and write what comes. What has come by ``until`` stays unwritten if everything has."""
        try:
            for found in found_in(self._log, self._subscriptions, asked.lease, self._known().topics, is_stopped):
                asked.unwritten.append(found)
                asked.topics |= {one.topic.name for one in (*found.topics, *found.refused)}
                if time.monotonic() >= until:
                    self._write(asked)
        except StoreUnreachable as error:
            asked.reason = str(error)
        except LeaseLost:
            asked.lost = True
            asked.unwritten.clear()

    def _write(self, asked: Round) -> None:
        while asked.unwritten:
            write(asked.lease, self._subscriptions, asked.unwritten[0])
            self._stored.note(asked.unwritten.pop(0).topics)

    def _store(self, asked: Round, at: float) -> None:
        """Write what is not written yet, and give the lease back. ``at``: when the store had answered."""
        try:
            if not asked.lost:
                self._write(asked)
            if not (asked.lost or asked.reason):
                remove_others(asked.lease, asked.topics)
        except LeaseLost:
            return  # its successor has newer figures
        except BaseException:
            leases.give_up(asked.lease)
            raise
        ago = timedelta(seconds=time.monotonic() - at)
        leases.finish(asked.lease, reason=asked.reason, promised=asked.promised, ago=ago)

    def forget(self) -> None:
        """Let the next one who wants figures ask the store anew: something has just been changed."""
        self.settle()
        leases.forget()

    def one(self, topic: str, name: str) -> Backlog:
        """This subscription as the store shows it at this moment, with what was seen of it before."""
        self.settle()
        for seen in self._stored.read_topic(topic):
            self._subscriptions.learn([watched.backlog for watched in seen.subscriptions])
        return self._subscriptions.backlog(topic, name)

    def looks(self, topic: str, name: str, since: datetime, *, most: int = MOST_LOOKS) -> Sequence[Look]:
        """What was seen of this subscription since then, oldest first: every ten seconds in the last hour, then every minute,
        and every ten minutes from a day ago on."""
        self.settle()
        return history.looks(topic, name, since, most)
