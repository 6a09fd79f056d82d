"""One subscription as a line of a list, and the lists of them."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings

from dashboard.gateway import desk
from dashboard.rendering.text import format_duration
from dashboard.subscriptions.marks import KEEPS_LETTERS, KIND_WORDS, MARKS, waiting_words
from eventstore.backlogs import NOT_KNOWN, AllBacklogs, Pace, Step
from eventstore.letters import KEEPER
from eventstore.model import Subscription, Topic, TopicKind
from eventstore.subscriptions import Backlog, State

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


@dataclass(frozen=True, kw_only=True)
class BacklogSnapshot:
    """Properties that every page asks for are found out once.

    ``unavailable_topics`` are topics whose subscriptions the store refused to tell, with its sentence.
    """

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
    def is_asked_for(self) -> bool:
        """The store was not asked to the end since it began, or since something was changed: there may be more, or newer."""
        return self.seen.as_of is None

    @cached_property
    def of_services(self) -> Sequence[Line]:
        """The lines without the store's own cursors."""
        return [line for line in self.lines if not line.of_the_store]

    @property
    def services_first(self) -> Sequence[Line]:
        """All lines: services' with the worst first, and then the store's own cursors."""
        return [*self.worst_first, *(line for line in self.lines if line.of_the_store)]

    @cached_property
    def worst_first(self) -> Sequence[Line]:
        """Services' lines: stuck ones and those that are held back first, then those with most waiting, roughly: while a
        page is refreshed its lines keep their order."""
        return sorted(self.of_services, key=severity_key)

    def counted(self, state: State) -> int:
        return sum(line.backlog.state is state for line in self.lines)


def severity_key(line: Line) -> tuple[int, int, str, str]:
    backlog = line.backlog
    magnitude = (backlog.waiting >> EVERYDAY).bit_length()
    rank = 0 if line.needs_attention else WORST_FIRST.get(backlog.state, 1)
    return (rank, -magnitude, line.topic.name, backlog.subscription.name)
