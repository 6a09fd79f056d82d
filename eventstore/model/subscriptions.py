"""Subscriptions: named reader groups, where they stand, joining them and moving them. A driver may lack them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from eventstore.model.events import Message, Position
from eventstore.model.log import Edge


class SubscriptionType(StrEnum):
    EXCLUSIVE = "exclusive"
    FAILOVER = "failover"
    SHARED = "shared"
    KEY_SHARED = "key_shared"
    UNKNOWN = "unknown"
    """The broker keeps the type of connected consumers only: nobody is connected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionCapabilities:
    """What a driver's subscriptions can do. Pages and commands ask this, never the driver's name."""

    backlog_unit: str
    """What ``Cursor.backlog`` counts: ``events``, or the broker's ``entries`` (a batch is one)."""
    reset_disconnects: bool
    """Resetting a cursor disconnects the subscription's consumers."""
    lists_consumers: bool
    """``Subscription.consumers`` names everybody who is connected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectedConsumer:
    name: str
    address: str = ""
    client: str = ""
    connected_since: datetime | None = None
    unacked: int = 0
    partition: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """A subscription's place in one partition.

    Everything up to and including ``acknowledged`` is acknowledged (``None``: nothing yet); so is everything in ``holes``,
    pairs of (excluded start, included end) beyond it. Such positions may name a whole batch rather than an event that
    exists: compare them, do not read them. ``backlog`` counts ``SubscriptionCapabilities.backlog_unit``. ``moved``: when
    ``acknowledged`` was last seen to move; ``None`` where that is not known.
    """

    partition: int
    acknowledged: Position | None
    backlog: int
    holes: Sequence[tuple[Position, Position]] = ()
    moved: datetime | None = None


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
    """When an event was last handed to a consumer."""
    unacked: int = 0

    @property
    def backlog(self) -> int:
        return sum(cursor.backlog for cursor in self.cursors)


class MoveResult(StrEnum):
    """What became of one partition's cursor, as it was read back after the store had said that it moved it."""

    MOVED = "moved"
    NOT_MOVED = "not moved"
    FAILED = "failed"
    """The store refused; the cursor stands where it stood."""
    UNKNOWN = "unknown"
    """The store gave no answer, or what was read back proves neither."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorMove:
    """One partition's part of a cursor reset. ``reason`` is a sentence where it was not moved."""

    partition: int
    result: MoveResult
    reason: str = ""


OnMove = Callable[[CursorMove], None]


def ignore_move(move: CursorMove) -> None:
    """For callers that look at the subscription themselves."""


class Consumer(Protocol):
    """A member of a subscription: receives, and acknowledges by position."""

    def receive(self, *, limit: int, timeout: float) -> Sequence[Message]:
        """As ``Reader.read``; what is never acknowledged comes again to a later consumer of the subscription."""
        ...

    def acknowledge(self, position: Position) -> None:
        """This one event is handled. Of shared subscriptions, earlier ones stay pending; acknowledging twice is harmless."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class Subscriptions(Protocol):
    """What a driver does with subscriptions."""

    @property
    def capabilities(self) -> SubscriptionCapabilities: ...

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        """The durable ones, by name: never a reader's own."""
        ...

    def named(self, topic: str, name: str) -> Subscription:
        """The subscription of this name, as it is now."""
        ...

    def create(self, topic: str, name: str, *, type: SubscriptionType, start: Edge = Edge.LATEST) -> Subscription:
        """Make it, or answer the one that is there, where it stands. ``type`` is a hint where consumers decide it."""
        ...

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> Consumer:
        """Join the subscription under this consumer name, creating it at the earliest event where there is none."""
        ...

    def reset_cursor(
        self, topic: str, name: str, targets: Mapping[int, Position | Edge], *, on_move: OnMove = ignore_move
    ) -> None:
        """Move the cursor of each named partition: the event *at* the position is the next one to be received.

        Acknowledgements from there on are forgotten; partitions that are not named stay. See ``reset_disconnects``. Each
        cursor is read back: ``on_move`` is called in the caller's thread with each partition's result as soon as it is known,
        before the next one is tried, and an error that it raises ends the reset. An error of the store ends it as well;
        partitions without a result were not tried.
        """
        ...
