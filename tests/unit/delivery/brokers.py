"""A subscription as a broker keeps it, in memory: its entries are published, given, acknowledged and skipped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from eventstore.model.events import Position
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, SubscriptionType
from eventstore.model.tokens import AFTER_ALL, encode

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TOPIC = "patients"


def whole(entry: int) -> Position:
    """Return the place after everything in an entry."""
    return Position(topic=TOPIC, partition=0, token=encode(7, entry) + AFTER_ALL)


@dataclass
class Told:
    """The first answer of a look."""

    given: int
    unacked: int
    acked: datetime | None


@dataclass
class Broker:
    """``acknowledged`` by consumers; ``skipped`` by anybody else. ``given`` are entries that the consumer holds."""

    type: SubscriptionType = SubscriptionType.SHARED
    published: int = 0
    acknowledged: set[int] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    holds: set[int] = field(default_factory=set)
    given: int = 0
    acked: datetime | None = None
    connected: bool = True
    clock: datetime = NOON

    def give(self, count: int) -> None:
        waiting = sorted(set(range(self.published)) - self.acknowledged - self.skipped - self.holds)[:count]
        self.holds |= set(waiting)
        self.given += len(waiting)

    def acknowledge(self, count: int) -> None:
        self.clock += timedelta(milliseconds=1)
        done = sorted(self.holds)[-count:] if count else []
        if done:
            self.acked = self.clock
        self.holds -= set(done)
        self.acknowledged |= set(done)

    def skip(self, count: int) -> None:
        waiting = sorted(set(range(self.published)) - self.acknowledged - self.skipped)[:count]
        self.skipped |= set(waiting)
        self.holds -= set(waiting)

    def told(self) -> Told:
        one_at_a_time = self.type is SubscriptionType.EXCLUSIVE
        return Told(self.given, 0 if one_at_a_time else len(self.holds), self.acked)

    def look(self, told: Told) -> Subscription:
        """What is seen if the cursor is asked for now, after ``told``."""
        done = self.acknowledged | self.skipped
        mark = next((entry for entry in range(self.published) if entry not in done), self.published) - 1
        cursor = Cursor(
            partition=0,
            acknowledged=whole(mark) if mark >= 0 else None,
            backlog=self.published - len(done),
            holes=_holes(sorted(entry for entry in done if entry > mark)),
            counters=(self.published, told.given),
            entries=self.published,
            done=len(done),
            end=whole(self.published - 1) if self.published else None,
        )
        consumer = ConnectedConsumer(name="one", connected_since=NOON, unacked=told.unacked, acked=told.acked)
        return Subscription(
            topic=TOPIC, name="mailer", type=self.type, cursors=[cursor], consumers=[consumer] if self.connected else []
        )


def _holes(entries: Sequence[int]) -> list[tuple[Position, Position]]:
    found: list[tuple[int, int]] = []
    for entry in entries:
        if found and found[-1][1] == entry - 1:
            found[-1] = (found[-1][0], entry)
        else:
            found.append((entry - 1, entry))
    return [(whole(start), whole(end)) for start, end in found]
