"""Lists and creates subscriptions."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction

from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import CursorRow, MemberRow, PartitionRow, SubscriptionRow, TopicRow
from eventstore.drivers.database.names import checked_name, find_subscription, subscription_row, topic_row
from eventstore.drivers.database.positions import position_of
from eventstore.drivers.database.subscriptions import ranges
from eventstore.drivers.database.subscriptions.state import ShardState, SubscriptionState, state_of, states_of
from eventstore.model.errors import StoreRefused
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, SubscriptionType

CLIENT = "Eventdesk's embedded store"


def subscriptions(topic: str) -> Sequence[Subscription]:
    rows = list(SubscriptionRow.objects.filter(topic=topic_row(topic)).select_related("topic"))
    states = states_of(rows)
    return sorted((_subscription(topic, row, states[row.pk]) for row in rows), key=lambda one: one.name)


def subscription(topic: str, name: str) -> Subscription:
    row = subscription_row(topic, name)
    return _subscription(topic, row, state_of(row))


def create_subscription(topic: str, name: str, type: SubscriptionType, start: Edge) -> Subscription:
    row = made_subscription(topic_row(topic), name, type, start)
    return _subscription(topic, row, state_of(row))


def made_subscription(topic: TopicRow, name: str, type: SubscriptionType, start: Edge) -> SubscriptionRow:
    """Return the subscription with this name; create it at the edge if there is none."""
    checked_name(name, "subscription")
    there = find_subscription(topic, name)
    if there is not None:
        return there
    with transaction.atomic(using=STORE):
        row, made = SubscriptionRow.objects.get_or_create(topic=topic, name=name, defaults={"type": type.value})
        if made:
            CursorRow.objects.bulk_create(
                CursorRow(
                    subscription=row,
                    partition=partition,
                    placed=datetime.now(UTC),
                    acknowledged=partition.next_number - 1 if start is Edge.LATEST else -1,
                )
                for partition in PartitionRow.objects.filter(topic=topic)
            )
    return row


def delete_subscription(topic: str, name: str) -> None:
    with transaction.atomic(using=STORE):
        row = locked(subscription_row(topic, name).pk)
        if state_of(row).members:
            raise StoreRefused("A consumer is connected. Stop the consumers of this subscription, then delete it.")
        row.delete()


def locked(pk: int) -> SubscriptionRow:
    """Return the subscription's row, locked until the transaction ends."""
    return SubscriptionRow.objects.select_for_update().get(pk=pk)


def _subscription(topic: str, row: SubscriptionRow, state: SubscriptionState) -> Subscription:
    return Subscription(
        topic=topic,
        name=row.name,
        type=SubscriptionType(row.type),
        cursors=[_cursor(topic, row.topic.incarnation, shard) for shard in state.shards],
        consumers=[_consumer(member, state) for member in state.members],
        moved=row.moved,
        delivered=row.delivered,
        unacked=sum(state.held_by(member.pk) for member in state.members),
    )


def _cursor(topic: str, incarnation: str, shard: ShardState) -> Cursor:
    def place(number: int) -> Position:
        return position_of(topic, shard.partition, number)

    return Cursor(
        partition=shard.partition,
        acknowledged=None if shard.acknowledged < 0 else place(shard.acknowledged),
        backlog=shard.backlog,
        # Something pending comes before each hole, so there is always a number before it.
        holes=[(place(first - 1), place(last)) for first, last in ranges.union(shard.holes)],
        moved=shard.moved,
        placed=shard.placed,
        log=(0, incarnation),
        end=None if shard.end < 0 else place(shard.end),
        held=sum(ranges.size(held) for held in shard.held.values()),
        entries=shard.end + 1,
        done=shard.end + 1 - shard.backlog,
    )


def _consumer(member: MemberRow, state: SubscriptionState) -> ConnectedConsumer:
    return ConnectedConsumer(
        name=member.name,
        address=member.address,
        client=CLIENT,
        connected_since=member.connected,
        unacked=state.held_by(member.pk),
    )
