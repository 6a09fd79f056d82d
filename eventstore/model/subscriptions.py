"""Subscriptions: named reader groups, where they stand, and how to join and move them. A driver may lack them."""

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
    """The broker only knows the type of connected consumers, and none is connected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionCapabilities:
    """What a driver's subscriptions can do. Pages and commands check this, never the driver's name."""

    backlog_unit: str
    """What ``Cursor.backlog`` counts: ``events``, or the broker's ``entries`` (a batch is one)."""
    reset_disconnects: bool
    """Resetting a cursor disconnects the subscription's consumers."""
    lists_consumers: bool
    """``Subscription.consumers`` names every connected consumer."""


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

    @property
    def backlog(self) -> int:
        return sum(cursor.backlog for cursor in self.cursors)


class MoveResult(StrEnum):
    """What became of one partition's cursor, read back after the store had said that it moved it."""

    MOVED = "moved"
    NOT_MOVED = "not moved"
    FAILED = "failed"
    """The store refused; the cursor stands where it stood."""
    UNKNOWN = "unknown"
    """The store did not answer, or what was read back proves neither."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorMove:
    """One partition's part of a cursor reset. ``reason`` is a sentence if it was not moved."""

    partition: int
    result: MoveResult
    reason: str = ""


OnMove = Callable[[CursorMove], None]


def ignore_move(move: CursorMove) -> None:
    """For callers that check the subscription themselves."""


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


class Subscriptions(Protocol):
    """A driver's access to subscriptions."""

    @property
    def capabilities(self) -> SubscriptionCapabilities: ...

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        """Return the durable subscriptions by name, never a reader's own."""
        ...

    def named(self, topic: str, name: str) -> Subscription:
        """Return the subscription with this name, as it is now."""
        ...

    def create(self, topic: str, name: str, *, type: SubscriptionType, start: Edge = Edge.LATEST) -> Subscription:
        """Create the subscription, or return the existing one, unmoved. ``type`` is only a hint if consumers decide it."""
        ...

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> Consumer:
        """Join the subscription under this consumer name. A missing subscription is created at the earliest event."""
        ...

    def reset_cursor(
        self, topic: str, name: str, targets: Mapping[int, Position | Edge], *, on_move: OnMove = ignore_move
    ) -> None:
        """Move the cursor of each named partition: the event *at* the position is the next one to be received.

        Later acknowledgements are forgotten. Partitions that are not named stay. See ``reset_disconnects``.

        Each cursor is read back. ``on_move`` is called in the caller's thread with each partition's result as soon as
        it is known, before the next one is tried. An error that it raises ends the reset, and so does an error of the
        store. Partitions without a result were not tried.
        """
        ...
