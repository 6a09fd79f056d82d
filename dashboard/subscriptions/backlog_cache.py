"""Every subscription with its backlog, as a list for the pages that show them.

The figures come from ``desk.backlogs``, which asks the store once for all processes. Where the store is away, the last answer
is still known, with its time.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Generic, TypeVar

from django.db import connections
from django.utils import timezone

from dashboard.gateway import desk, shared, sight, whole_desk
from dashboard.scoping.current import answering_nobody
from dashboard.scoping.narrowed import passed
from dashboard.subscriptions.backlog_lines import BacklogSnapshot, Line, severity_key
from dashboard.web import place_counts, store_health
from eventstore.backlogs import AllBacklogs
from eventstore.extent import asked_once
from eventstore.giving_way import behind, waiting
from eventstore.model import EventStoreError, StoreUnreachable

__all__ = ["BacklogSnapshot", "Line", "severity_key"]

T = TypeVar("T")

FRESH = timedelta(seconds=2)
LATELY = timedelta(seconds=10)
"""Figures of this age are those of now where the store takes longer than a page waits: they are shown with their time."""
ASKING = "asking"
"""In the query of a refresh by a page that said that the store is being asked: once it is not, the whole page is loaded."""
MANY_TOPICS = 100
"""From so many on, the store may take seconds to tell all. No page waits for that."""
PATIENCE = 0.1
"""Seconds that a page waits then."""


class Soon(Generic[T]):
    """Does one thing in a thread of its own, for pages that wait for it no longer than a moment. Thread-safe.

    What came of it is given to those who waited, and kept for nobody: by the next time it may be old.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="backlogs-of-pages")
        self._lock = threading.Lock()
        self._going_on: Future[T] | None = None

    def begin(self) -> Future[T]:
        """Do it, unless it is being done."""
        with self._lock:
            if self._going_on is None:
                self._going_on = self._pool.submit(self._do)
            return self._going_on

    def result(self, until: float | None = None) -> T | None:
        """What comes of it; ``None`` if it takes longer than ``PATIENCE``, or until then (monotonic seconds), and goes on."""
        going_on = self.begin()
        try:
            with waiting():
                return going_on.result(timeout=PATIENCE if until is None else max(0.0, until - time.monotonic()))
        except NotYet:
            return None

    def _do(self) -> T:
        try:
            with behind():
                return self._work()
        finally:
            connections.close_all()
            with self._lock:
                self._going_on = None


class BacklogCache:
    """The last list of all subscriptions, and the last failure to get one, so that a page costs no query for a moment."""

    def __init__(self) -> None:
        self._reading, self._noting = threading.Lock(), threading.Lock()
        self.last: BacklogSnapshot | None = None
        """What was last gathered; ``None``: nothing since the process began or the cache was emptied."""
        self.before: BacklogSnapshot | None = None
        """The same, or what was stored before: something may have been changed since."""
        self._read_at = self._failed_at = -inf
        self._failure, self._forgotten = "", 0
        self.soon = Soon(self.gathered)
        self.stored_soon = Soon(self._stored)

    def gathered(self) -> BacklogSnapshot:
        """All subscriptions of all watched topics, as of a moment ago; ``StoreUnreachable``."""
        with waiting(), self._reading:
            if (found := self.fresh) is not None:
                return found
            if time.monotonic() - self._failed_at < FRESH.total_seconds():
                raise StoreUnreachable(self._failure)
            forgotten = self._forgotten
            try:
                store = store_health.current_store_health()
                if store.reachable is False:
                    raise store.outage
                self.before = found = _snapshot(whole_desk().backlogs.current(FRESH))
            except StoreUnreachable as error:
                self._failed_at, self._failure = time.monotonic(), str(error)
                raise
            with self._noting:
                if forgotten == self._forgotten:  # nothing was changed while the store was asked
                    self.last, self._read_at = found, time.monotonic()
            with answering_nobody():
                _note(found)
            return found

    @property
    def fresh(self) -> BacklogSnapshot | None:
        """What was gathered a moment ago, if it was."""
        return self._of(FRESH)

    @property
    def lately(self) -> BacklogSnapshot | None:
        """What was gathered ``LATELY``, if it was and nothing was changed since."""
        return self._of(LATELY)

    def _of(self, age: timedelta) -> BacklogSnapshot | None:
        with self._noting:
            return self.last if time.monotonic() - self._read_at < age.total_seconds() else None

    def forget(self) -> None:
        """Without waiting for an answer that is on its way: it is none of what was changed."""
        with self._noting:
            self._forgotten += 1
            self.last, self._failed_at, self.soon = None, -inf, Soon(self.gathered)

    def _stored(self) -> BacklogSnapshot | None:
        self.before = _stored() or self.before
        return self.before


def gathered() -> BacklogSnapshot:
    """All subscriptions of all watched topics, by topic and name, as of a moment ago; ``StoreUnreachable``."""
    return _noted(shared(BacklogCache).gathered())


