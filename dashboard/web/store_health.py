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

from dashboard.gateway import gateway
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


_lock = threading.Lock()
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-standing")
_last: StoreHealth | None = None
_asking: "Future[StoreHealth] | None" = None


def store_standing() -> StoreHealth:
    """The last answer, or a new one where that is older than a few seconds and comes quickly."""
    global _asking  # noqa: PLW0603
    with _lock:
        if _last is not None and timezone.now() - _last.as_of < FRESH:
            return _last
        if _asking is None or _asking.done():
            _asking = _pool.submit(_ask)
        asking = _asking
    try:
        return asking.result(timeout=PATIENCE)
    except NotYet:
        return _last or StoreHealth(reachable=None, words="no answer yet", as_of=timezone.now())


def index_standing() -> IndexStanding:
    """How far the index is. A topic that has gone from the store can never be caught up with again, and holds up nothing."""
    topics = gateway().indexed_topics().values()
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
    global _last  # noqa: PLW0603
    with _lock:
        _last = None


def ask_store() -> StoreHealth:
    """Ask now, in this thread."""
    try:
        words = gateway().reachable()
    except (EventStoreError, DatabaseError) as error:
        reason = str(error) if isinstance(error, EventStoreError) else "its database does not answer"
        return StoreHealth(reachable=False, words=reason, as_of=timezone.now())
    return StoreHealth(reachable=True, words=words, as_of=timezone.now())


def why_away() -> StoreUnreachable | None:
    """Asked now, where payloads are missing: ``None`` says that the store answers, and has trimmed them."""
    try:
        gateway().reachable()
    except StoreUnreachable as error:
        return error
    return None


def mark_unreachable(words: str) -> None:
    """A page has just found that the store does not answer: pages that do not ask it themselves know from now on. What was
    known already is not made younger, so that it is asked about again in time."""
    global _last  # noqa: PLW0603 - what the process knows, for all pages; under the lock
    with _lock:
        if _last is None or _last.reachable is not False:
            _last = StoreHealth(reachable=False, words=words, as_of=timezone.now())


def last_known_outage() -> StoreUnreachable | None:
    """Why the store does not answer, as far as that is known now: a page whose payloads are all in memory says so as well."""
    store = store_standing()
    return StoreUnreachable(store.words) if store.reachable is False else None


def _ask() -> StoreHealth:
    global _last  # noqa: PLW0603
    try:
        answer = ask_store()
    finally:
        connections.close_all()  # this thread's own: nobody else would close them
    with _lock:
        _last = answer
    return answer
