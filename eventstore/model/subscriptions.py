"""Subscriptions: named reader groups, where they stand, and how to join and move them. A driver may lack them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from eventstore.model.cursor_moves import CursorMoves
from eventstore.model.events import NOTHING, Message, Position
from eventstore.model.log import Edge


class SubscriptionType(StrEnum):
    EXCLUSIVE = "exclusive"
    FAILOVER = "failover"
    SHARED = "shared"
    KEY_SHARED = "key_shared"
    UNKNOWN = "unknown"
    """The broker only knows the type of connected consumers, and none is connected."""


class SubscriptionKind(StrEnum):
    """Whose a subscription is, and what for. Functions and sinks are people's consumers like any other service."""

    SERVICE = "service"
    FUNCTION = "function"
    """A function that runs in the store's own workers."""
    SINK = "sink"
    """A connector that carries events elsewhere, in the store's own workers."""
    COMPACTION = "compaction"
    REPLICATION = "replication"
    DEDUPLICATION = "deduplication"

    @property
    def of_the_store(self) -> bool:
        """Whether the store keeps it for itself. Nobody consumes it, and nobody may move its cursor."""
        return self in _OF_THE_STORE


_OF_THE_STORE = frozenset({SubscriptionKind.COMPACTION, SubscriptionKind.REPLICATION, SubscriptionKind.DEDUPLICATION})


class DeliveryState(StrEnum):
    """What became of one event in one subscription. See docs/delivery.md."""

    DEAD_LETTERED = "dead-lettered"
    RETRYING = "retrying"
    PASSED_OVER = "passed over"
    ACKNOWLEDGED = "acknowledged"
    STUCK = "stuck"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionCapabilities:
    """What a driver's subscriptions can do. Pages and commands check this, never the driver's name."""

    backlog_unit: str
    """What ``Cursor.backlog`` counts: ``events``, or the broker's ``entries`` (a batch is one)."""
    reset_disconnects: bool
    """Resetting a cursor disconnects the subscription's consumers. Skipping events does not."""
    lists_consumers: bool
    """``Subscription.consumers`` names every connected consumer."""
    loses_acknowledgements: bool = False
    """The store tells acknowledgements that it has not saved yet. A crash of the store takes these back."""
    acknowledges_as_member: bool = False
    """Whoever acknowledges for others joins the subscription for a moment. An exclusive one takes nobody while its consumer is
    connected; in a failover one, another member may become active."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectedConsumer:
    """A member of a subscription; of a partitioned topic, its connection to one partition. ``None`` where the store does not
    tell."""

    name: str
    address: str = ""
    client: str = ""
    """The library and its version, as the consumer says."""
    connected_since: datetime | None = None
    unacked: int = 0
    partition: int | None = None
    permits: int | None = None
    """How many more events it has asked for. With 0 or less it is given none."""
    blocked: bool = False
    """It holds so many events that the store gives it no more until it acknowledges."""
    delivered_events: int | None = None
    """How many events it was given since it connected; those that came again count again."""
    delivered: datetime | None = None
    """When it was last given an event."""
    acked: datetime | None = None
    """When it last acknowledged an event."""
    rate_out: float | None = None
    """Events a second that it is given."""
    rate_redelivered: float | None = None
    key_ranges: Sequence[tuple[int, int]] = ()
    """Ranges of key hashes that it gets, both ends included; of a key_shared subscription."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the consumer says of itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTransaction:
    """A transaction that has published to a partition and has not ended: nothing from its first event on is delivered.

    ``since`` is when that event was published; ``None`` if the store does not tell.
    """

    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """A subscription's place in one partition.

    Everything up to and including ``acknowledged`` is acknowledged (``None``: nothing yet), and so is everything in
    ``holes``, pairs of (excluded start, included end) after it. Such positions may name a whole batch instead of an
    existing event: compare them, but do not read them. ``backlog`` counts ``SubscriptionCapabilities.backlog_unit``.
    ``moved`` is when ``acknowledged`` was last seen to move; ``None`` if unknown.
    """

    partition: int
    acknowledged: Position | None
    backlog: int
    holes: Sequence[tuple[Position, Position]] = ()
    moved: datetime | None = None
    placed: datetime | None = None
    """When the store made or loaded the cursor, or a later time; it has not moved since if ``moved`` is unknown."""
    delayed: int = 0
    """How much of ``backlog`` is to be delivered at a later time, by its publisher's wish."""
    due: Mapping[Position, datetime] = field(default_factory=dict)
    """When delayed events are to be delivered: of the first ones that wait, as far as the store was asked."""
    behind: OpenTransaction | None = None
    """Everything that can be delivered is acknowledged. What follows waits for this transaction to end."""
    beginning: Position | None = None
    """Where the cursor stands if nothing that is left lies before it, in a store whose logs do not all begin alike."""
    counters: tuple[int, ...] = ()
    """Counts that only grow while the store has the partition loaded. One that fell shows that it was loaded anew."""
    end: Position | None = None
    """The last message of the partition, as a place to compare; ``None`` if it is empty, or the store does not tell."""
    active: str = ""
    """The consumer that gets this partition, of an exclusive or failover subscription; empty if there is none."""
    start: Position | None = None
    """Where what is left of the partition begins, as a place to compare; ``None`` if the store does not tell."""
    held: int | None = None
    """How many events consumers hold here, delivered and not acknowledged; ``None`` if the store does not tell."""
    log: tuple[int, str] | None = None
    """A number and a text by which one log is told from another of the same name: in one log the text changes only if the
    number grows. ``None`` if the store does not tell."""
    entries: int | None = None
    """What the partition holds, in the unit of ``backlog``; ``done`` is what of that is acknowledged, within ``holes`` too."""
    done: int | None = None
    told: bool = True
    """Whether the store told of this cursor. A broker that has just started leaves partitions out, and the rest here is then
    as for a cursor at the beginning."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A named reader group of one topic. ``moved`` is when its cursor last moved or an event was last acknowledged."""

    topic: str
    name: str
    type: SubscriptionType
    cursors: Sequence[Cursor]
    consumers: Sequence[ConnectedConsumer] = ()
    moved: datetime | None = None
    delivered: datetime | None = None
    """When an event was last delivered to a consumer."""
    unacked: int = 0
    kind: SubscriptionKind = SubscriptionKind.SERVICE
    replicated: bool = False
    """Its place is copied between clusters from time to time, so on each of them it is a lower bound."""
    expired_held: int = 0
    """Events that have expired and that a consumer still holds, not acknowledged. They do not come again."""
    acked: datetime | None = None
    """When an event was last acknowledged."""
    expired: int = 0
    """How many have expired unhandled since the store has the topic loaded, in ``SubscriptionCapabilities.backlog_unit``."""
    blocked: bool = False
    """Its consumers together hold so many events that the store gives them no more until they acknowledge."""
    rate_in: float | None = None
    """Events a second that are published to its topic."""
    rate_out: float | None = None
    """Events a second that its consumers are given."""
    rate_redelivered: float | None = None
    """Events a second of ``rate_out`` that were delivered before."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """What an operator has written to the subscription."""
    acknowledges_inside: bool = False
    """The store may hold acknowledgements of single events of a batch, and tells nobody of which (``Log.entry``)."""
    out_of_order: bool = False
    """A key_shared subscription that may give up the order of a key's events when members come and go."""

    @property
    def backlog(self) -> int:
        return sum(cursor.backlog for cursor in self.cursors)


