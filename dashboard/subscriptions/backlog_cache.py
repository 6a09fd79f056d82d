"""Every subscription with its backlog, as a list for the pages that show them.

The figures come from ``desk.backlogs``, which asks the store once for all processes. Where the store is away, the last answer
is still known, with its time.
"""

import threading
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf

from django.conf import settings
from django.utils import timezone

from dashboard.gateway import desk, shared, sight, whole_desk
from dashboard.rendering.text import format_duration
from dashboard.scoping.current import answering_nobody
from dashboard.scoping.narrowed import passed
from dashboard.subscriptions.marks import KEEPS_LETTERS, KIND_WORDS, MARKS, waiting_words
from dashboard.web import place_counts, store_health
from eventstore.backlogs import NOT_KNOWN, AllBacklogs, Pace, Step
from eventstore.letters import KEEPER
from eventstore.model import StoreUnreachable, Subscription, Topic, TopicKind
from eventstore.subscriptions import Backlog, State

FRESH = timedelta(seconds=2)

WORST_FIRST = {State.STUCK: 0, State.BLOCKED: 0, State.TRIMMED: 0, State.HELD_BACK: 0, State.EXTERNAL: 2, State.PHANTOM: 2}
"""Ranks of states in a list; 1 for those that are not named."""
EVERYDAY = 3
"""A consumer that keeps up has up to seven events waiting at any moment. These low bits are ignored when sorting."""
NAMED_PARTITIONS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One subscription as a line of a list."""

    topic: Topic
    backlog: Backlog
    steps: Sequence[Step] = ()
    """How much waited in the last hour, oldest first."""
    pace: Pace = NOT_KNOWN
    unavailable: str = ""
    """Why its figures are old; empty if they are not."""

    @property
    def subscription(self) -> Subscription:
        return self.backlog.subscription

    @property
    def mark(self) -> tuple[str, str, str]:
        return KEEPS_LETTERS if self.keeps_letters and self.unattended else MARKS[self.backlog.state]

    @property
    def waiting(self) -> str:
        """The number with how sure it is: "at least 3", "12 entries"."""
        return waiting_words(self.backlog)

    @property
    def oldest(self) -> str:
        """How long the first waiting event has waited, in words; empty where nothing waits or nobody knows."""
        since = self.backlog.oldest
        return format_duration((self.backlog.as_of - since).total_seconds()) if since else ""

    @property
    def kind_word(self) -> str:
        """What kind of consumer it is of, for a badge; empty for any service."""
        return KIND_WORDS.get(self.subscription.kind, "")

    @property
    def of_the_store(self) -> bool:
        """The store keeps it for itself: for compaction, replication or deduplication."""
        return self.subscription.kind.of_the_store

    @property
    def keeps_letters(self) -> bool:
        """It is the desk's own, which keeps dead letters until somebody has dealt with them: nobody is expected to consume."""
        return self.subscription.name == KEEPER and self.topic.kind is TopicKind.DEAD_LETTER

    @property
    def still_for(self) -> str:
        """How long a stuck one has not moved, in words; empty where it is not stuck."""
        since = self.backlog.stuck_since
        return format_duration((self.backlog.as_of - since).total_seconds()) if since else ""

    @property
    def moved(self) -> datetime | None:
        """When it last moved; of a stuck one, where it is stuck: other partitions may move, and then say nothing of these."""
        stuck = [cursor for cursor in self.subscription.cursors if cursor.partition in self.backlog.stuck_partitions]
        if not stuck:
            return self.subscription.moved
        return min((cursor.moved for cursor in stuck if cursor.moved), default=None)

    @property
    def still_where(self) -> str:
        """Which partitions of a stuck one do not move: "partition 1"; empty where the topic has but one."""
        if self.topic.partitions == 1 or not self.backlog.stuck_partitions:
            return ""
        numbers = [str(number) for number in sorted(self.backlog.stuck_partitions)]
        if len(numbers) == 1:
            return f"partition {numbers[0]}"
        if len(numbers) > NAMED_PARTITIONS:
            return f"{len(numbers):,} of {self.topic.partitions:,} partitions"
        return f"partitions {', '.join(numbers[:-1])} and {numbers[-1]}"

    @property
    def stuck(self) -> bool:
        """It stands although events wait for too long: stuck, blocked, or nobody is connected."""
        return self.backlog.stuck_since is not None and not self.keeps_letters

    @property
    def held_by_an_event(self) -> bool:
        """It stands although consumers are connected, or may be: the first event of each partition that stands holds it."""
        return self.stuck and not self.unattended_and_told

    @property
    def needs_attention(self) -> bool:
        """Without what is held back, which needs it only after a while."""
        return self.stuck or self.backlog.state is State.TRIMMED

    @property
    def held_long(self) -> bool:
        """A transaction has been open in front of it for longer than an event may wait."""
        since = self.backlog.held_since
        stuck_after = timedelta(seconds=settings.EVENTDESK.limits.stuck_after_seconds)
        return since is not None and since < self.backlog.as_of - stuck_after

    @property
    def unattended_and_told(self) -> bool:
        """The store lists consumers, and has none."""
        return self.unattended and desk().subscriptions.lists_consumers

    @property
    def unattended(self) -> bool:
        """No consumer is connected (only to be said of a store that lists its consumers)."""
        return not self.subscription.consumers and not self.of_the_store


