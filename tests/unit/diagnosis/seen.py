"""Looks and backlogs that tests write down: minutes after noon, one partition unless said."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from eventstore.backlogs import Look, Member, Place
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, SubscriptionType
from eventstore.subscriptions import Backlog, Counted, State
from tests.indexing import place

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=2)
SHARED, FAILOVER, EXCLUSIVE = SubscriptionType.SHARED, SubscriptionType.FAILOVER, SubscriptionType.EXCLUSIVE


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def stands(
    acknowledged: int | None,
    *,
    waiting: int = 0,
    partition: int = 0,
    added: int = 100,
    delivered: int = 100,
    holes: int = 0,
    end: int = 100,
    active: str = "",
    log: tuple[int, str] | None = None,
) -> Place:
    """A cursor; ``added`` and ``delivered`` are the store's counters."""
    return Place(
        partition=partition,
        acknowledged=None if acknowledged is None else place(acknowledged, partition=partition),
        end=place(end, partition=partition),
        backlog=waiting,
        holes=holes,
        moved=None,
        counters=(added, delivered),
        log=log,
        active=active,
    )


def member(
    name: str = "app-1",
    *,
    since: float = -60,
    address: str = "",
    partition: int | None = None,
    permits: int | None = 900,
    unacked: int = 0,
    given: int | None = 10,
) -> Member:
    return Member(
        name=name,
        address=address or f"10.0.0.1:{name}",
        connected_since=at(since),
        partition=partition,
        permits=permits,
        unacked=unacked,
        blocked=False,
        delivered_events=given,
    )


def look(
    minute: float,
    *places: Place,
    members: Sequence[Member] = (),
    type: SubscriptionType = SHARED,
    state: State = State.CATCHING_UP,
    expired: int = 0,
    redelivered: float | None = None,
) -> Look:
    return Look(
        at=at(minute),
        type=type if members else SubscriptionType.UNKNOWN,
        waiting=sum(one.backlog for one in places),
        counted=Counted.INDEX,
        state=state,
        oldest=None,
        unacked=sum(one.unacked for one in members),
        blocked=False,
        expired=expired,
        rate_in=None,
        rate_out=None,
        rate_redelivered=redelivered,
        places=places,
        members=members,
    )


def backlog_at(last: Look, *, stuck: Sequence[int] = (), since: float = -30) -> Backlog:
    """The backlog of which this is the look."""
    return Backlog(
        subscription=_subscription(last),
        waiting=last.waiting,
        counted=last.counted,
        state=last.state,
        entries=last.waiting,
        oldest=at(since) if last.waiting else None,
        oldest_position=None,
        stuck_since=at(since) if stuck else None,
        stuck_partitions=frozenset(stuck),
        as_of=last.at,
    )


def _subscription(last: Look) -> Subscription:
    return Subscription(
        topic="patients",
        name="app",
        type=last.type,
        cursors=[_cursor(one) for one in last.places],
        consumers=[_consumer(one) for one in last.members],
        unacked=last.unacked,
        blocked=last.blocked,
        expired=last.expired,
        rate_redelivered=last.rate_redelivered,
    )


def _cursor(one: Place) -> Cursor:
    return Cursor(
        partition=one.partition,
        acknowledged=one.acknowledged,
        backlog=one.backlog,
        holes=[(place(200 + number), place(200 + number)) for number in range(one.holes)],
        moved=one.moved,
        counters=one.counters,
        end=one.end,
        active=one.active,
        log=one.log,
    )


def _consumer(one: Member) -> ConnectedConsumer:
    return ConnectedConsumer(
        name=one.name,
        address=one.address,
        connected_since=one.connected_since,
        partition=one.partition,
        permits=one.permits,
        unacked=one.unacked,
        blocked=one.blocked,
        delivered_events=one.delivered_events,
    )


def as_of(backlog: Backlog, state: State) -> Backlog:
    return replace(backlog, state=state)
