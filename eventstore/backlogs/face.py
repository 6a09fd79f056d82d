"""The desk's face for what is seen of all subscriptions, now and before."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from eventstore.backlogs import history
from eventstore.backlogs import lease as leases
from eventstore.backlogs.current import AllBacklogs, StoredBacklogs
from eventstore.backlogs.lease import Lease, LeaseLost
from eventstore.backlogs.looks import Look
from eventstore.backlogs.refresh import IsStopped, Stopped, refresh
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
THIN_SECONDS = 60.0
STEPS_OF_A_PAGE = 3
"""Where no poller runs, pages delete old looks: at most so many steps a minute and process."""
MOST_LOOKS = 2_000
"""Looks that are read at once."""


class BacklogFace:
    """``desk.backlogs``. One process at a time asks the store, for all processes and viewers. The answer is in the index's
    database, with what was seen before."""

    def __init__(self, *, log: Log, subscriptions: SubscriptionFace) -> None:
        self._log, self._subscriptions = log, subscriptions
        self._stored = StoredBacklogs()
        self._asking = threading.Lock()
        self._owner = new_owner()
        self._thinned = -THIN_SECONDS

    def current(self, max_age: timedelta = FRESH) -> AllBacklogs:
        """All subscriptions of all watched topics: as the poller last saw them, or no older than ``max_age`` where none runs.

        ``StoreUnreachable`` if the store does not answer: ``last_known`` still does.
        """
        with self._asking:
            deadline = time.monotonic() + PATIENCE
            while not (now := leases.situation(max_age)).fresh:
                if self._ask(max_age) is not None:
                    now = leases.situation(max_age)
                    self._thin_a_little()
                    break
                if time.monotonic() > deadline:
                    break
                time.sleep(0.03)
        if now.reason:
            raise StoreUnreachable(now.reason)
        return self.last_known()

    def _thin_a_little(self) -> None:
        if time.monotonic() - self._thinned > THIN_SECONDS:
            self._thinned = time.monotonic()
            for _ in islice(history.thin(), STEPS_OF_A_PAGE):
                pass

    def last_known(self) -> AllBacklogs:
        """What is stored, however old. Asks nothing of the store."""
        found, new = self._stored.read()
        self._subscriptions.learn([watched.backlog for one in new for watched in one.subscriptions])
        return found

    def poll(self, max_age: timedelta, is_stopped: IsStopped) -> timedelta | None:
        """Ask the store about everything, unless that was done within ``max_age``.

        Return how long to rest before the next call: nobody else asks until a while after it is due. ``None`` if it was not
        asked, or not to the end because ``is_stopped``.
        """
        try:
            return self._ask(max_age, is_stopped)
        except Stopped:
            return None

    def thin(self, stop: threading.Event) -> None:
        """Delete looks that are too old, once a minute and with pauses, until all are deleted or the process is to stop."""
        if time.monotonic() - self._thinned > THIN_SECONDS:
            self._thinned = time.monotonic()
            for _ in history.thin():
                if stop.wait(0.05):
                    break

    def _ask(self, max_age: timedelta, is_stopped: IsStopped | None = None) -> timedelta | None:
        """Ask the store about everything, unless that was done within ``max_age`` or another process does it now: then return
        ``None``, and otherwise how long to rest. ``is_stopped``: of the poller, which trusts no promise but its own."""
        polls = is_stopped is not None
        lease = leases.take(self._owner, max_age, trusting=not polls)
        if lease is None:
            return None
        begun = time.monotonic()
        try:
            reason = self._refresh(lease, is_stopped or (lambda: False))
        except BaseException:
            leases.give_up(lease)
            raise
        seconds = 0.0 if reason else time.monotonic() - begun  # a store that is away needs no rest
        rest = max(POLL_EVERY, POLL_REST * seconds) if polls else min(LONGEST_REST, REST * seconds)
        leases.finish(lease, reason=reason, promised=timedelta(seconds=2 * rest if polls else rest))
        return timedelta(seconds=rest)

    def _refresh(self, lease: Lease, is_stopped: IsStopped) -> str:
        """Return why the store could not be asked; empty if it was."""
        try:
            refresh(self._log, self._subscriptions, lease, self.last_known().topics, self._stored.note, is_stopped)
        except StoreUnreachable as error:
            return str(error)
        except LeaseLost:
            return ""  # its successor has newer figures
        return ""

    def forget(self) -> None:
        """Let the next one who wants figures ask the store anew: something has just been changed."""
        leases.forget()

    def one(self, topic: str, name: str) -> Backlog:
        """This subscription as the store shows it at this moment, with what was seen of it before."""
        self.last_known()
        return self._subscriptions.backlog(topic, name)

    def looks(self, topic: str, name: str, since: datetime, *, most: int = MOST_LOOKS) -> Sequence[Look]:
        """What was seen of this subscription since then, oldest first: every ten seconds in the last hour, then every minute,
        and every ten minutes from a day ago on."""
        return history.looks(topic, name, since, most)
