"""Joining a subscription, staying in it, and moving its cursor when an event is acknowledged.

Every function here expects that the caller has locked the subscription's row.
"""

import os
import socket
from datetime import UTC, datetime

from eventstore.drivers.database.models import CursorRow, HoldingRow, MemberRow, SubscriptionRow
from eventstore.drivers.database.names import shown
from eventstore.drivers.database.subscriptions import ranges
from eventstore.drivers.database.subscriptions.state import GONE_AFTER, ShardState
from eventstore.model.errors import StoreRefused
from eventstore.model.subscriptions import SubscriptionType


def join(subscription: SubscriptionRow, type: SubscriptionType, name: str) -> MemberRow:
    """Become a member. Raises ``StoreRefused`` if the present members do not allow it."""
    remove_gone(subscription)
    others = MemberRow.objects.filter(subscription=subscription)
    if others.exists():
        if subscription.type != type:
            raise StoreRefused(
                f"The subscription {shown(subscription.name)} is {subscription.type} while others are connected. "
                f"Join with that type, or disconnect them first."
            )
        if type is SubscriptionType.EXCLUSIVE:
            raise StoreRefused(
                f"The subscription {shown(subscription.name)} is exclusive and a consumer is connected. Disconnect it first."
            )
    SubscriptionRow.objects.filter(pk=subscription.pk).update(type=type.value)
    now = datetime.now(UTC)
    return MemberRow.objects.create(subscription=subscription, name=name, address=_address(), connected=now, heartbeat=now)


def remove_gone(subscription: SubscriptionRow) -> None:
    """Remove the members without a heartbeat, so that others get what they held."""
    MemberRow.objects.filter(subscription=subscription, heartbeat__lte=datetime.now(UTC) - GONE_AFTER).delete()


def hold(shard: ShardState, member: int, numbers: list[int], *, alone: bool) -> None:
    """Record what a member has received. ``alone``: it took over the partition, so that others no longer hold anything of
    it."""
    if alone:
        HoldingRow.objects.filter(cursor_id=shard.cursor_id).exclude(member_id=member).delete()
    held = ranges.dumps(ranges.union(shard.held.get(member, []), ranges.of(numbers)))
    HoldingRow.objects.update_or_create(member_id=member, cursor_id=shard.cursor_id, defaults={"numbers": held})


def mark_acknowledged(cursor: CursorRow, number: int) -> None:
    """Move the cursor over this number, or add a hole after it. No member holds the number any longer."""
    if number > cursor.acknowledged:
        done = ranges.union([(-1, cursor.acknowledged)], ranges.loads(cursor.holes), [(number, number)])
        (_, acknowledged), *holes = done
        moved = datetime.now(UTC) if acknowledged > cursor.acknowledged else cursor.moved
        CursorRow.objects.filter(pk=cursor.pk).update(acknowledged=acknowledged, holes=ranges.dumps(holes), moved=moved)
    for holding in HoldingRow.objects.filter(cursor=cursor):
        held = ranges.loads(holding.numbers)
        left = ranges.without(held, number)
        if left != held:
            HoldingRow.objects.filter(pk=holding.pk).update(numbers=ranges.dumps(left))


def _address() -> str:
    return f"{socket.gethostname()} process {os.getpid()}"[:255]
