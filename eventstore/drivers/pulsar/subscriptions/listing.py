"""Durable subscriptions: their types, members and cursors."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.messages import time_of
from eventstore.drivers.pulsar.client.reader import READER_NAME
from eventstore.drivers.pulsar.ledgers import Layout, layout_of
from eventstore.drivers.pulsar.positions import whole_entry
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import UnknownSubscription
from eventstore.model.events import Position
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, SubscriptionType

_TYPES = {
    "Exclusive": SubscriptionType.EXCLUSIVE,
    "Failover": SubscriptionType.FAILOVER,
    "Shared": SubscriptionType.SHARED,
    "Key_Shared": SubscriptionType.KEY_SHARED,
}
RANGE = re.compile(r"\((\d+):(-?\d+)\.\.(\d+):(-?\d+)\]")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)")


def all_of(admin: Admin, known: KnownTopic) -> Sequence[Subscription]:
    """Return the topic's durable subscriptions by name, from two requests: one for the rates, one for the cursors."""
    statistics = admin.statistics(known.name, known.shards)
    internals = admin.internals(known.name, known.shards)
    names = {
        name for partition in statistics for name, told in partition.get("subscriptions", {}).items() if _durable(name, told)
    }
    return [_subscription(known, name, statistics, internals) for name in sorted(names)]


def named(admin: Admin, known: KnownTopic, name: str) -> Subscription:
    for subscription in all_of(admin, known):
        if subscription.name == name:
            return subscription
    raise UnknownSubscription(f"The topic {known.name} has no subscription of this name: go back to the list.")


def _durable(name: str, told: Json) -> bool:
    return bool(told.get("isDurable", told.get("durable", True))) and not name.startswith(f"{READER_NAME}-")


def _subscription(known: KnownTopic, name: str, statistics: Sequence[Json], internals: Sequence[Json]) -> Subscription:
    told = [partition.get("subscriptions", {}).get(name, {}) for partition in statistics]
    inside = [partition.get("cursors", {}).get(name, {}) for partition in internals]
    topic = str(known.name)
    return Subscription(
        topic=topic,
        name=name,
        type=next((_TYPES[each["type"]] for each in told if each.get("type") in _TYPES), SubscriptionType.UNKNOWN),
        cursors=[
            _cursor(topic, partition, told[partition], inside[partition], layout_of(internals[partition]))
            for partition in range(len(told))
        ],
        consumers=[
            _consumer(consumer, partition if known.shards else None)
            for partition, each in enumerate(told)
            for consumer in each.get("consumers", ())
        ],
        moved=_latest(told, "lastMarkDeleteAdvancedTimestamp", "lastAckedTimestamp"),
        delivered=_latest(told, "lastConsumedTimestamp"),
        unacked=sum(_count(each, "unackedMessages") for each in told),
    )


def _cursor(topic: str, partition: int, told: Json, inside: Json, layout: Layout) -> Cursor:
    ledger, entry = ledger_and_entry(inside.get("markDeletePosition", ""))
    return Cursor(
        partition=partition,
        acknowledged=_acknowledged(topic, partition, ledger, entry, layout),
        backlog=_count(told, "msgBacklog"),
        holes=list(_holes(topic, partition, str(inside.get("individuallyDeletedMessages", "")), layout)),
        moved=_latest([told], "lastMarkDeleteAdvancedTimestamp"),
    )


def _acknowledged(topic: str, partition: int, ledger: int, entry: int, layout: Layout) -> Position | None:
    """Return the mark-delete position. Before the first entry of a ledger means after the ledgers before it, if there are
    any."""
    if entry >= 0:
        return whole_entry(topic, partition, ledger, entry)
    earlier = [(number, entries) for number, entries in layout.ledgers if number < ledger]
    if not earlier:
        return None
    return whole_entry(topic, partition, earlier[-1][0], earlier[-1][1] - 1)


def _holes(topic: str, partition: int, written: str, layout: Layout) -> Iterator[tuple[Position, Position]]:
    """Parse ``[(118:3..118:5],(118:8..120:-1]]``. A range without an entry is left out."""
    for match in RANGE.finditer(written):
        start = whole_entry(topic, partition, int(match[1]), int(match[2]))
        end = _acknowledged(topic, partition, int(match[3]), int(match[4]), layout)
        if end is not None and start < end:
            yield start, end


def ledger_and_entry(position: str) -> tuple[int, int]:
    ledger, _, entry = position.partition(":")
    return (int(ledger), int(entry)) if entry else (-1, -1)


def _count(told: Json, field: str) -> int:
    """A count of the broker's, 0 where it is negative.

    Seen: ``msgBacklog`` after faults; ``unackedMessages`` down to -81 on 4.2, which keeps track inside batches by default. A
    consumer had acknowledged some events of a batch and refused others.
    """
    return max(0, int(told.get(field, 0)))


def _consumer(told: Json, partition: int | None) -> ConnectedConsumer:
    return ConnectedConsumer(
        name=str(told.get("consumerName", "")),
        address=str(told.get("address", "")).removeprefix("/"),
        client=str(told.get("clientVersion", "")),
        connected_since=_instant(str(told.get("connectedSince", ""))),
        unacked=_count(told, "unackedMessages"),
        partition=partition,
    )


def _instant(text: str) -> datetime | None:
    """Parse an ISO instant with any number of digits after the second."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    return datetime.fromisoformat(f"{match[1]}{match[2] or ''}{match[3]}").astimezone(UTC)


def _latest(told: Sequence[Json], *fields: str) -> datetime | None:
    return time_of(max((int(each.get(field) or 0) for each in told for field in fields), default=0))