@dataclass(frozen=True, kw_only=True, slots=True)
class BacklogSnapshot:
    """``unavailable_topics`` are topics whose subscriptions the store refused to tell, with its sentence."""

    lines: Sequence[Line]
    unavailable_topics: Sequence[tuple[str, str]]
    as_of: datetime
    topics: Set[str] = frozenset()
    """All whose subscriptions the store has told, be there none."""
    seen: AllBacklogs = field(default_factory=lambda: AllBacklogs(topics=(), as_of=None))
    """What the lines are of; nothing in a list of one topic."""

    def of_topic(self, name: str) -> "BacklogSnapshot":
        lines = [line for line in self.lines if line.topic.name == name]
        return BacklogSnapshot(
            lines=lines, unavailable_topics=[pair for pair in self.unavailable_topics if pair[0] == name], as_of=self.as_of
        )

    @property
    def of_services(self) -> Sequence[Line]:
        """The lines without the store's own cursors."""
        return [line for line in self.lines if not line.of_the_store]

    @property
    def services_first(self) -> Sequence[Line]:
        """All lines: services' with the worst first, and then the store's own cursors."""
        return [*self.worst_first, *(line for line in self.lines if line.of_the_store)]

    @property
    def worst_first(self) -> Sequence[Line]:
        """Services' lines: stuck ones and those that are held back first, then those with most waiting, roughly: while a
        page is refreshed its lines keep their order."""
        return sorted(self.of_services, key=severity_key)

    def counted(self, state: State) -> int:
        return sum(line.backlog.state is state for line in self.lines)


class BacklogCache:
    """The last list of all subscriptions, and the last failure to get one, so that a page costs no query for a moment."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self.last: BacklogSnapshot | None = None
        """What was last gathered; ``None``: nothing since the process began or the cache was emptied."""
        self._read_at = self._failed_at = -inf
        self._failure = ""

    def gathered(self) -> BacklogSnapshot:
        """All subscriptions of all watched topics, as of a moment ago; ``StoreUnreachable``."""
        with self._reading:
            now = time.monotonic()
            if self.last is not None and now - self._read_at < FRESH.total_seconds():
                return self.last
            if now - self._failed_at < FRESH.total_seconds():
                raise StoreUnreachable(self._failure)
            try:
                store = store_health.current_store_health()
                if store.reachable is False:
                    raise store.outage
                self.last = _snapshot(whole_desk().backlogs.current(FRESH))
            except StoreUnreachable as error:
                self._failed_at, self._failure = time.monotonic(), str(error)
                raise
            self._read_at = time.monotonic()
            with answering_nobody():
                _note(self.last)
            return self.last

    def forget(self) -> None:
        with self._reading:
            self.last = None
            self._failed_at = -inf


def gathered() -> BacklogSnapshot:
    """All subscriptions of all watched topics, by topic and name, as of a moment ago; ``StoreUnreachable``."""
    found = seen_of(shared(BacklogCache).gathered())
    if sight() is not None:
        _note(found)
    return found


def gathered_or_last_known() -> tuple[BacklogSnapshot | None, StoreUnreachable | None]:
    """The current list and ``None``; or the last list (``None`` if there was none) and why the store cannot be asked."""
    try:
        return gathered(), None
    except StoreUnreachable as error:
        return last_known(), error


def last_known() -> BacklogSnapshot | None:
    """What is known without asking the store: what this process or any other saw last; ``None``: nothing yet."""
    found = shared(BacklogCache).last
    return as_stored() if found is None else seen_of(found)


def as_stored() -> BacklogSnapshot | None:
    """What any process saw last, read from the database; ``None``: nothing yet. The store is not asked."""
    stored = whole_desk().backlogs.last_known()
    return seen_of(_snapshot(stored)) if stored.topics else None


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


def severity_key(line: Line) -> tuple[int, int, str, str]:
    backlog = line.backlog
    magnitude = (backlog.waiting >> EVERYDAY).bit_length()
    rank = 0 if line.needs_attention else WORST_FIRST.get(backlog.state, 1)
    return (rank, -magnitude, line.topic.name, backlog.subscription.name)


def _note(found: BacklogSnapshot) -> None:
    """Let every page say how many subscriptions there are, unless some are unknown, and how many need attention."""
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