def left_out(acknowledged: Iterable[tuple[int, int]], end: int) -> Iterator[int]:
    """Yield the numbers from 0 to below ``end`` that none of these ranges covers (first, behind the last), in order."""
    number = 0
    for first, behind in [*sorted(acknowledged), (end, end)]:
        yield from range(number, first)
        number = max(number, behind)


class Consumer(Protocol):
    """A member of a subscription. It receives, and acknowledges by position."""

    def receive(self, *, limit: int, timeout: float) -> Sequence[Message]:
        """As ``Reader.read``. What is never acknowledged is delivered again to a later consumer of the subscription."""
        ...

    def acknowledge(self, position: Position) -> None:
        """Mark this one event as handled. In shared subscriptions, earlier events stay pending. Acknowledging twice is
        harmless."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Subscriptions(CursorMoves, Protocol):
    """A driver's access to subscriptions, and to moving their cursors."""

    @property
    def capabilities(self) -> SubscriptionCapabilities: ...

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        """Return the durable subscriptions by name, never a reader's own."""
        ...

    def members(self, topic: str) -> Sequence[Subscription]:
        """As ``of_topic``, without ``cursors``, what they tell, and what the store keeps for itself, where the store answers
        sooner without these: who is there, of which type, and who is connected."""
        ...

    def named(self, topic: str, name: str) -> Subscription:
        """Return the subscription with this name, as it is now."""
        ...

    def create(
        self,
        topic: str,
        name: str,
        *,
        type: SubscriptionType,
        start: Edge = Edge.LATEST,
        properties: Mapping[str, str] = NOTHING,
    ) -> Subscription:
        """Create the subscription, or return the existing one, unmoved. ``type`` is only a hint if consumers decide it.

        ``properties`` are written to it (``Subscription.properties``), by a store that keeps any.
        """
        ...

    def delete(self, topic: str, name: str) -> None:
        """Delete the subscription, and with it what it has acknowledged. ``StoreRefused`` if a consumer is connected."""
        ...

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> Consumer:
        """Join the subscription under this consumer name. A missing subscription is created at the earliest event."""
        ...
