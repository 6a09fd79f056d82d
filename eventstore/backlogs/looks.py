"""Looks: what was seen of one subscription at one moment.

A series of looks tells what a single one cannot: that a cursor stands while its partition grows, that it jumped back, that
members come and go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.model.events import Position
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, SubscriptionType
from eventstore.subscriptions import Backlog, Counted, State


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a cursor stood in one partition. Positions are to be compared, not read."""

    partition: int
    acknowledged: Position | None
    """``None``: nothing yet."""
    end: Position | None
    """The last message of the partition; ``None``: it was empty, or the store did not tell."""
    backlog: int
    """In the store's own unit, as ``Cursor.backlog``."""
    holes: int
    """How many ranges were acknowledged beyond the cursor."""
    moved: datetime | None
    counters: tuple[int, ...]
    """As ``Cursor.counters``."""
    log: tuple[int, str] | None
    """As ``Cursor.log``."""
    active: str
    """As ``Cursor.active``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A connected consumer; of a partitioned topic, its connection to one partition."""

    name: str
    address: str
    connected_since: datetime | None
    partition: int | None
    permits: int | None
    unacked: int
    blocked: bool
    delivered_events: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One subscription at one moment. Rates are events a second, ``None`` where the store tells none."""

    at: datetime
    type: SubscriptionType
    waiting: int
    counted: Counted
    state: State
    oldest: datetime | None
    """When the first waiting event was published."""
    unacked: int
    blocked: bool
    expired: int
    rate_in: float | None
    rate_out: float | None
    rate_redelivered: float | None
    places: Sequence[Place]
    """By partition."""
    members: Sequence[Member]
    events: int | None = None
    """How many events of its topic there were, as ``events_of`` tells."""


def look_at(backlog: Backlog) -> Look:
    """Return what is kept of a subscription that has just been asked for."""
    told = backlog.subscription
    return Look(
        at=backlog.as_of,
        type=told.type,
        waiting=backlog.waiting,
        counted=backlog.counted,
        state=backlog.state,
        oldest=backlog.oldest,
        unacked=told.unacked,
        blocked=told.blocked,
        expired=told.expired,
        rate_in=told.rate_in,
        rate_out=told.rate_out,
        rate_redelivered=told.rate_redelivered,
        places=[_place(cursor) for cursor in told.cursors],
        members=[_member(consumer) for consumer in told.consumers],
        events=events_of(backlog),
    )


def events_of(backlog: Backlog) -> int | None:
    """Return how many events of its topic the index knows, or ``None`` while it does not know all of them.

    That number then grows at the indexer's pace, not at the publishers'.
    """
    return backlog.events if backlog.counted in (Counted.INDEX, Counted.STORE) else None


def _place(cursor: Cursor) -> Place:
    return Place(
        partition=cursor.partition,
        acknowledged=cursor.acknowledged,
        end=cursor.end,
        backlog=cursor.backlog,
        holes=len(cursor.holes),
        moved=cursor.moved,
        counters=cursor.counters,
        log=cursor.log,
        active=cursor.active,
    )


def _member(consumer: ConnectedConsumer) -> Member:
    return Member(
        name=consumer.name,
        address=consumer.address,
        connected_since=consumer.connected_since,
        partition=consumer.partition,
        permits=consumer.permits,
        unacked=consumer.unacked,
        blocked=consumer.blocked,
        delivered_events=consumer.delivered_events,
    )
