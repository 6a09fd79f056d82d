"""Lists, creates and resets subscriptions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import transaction

from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import CursorRow, MemberRow, PartitionRow, SubscriptionRow, TopicRow
from eventstore.drivers.database.names import checked_name, find_subscription, subscription_row, topic_row
from eventstore.drivers.database.positions import number_of, position_of
from eventstore.drivers.database.subscriptions import ranges
from eventstore.drivers.database.subscriptions.state import ShardState, SubscriptionState, state_of, states_of
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, CursorMove, MoveResult, Subscription, SubscriptionType

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


def reset_cursor(topic: str, name: str, targets: Mapping[int, Position | Edge]) -> Sequence[CursorMove]:
    """Each partition's result. The cursors are read back before anybody else can move them."""
    found = subscription_row(topic, name)
    with transaction.atomic(using=STORE):
        row = locked(found.pk)
        shards = {shard.partition: shard for shard in state_of(row).shards}
        moves = {partition: _target(topic, partition, shards.get(partition), target) for partition, target in targets.items()}
        if not moves:
            return []
        now = datetime.now(UTC)
        for partition, number in moves.items():
            CursorRow.objects.filter(pk=shards[partition].cursor_id).update(acknowledged=number - 1, holes="[]", moved=now)
        # As on a broker: all members are disconnected, and nobody holds what they had.
        MemberRow.objects.filter(subscription=row).delete()
        SubscriptionRow.objects.filter(pk=row.pk).update(resets=row.resets + 1, moved=now)
        stands = {shard.partition: (shard.acknowledged, shard.holes) for shard in state_of(row).shards}
    return [_result(partition, stands[partition] == (number - 1, [])) for partition, number in moves.items()]


def _result(partition: int, moved: bool) -> CursorMove:
    if moved:
        return CursorMove(partition=partition, result=MoveResult.MOVED)
    reason = "The store did not move this cursor: read back, it stands elsewhere."
    return CursorMove(partition=partition, result=MoveResult.NOT_MOVED, reason=reason)


def locked(pk: int) -> SubscriptionRow:
    """Return the subscription's row, locked until the transaction ends."""
    return SubscriptionRow.objects.select_for_update().get(pk=pk)


def _target(topic: str, partition: int, shard: ShardState | None, target: Position | Edge) -> int:
    if shard is None:
        raise InvalidPosition(f"The topic has no partition {partition}. Choose a position of one of its own.")
    if isinstance(target, Edge):
        return 0 if target is Edge.EARLIEST else shard.end + 1
    number = number_of(target, topic, partition)
    if number > shard.end:
        raise InvalidPosition("There is no event at this position. Choose one that is there, or the latest edge.")
    return number


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
