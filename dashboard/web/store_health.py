"""How the store and the index stand, cheaply, for the foot of every page: asked at most every few seconds a process.

Asking an unreachable broker takes seconds, and no page should wait for that: a thread asks, and a page that comes meanwhile
shows what was last known.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, connections
from django.utils import timezone

from dashboard.gateway import desk, shared
from eventstore.model import EventStoreError, StoreUnreachable

FRESH = timedelta(seconds=3)
PATIENCE = 0.4
"""Seconds that a page waits for an answer that is not there yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreHealth:
    """``reachable`` is ``None`` while the first question is still open. ``words`` name what answers, or why nothing does."""

    reachable: bool | None
    words: str
    as_of: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexStanding:
    """``topics`` and ``events`` are all that are indexed. ``behind``: seconds since every partition that the store has was
    last caught up; ``None`` while one of them never was."""

    topics: int
    events: int
    behind: float | None


class StoreWatch:
    """What this process last heard from the store. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-standing")
        self._last: StoreHealth | None = None
        self._asking: Future[StoreHealth] | None = None

    def standing(self) -> StoreHealth:
        """The last answer, or a new one where that is older than a few seconds and comes quickly."""
        with self._lock:
            if self._last is not None and timezone.now() - self._last.as_of < FRESH:
                return self._last
            if self._asking is None or self._asking.done():
                self._asking = self._pool.submit(self._ask)
            asking = self._asking
        try:
            return asking.result(timeout=PATIENCE)
        except NotYet:
            return self._last or StoreHealth(reachable=None, words="no answer yet", as_of=timezone.now())

    def mark_unreachable(self, words: str) -> None:
        """A page has just found that the store does not answer. A failure that was known already keeps its time, so that the
        store is asked again soon enough."""
        with self._lock:
            if self._last is None or self._last.reachable is not False:
                self._last = StoreHealth(reachable=False, words=words, as_of=timezone.now())

    def forget(self) -> None:
        """Ask anew at the next page."""
        with self._lock:
            self._last = None

    def _ask(self) -> StoreHealth:
        try:
            answer = ask_store()
        finally:
            connections.close_all()  # this thread's own: nobody else would close them
        with self._lock:
            self._last = answer
        return answer


def store_standing() -> StoreHealth:
    """The last answer, or a new one where that is older than a few seconds and comes quickly."""
    return shared(StoreWatch).standing()


def index_standing() -> IndexStanding:
    """How far the index is. A topic that has gone from the store can never be caught up with again, and holds up nothing."""
    topics = desk().index.topics().values()
    caught_up = [topic.caught_up_at for topic in topics if topic.gone_at is None]
    known = [moment for moment in caught_up if moment is not None]
    now = timezone.now()
    all_known = bool(topics) and len(known) == len(caught_up)
    return IndexStanding(
        topics=len(topics),
        events=sum(topic.events for topic in topics),
        behind=max(0.0, (now - min(known, default=now)).total_seconds()) if all_known else None,
    )


def forget() -> None:
    """Ask anew at the next page."""
    shared(StoreWatch).forget()


def ask_store() -> StoreHealth:
    """Ask now, in this thread."""
    try:
        words = desk().log.ping()
    except (EventStoreError, DatabaseError) as error:
        reason = str(error) if isinstance(error, EventStoreError) else "its database does not answer"
        return StoreHealth(reachable=False, words=reason, as_of=timezone.now())
    return StoreHealth(reachable=True, words=words, as_of=timezone.now())


def why_away() -> StoreUnreachable | None:
    """Asked now, where payloads are missing: ``None`` says that the store answers, and has trimmed them."""
    try:
        desk().log.ping()
    except StoreUnreachable as error:
        return error
    return None


def mark_unreachable(words: str) -> None:
    """A page has just found that the store does not answer: pages that do not ask it themselves know from now on."""
    shared(StoreWatch).mark_unreachable(words)


def last_known_outage() -> StoreUnreachable | None:
    """Why the store does not answer, as far as that is known now: a page whose payloads are all in memory says so as well."""
    store = store_standing()
    return StoreUnreachable(store.words) if store.reachable is False else None