def gathered_or_last_known() -> tuple[BacklogSnapshot | None, StoreUnreachable | None]:
    """The current list and ``None``; or the last list (``None`` if there was none) and why the store cannot be asked.

    Of many topics nobody waits for the current list: there may be none yet, or one that ``is_asked_for`` still. Whoever
    judges by either says so.
    """
    cache = shared(BacklogCache)
    try:
        if not are_many():
            return gathered(), None
        until = time.monotonic() + PATIENCE
        if cache.before is None and cache.fresh is None:
            cache.stored_soon.begin()  # there is no time for one after the other
        if (found := cache.fresh or cache.soon.result(until) or cache.lately) is not None:
            return _noted(found), None
    except StoreUnreachable as error:
        return last_known(), error
    before = cache.before or cache.stored_soon.result(until)
    return (None if before is None else seen_of(_asked_for(before))), None


def is_asked_for(found: BacklogSnapshot | None, away: StoreUnreachable | None) -> bool:
    """Whether what is known, as ``gathered_or_last_known`` returns it, is old or a part, and the store is asked for all."""
    return desk().subscriptions.supported and not away and (found is None or found.is_asked_for)


def last_known() -> BacklogSnapshot | None:
    """What is known without asking the store: what this process or any other saw last; ``None``: nothing yet."""
    cache = shared(BacklogCache)
    found = cache.lately or (cache.stored_soon.result() if are_many() else _stored()) or cache.last or cache.before
    return None if found is None else seen_of(found)


def named(text: str, *, waits: bool) -> tuple[Sequence[Line], bool]:
    """The services' subscriptions whose name begins with the text, and whether the store is being asked for all. It is not
    where nobody ``waits`` for it, unless it is asked behind the page anyway."""
    asking = False
    try:
        if waits or are_many():
            known, away = gathered_or_last_known()
            asking = is_asked_for(known, away)
        else:
            known = last_known()
    except EventStoreError:  # it refuses the list: what is found elsewhere must not suffer
        known = last_known()
    lines = known.of_services if known is not None else []
    return [line for line in lines if line.subscription.name.lower().startswith(text.lower())], asking


def as_stored() -> BacklogSnapshot | None:
    """What any process saw last, read from the database; ``None``: nothing yet. The store is not asked."""
    stored = _stored()
    return None if stored is None else seen_of(stored)


def _stored() -> BacklogSnapshot | None:
    stored = whole_desk().backlogs.last_known()
    return _snapshot(stored) if stored.topics else None


def are_many() -> bool:
    """Whether the store may take long to tell all, whatever of it the person sees who is answered."""
    known = shared(BacklogCache).before  # perhaps those alone that are told so far
    return (known is not None and len(known.seen.topics) >= MANY_TOPICS) or _watched() >= MANY_TOPICS


@asked_once
def _watched() -> int:
    with answering_nobody():
        return whole_desk().index.together().watched


def _asked_for(found: BacklogSnapshot) -> BacklogSnapshot:
    """The same, which may be old: newer figures are being asked for."""
    return replace(found, seen=replace(found.seen, as_of=None))


def _noted(found: BacklogSnapshot) -> BacklogSnapshot:
    """What of this list the person sees who is answered."""
    seen = seen_of(found)
    if sight() is not None:
        _note(seen)
    return seen


def known_here() -> BacklogSnapshot | None:
    """What this process last showed; ``None`` if it never did, or if something was changed since."""
    found = shared(BacklogCache).last
    return None if found is None else seen_of(found)


def seen_of(found: BacklogSnapshot) -> BacklogSnapshot:
    """What of all this lies within the scope of whoever is answered. The cache is shared, and holds everything."""
    within = sight()
    if within is None:
        return found
    return replace(
        found,
        lines=[line for line in found.lines if within.has_topic(line.topic.name)],
        unavailable_topics=[pair for pair in found.unavailable_topics if within.has_topic(pair[0])],
        topics=frozenset(filter(within.has_topic, found.topics)),
        seen=passed(within, found.seen),
    )


def forget() -> None:
    """Ask anew at the next page: something has just been changed."""
    whole_desk().backlogs.forget()
    shared(BacklogCache).forget()


def _note(found: BacklogSnapshot) -> None:
    """Let every page say how many subscriptions there are, unless some are unknown, and how many need attention."""
    if found.is_asked_for:
        return
    total = None if found.unavailable_topics or not desk().subscriptions.supported else len(found.of_services)
    attention = sum(line.needs_attention or line.held_long for line in found.of_services)
    place_counts.note("subscriptions", total=total, attention=attention, as_of=found.as_of)


def _snapshot(found: AllBacklogs) -> BacklogSnapshot:
    lines = [
        Line(topic=one.topic, backlog=watched.backlog, steps=watched.steps, pace=watched.pace, unavailable=one.unavailable)
        for one in found.topics
        for watched in one.subscriptions
    ]
    return BacklogSnapshot(
        lines=lines,
        unavailable_topics=[(one.topic.name, one.unavailable) for one in found.topics if one.unavailable],
        topics={one.topic.name for one in found.topics if one.as_of},
        seen=found,
        as_of=found.as_of or max((line.backlog.as_of for line in lines), default=timezone.now()),
    )
