"""The state of the store and the index, for the foot of every page. Each process asks the store at most every few seconds.

Asking an unreachable broker takes seconds, and no page should wait that long. So a thread asks, and meanwhile pages show what
was last known.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connections
from django.utils import timezone

from dashboard.gateway import desk, shared
from eventstore.model import EventStoreError, NotLetIn, NotPermitted, NotTrusted, StoreUnreachable

FRESH = timedelta(seconds=3)
LISTED_FOR = timedelta(seconds=30)
PATIENCE = 0.4
"""Seconds that a page waits for the store's answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreHealth:
    """``reachable`` is ``None`` before the store's first answer. ``words`` name the store, or the problem.

    ``topics``: how many topics it has, asked only while the index knows none; ``None`` if it was not asked or did not tell.
    ``problem``: the error with which it did not answer, if it is known. ``refused``: why it does not let its topics be listed,
    without which nobody learns of new ones; it was asked for them at ``listed_at``.
    """

    reachable: bool | None
    words: str
    as_of: datetime
    topics: int | None = None
    problem: EventStoreError | None = None
    refused: str = ""
    listed_at: datetime | None = None

    @property
    def outage(self) -> StoreUnreachable:
        """The error to raise or to show while it is not reachable."""
        kind = type(self.problem) if isinstance(self.problem, StoreUnreachable) else StoreUnreachable
        return kind(self.words)

    @property
    def heading(self) -> str:
        """What is wrong, in some words, without a full stop."""
        return heading_of(type(self.problem) if self.problem else StoreUnreachable)

    @property
    def heading_in_a_sentence(self) -> str:
        return self.heading[:1].lower() + self.heading[1:]


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexHealth:
    """How far the index is. ``topics`` and ``events`` count everything indexed, ``watched`` the topics that are not gone.

    ``behind`` is the number of seconds since every partition of the store was caught up, or ``None`` if one never was;
    ``known_at`` is that moment. ``waiting`` counts the events that wait, as indexers noted last; ``None`` if a partition has
    no count. ``indexers`` counts those that run.
    """

    topics: int
    watched: int
    events: int
    behind: float | None
    known_at: datetime | None
    waiting: int | None
    indexers: int


class StoreWatch:
    """The last known health of the store in this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-health")
        self._last: StoreHealth | None = None
        self._asking: Future[StoreHealth] | None = None

    def health(self) -> StoreHealth:
        """The last known health, or the current one if the last is older than a few seconds and the store answers quickly."""
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

    def mark_unreachable(self, error: StoreUnreachable) -> None:
        """Call when a page has found that the store does not answer.

        A known failure keeps its time, so that the store is asked again soon enough.
        """
        with self._lock:
            if self._last is None or self._last.reachable is not False:
                self._last = _away(error)

    def forget(self) -> None:
        """Ask the store again at the next page."""
        with self._lock:
            self._last = None

    def _ask(self) -> StoreHealth:
        try:
            answer = _with_topics(ask_store(), self._last)
        finally:
            connections.close_all()  # this thread's own connections: nothing else closes them
        with self._lock:
            self._last = answer
        return answer


def current_store_health() -> StoreHealth:
    """The last known health, or the current one if the last is older than a few seconds and the store answers quickly."""
    return shared(StoreWatch).health()


def current_index_health() -> IndexHealth:
    """How far the index is. Ignores topics that the store no longer has: the index can never catch up with them."""
    index = desk().index
    together, now = index.together(), timezone.now()
    known_at = (together.caught_up_at if together.watched else now) if together.topics else None
    return IndexHealth(
        topics=together.topics,
        watched=together.watched,
        events=together.events,
        behind=None if known_at is None else max(0.0, (now - known_at).total_seconds()),
        known_at=known_at,
        waiting=together.waiting,
        indexers=index.running_indexers(),
    )


def troubled_partitions(most: int) -> dict[str, Any]:
    """The partitions in which the indexer fails again and again, for ``components/_troubled.html``: at most this many."""
    troubled = desk().index.troubled()
    return {"troubled": troubled[:most], "more_troubled": max(0, len(troubled) - most)}


def forget() -> None:
    """Ask the store again at the next page."""
    shared(StoreWatch).forget()


def ask_store() -> StoreHealth:
    """Ask the store now, in this thread."""
    try:
        words = desk().log.ping()
    except (EventStoreError, DatabaseError) as error:
        known = error if isinstance(error, EventStoreError) else StoreUnreachable("Its database does not answer.")
        return _away(known)
    return StoreHealth(reachable=True, words=words, as_of=timezone.now(), topics=_topics_if_none_is_indexed())


def _topics_if_none_is_indexed() -> int | None:
    """How many topics the store has, if the index knows none: nothing to read is not the same as nothing read."""
    try:
        return None if desk().index.topics() else len(desk().log.topics())
    except (EventStoreError, DatabaseError):
        return None  # it answers, and does not tell its topics: the pages that need them say why


def _with_topics(answer: StoreHealth, last: StoreHealth | None) -> StoreHealth:
    """Ask for the topics as well, seldom while the store tells them."""
    listed = last.listed_at if last is not None and not last.refused else None
    if not answer.reachable or (listed is not None and answer.as_of - listed < LISTED_FOR):
        return replace(answer, listed_at=listed)
    try:
        desk().log.topics()
    except NotPermitted as error:
        return replace(answer, refused=str(error))
    except (EventStoreError, DatabaseError):
        return answer  # the pages that need them say why
    return replace(answer, listed_at=answer.as_of)


def outage_now() -> StoreUnreachable | None:
    """Ask the store now why payloads are missing. ``None`` means that it answers, so it has trimmed them."""
    try:
        desk().log.ping()
    except StoreUnreachable as error:
        return error
    return None


def mark_unreachable(error: StoreUnreachable) -> None:
    """Call when a page has found that the store does not answer, so that pages that do not ask it say so as well."""
    shared(StoreWatch).mark_unreachable(error)


def last_known_outage() -> StoreUnreachable | None:
    """Why the store does not answer, as far as known. For pages that have all their payloads in memory."""
    store = current_store_health()
    return store.outage if store.reachable is False else None


def heading_of(kind: type[EventStoreError]) -> str:
    """What is wrong, in some words, without a full stop."""
    if issubclass(kind, NotLetIn):
        return "The event store does not let Eventdesk in"
    if issubclass(kind, NotTrusted):
        return "What answers does not prove that it is the event store"
    if issubclass(kind, NotPermitted):
        return "The event store does not permit this"
    return "The event store does not answer"


def _away(error: EventStoreError) -> StoreHealth:
    return StoreHealth(reachable=False, words=str(error), as_of=timezone.now(), problem=error)
