"""One search: a thread that reads a topic through a filter, and how far it is."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from django.db import DatabaseError, connections

from eventstore.model.errors import EventStoreError, place_of
from eventstore.model.events import NO_TIME, Event, Message, Position, Topic
from eventstore.model.log import Log
from eventstore.scanning.partition_reader import merged_messages
from eventstore.scanning.progress import Ending, ScanProgress
from eventstore.scanning.spans import Expected, Span, expected_of, onward_of, spans_of
from eventstore.search import CostBudget, Filter, FilterTooExpensive, Verdict

T = TypeVar("T")

logger = logging.getLogger(__name__)

MARGIN = timedelta(days=1)
"""An event may claim to have happened this much later than it was published (clocks differ) and is still found by its
time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanLimits:
    """Where a search stops by itself. ``unwatched``: seconds since its progress was last asked for."""

    matches: int = 200
    events: int = 5_000_000
    seconds: float = 900.0
    unwatched: float = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanRequest:
    """What is searched for, and where.

    ``published_since`` leaves out what was published earlier. ``onward`` is the ``ScanProgress.onward`` of an earlier
    search in the same direction, to go on from there.
    """

    topic: Topic
    filter: Filter
    newest_first: bool = True
    published_since: datetime | None = None
    onward: str = ""


class Scan(Generic[T]):
    """A search, which reads in a thread of its own once it is started. It keeps what ``keep`` returns for a match, not the
    payload.

    It reads the events that existed at the start. A lower bound on the events' own time (``Filter.since``) saves
    reading what was published more than ``MARGIN`` earlier, because an event is published after it happened. A bound in the
    future saves nothing: whoever asks for it looks for events whose time is wrong. Nor does an upper bound, because an event
    may be published long after it happened.
    """

    def __init__(
        self,
        log: Log,
        request: ScanRequest,
        *,
        read: Callable[[Message], Event],
        keep: Callable[[Event], T],
        limits: ScanLimits | None = None,
    ) -> None:
        self.request = request
        self.limits = limits or ScanLimits()
        self._log, self._read, self._keep = log, read, keep
        self._made = datetime.now(UTC)
        self._cost_budget = CostBudget(request.filter)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._matches: list[T] = []
        self._spans: Sequence[Span] | None = None
        self._expected: Expected | None = None
        self._reached: dict[int, Position] = {}
        self._reached_time: datetime | None = None
        self._seen = self._unknown = 0
        self._ending: Ending | None = None
        self._problem = ""
        self._started = self._asked = time.monotonic()
        self._ended = 0.0
        self._thread = threading.Thread(target=self._run, name=f"search {request.topic.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, ending: Ending = Ending.ASKED) -> None:
        """End the search; what was found stays. Has no effect once it has ended."""
        with self._lock:
            self._finish(ending)

    def wait(self, seconds: float, *, matches: int) -> None:
        """Wait until the search has ended or found this many matches, but no longer than ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._ending is not None or len(self._matches) >= matches, timeout=seconds)

    def join(self, seconds: float) -> None:
        """Wait until the thread no longer uses the store."""
        self._thread.join(timeout=seconds)

    @property
    def running(self) -> bool:
        return self._ending is None

    @property
    def holds_thread(self) -> bool:
        """Whether the thread is still alive. The thread of an ended search may still wait for its last read."""
        return self._thread.is_alive()

    def matches(self, start: int = 0) -> Sequence[T]:
        """Return what was kept of the matches from this index on, in the order in which they were found."""
        with self._lock:
            return self._matches[start:]

    def progress(self) -> ScanProgress:
        """Return how far the search is. A search that nobody asks ends after ``ScanLimits.unwatched`` seconds."""
        with self._lock:
            self._asked = time.monotonic()
            seconds = (self._ended or self._asked) - self._started
            may_go_on = self._ending is not None and self._ending is not Ending.EVERYTHING and self._spans is not None
            return ScanProgress(
                ending=self._ending,
                problem=self._problem,
                read=self._seen,
                expected=self._expected.events if self._expected else None,
                expected_at_least=bool(self._expected and self._expected.at_least),
                matches=len(self._matches),
                most_matches=self.limits.matches,
                unknown=self._unknown,
                seconds=seconds,
                reached=self._reached_time,
                newest_first=self.request.newest_first,
                since=self.since,
                since_is_derived=self.request.published_since != self.since,
                continued=bool(self.request.onward),
                onward=onward_of(self._spans or (), self._reached, self.request.newest_first) if may_go_on else "",
            )

    @property
    def since(self) -> datetime | None:
        """What was published before this time is not read; ``None`` if everything is."""
        event_time, published = self.request.filter.since, self.request.published_since
        derived = None if event_time is None or event_time > self._made else _earlier(event_time)
        return max((moment for moment in (derived, published) if moment is not None), default=None)

    # -- the thread

    def _run(self) -> None:
        try:
            self._read_through()
        except FilterTooExpensive as error:
            self._problem = str(error)
            self.stop(Ending.FILTER)
        except EventStoreError as error:
            self._problem = str(error)
            self.stop(Ending.STORE)
        except Exception as error:  # noqa: BLE001 -- a traceback's last line is the error's text, which may hold a payload
            logger.error("A search ended at an unforeseen %s at %s", type(error).__name__, place_of(error))
            self.stop(Ending.BROKEN)
        finally:
            connections.close_all()

    def _read_through(self) -> None:
        request = self.request
        self._spans = spans_of(
            self._log,
            request.topic,
            since=self.since,
            onward=request.onward,
            newest_first=request.newest_first,
        )
        self._expected = _expected(self._spans)
        with merged_messages(
            self._log, self._spans, newest_first=request.newest_first, stopped=lambda: self._ending is not None
        ) as messages:
            for message in messages:
                if not self._examine(message):
                    return
        self.stop(Ending.EVERYTHING)  # has no effect if it was stopped

    def _examine(self, message: Message) -> bool:
        """Apply the filter to this message, and return whether to go on."""
        event = self._read(message)
        verdict = self._cost_budget.judge(event)
        kept = [self._keep(event)] if verdict is Verdict.MATCH else ()
        with self._lock:
            if self._ending is not None:
                return False
            self._seen += 1
            self._reached[message.position.partition] = message.position
            if message.published != NO_TIME:
                self._reached_time = message.published
            self._unknown += verdict is Verdict.UNKNOWN
            if kept:
                self._matches += kept
                self._changed.notify_all()
            if ending := self._limit_reached():
                self._finish(ending)
            return self._ending is None

    def _limit_reached(self) -> Ending | None:
        limits, now = self.limits, time.monotonic()
        if len(self._matches) >= limits.matches:
            return Ending.MATCHES
        if self._seen >= limits.events:
            return Ending.EVENTS
        if now - self._started > limits.seconds:
            return Ending.SECONDS
        if now - self._asked > limits.unwatched:
            return Ending.UNWATCHED
        return None

    def _finish(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            self._ended = time.monotonic()
            self._changed.notify_all()


def _expected(spans: Sequence[Span]) -> Expected | None:
    """Return the expected number of events; ``None`` also if the index cannot be read, since a search does not depend on
    it."""
    try:
        return expected_of(spans)
    except DatabaseError:
        return None


def _earlier(moment: datetime) -> datetime | None:
    try:
        return moment - MARGIN
    except OverflowError:
        return None
