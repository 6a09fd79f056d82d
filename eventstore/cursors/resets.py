"""Resetting a subscription's cursor: planned and counted first, then done as planned or refused."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinal_after
from eventstore.model.errors import InvalidPosition, StoresOwn
from eventstore.model.events import Position
from eventstore.model.log import Edge, Log
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscriptions, SubscriptionType
from eventstore.subscriptions.counting import acknowledged_ordinals, is_fresh

STORES_OWN = (
    "The broker keeps this cursor for its own {}. No service receives events by it, so moving it would deliver nothing. "
    "Nothing was moved: reset the subscription of the service that should receive events again."
)

Target = Edge | datetime | Position
"""Where the subscription continues: an edge, the first event published since a time, or one event (only in its partition)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One partition's part. ``goes_to`` is the next message to be received, with all of its events if it is a batch."""

    partition: int
    stands_at: Position | None
    goes_to: Position | Edge
    again: int | None
    """Events that were acknowledged and will be delivered again; ``None``: the index cannot tell."""
    passed_over: int | None
    """Events that wait now and will never be delivered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResetPlan:
    """What a reset would do. ``digest`` names what was looked at; confirming means that very digest.

    It changes when the places aimed at or the subscription's type change; not by new events or ordinary progress.
    """

    topic: str
    subscription: str
    type: SubscriptionType
    moves: Sequence[Move]
    consumers: Sequence[ConnectedConsumer]
    digest: str
    at_least: bool = False
    """The index has not caught up with the topic: the counts may be too low."""

    @property
    def again(self) -> int | None:
        return _sum(move.again for move in self.moves)

    @property
    def passed_over(self) -> int | None:
        return _sum(move.passed_over for move in self.moves)

    @property
    def touched(self) -> int | None:
        """Every event that the reset makes come again or never come."""
        return _sum((self.again, self.passed_over))

    def confirmed_by(self, digest: str) -> bool:
        """Whether the digest is of this very plan. Where nobody is connected the type is unknown, and no contradiction:
        members come and go."""
        known = self.type is not SubscriptionType.UNKNOWN
        types = (self.type, SubscriptionType.UNKNOWN) if known else tuple(SubscriptionType)
        return digest in {_digest(self.topic, self.subscription, type, self.moves) for type in types}

    def details(self) -> dict[str, object]:
        """For the audit record: names, places and counts."""
        return {
            "topic": self.topic,
            "subscription": self.subscription,
            "from": {str(move.partition): _label(move.stands_at) if move.stands_at else "start" for move in self.moves},
            "to": {str(move.partition): _label(move.goes_to) for move in self.moves},
            "events_again": self.again,
            "events_passed_over": self.passed_over,
            "consumers": [consumer.name for consumer in self.consumers],
        }

    def targets(self) -> Mapping[int, Position | Edge]:
        return {move.partition: move.goes_to for move in self.moves}


def plan_reset(log: Log, subscriptions: Subscriptions, topic: str, name: str, target: Target) -> ResetPlan:
    """Look at the subscription and work out what moving it to ``target`` would do. Nothing is touched.

    Raises ``StoresOwn`` for a cursor that the store keeps for itself.
    """
    subscription = subscriptions.named(topic, name)
    if subscription.kind.of_the_store:
        raise StoresOwn(STORES_OWN.format(subscription.kind.value))
    moves = [
        _move(topic, cursor, _goes_to(log, topic, cursor.partition, target))
        for cursor in subscription.cursors
        if not isinstance(target, Position) or cursor.partition == target.partition
    ]
    if not moves:
        raise InvalidPosition("That event is not in a partition of this topic. Choose one of the topic's events.")
    return ResetPlan(
        topic=topic,
        subscription=name,
        type=subscription.type,
        moves=moves,
        consumers=subscription.consumers,
        digest=_digest(topic, name, subscription.type, moves),
        at_least=_index_is_behind(topic, moves),
    )


def _index_is_behind(topic: str, moves: Sequence[Move]) -> bool:
    indexed, now = queries.partition_rows(topic), timezone.now()
    rows = [indexed.get(move.partition) for move in moves]
    return any(row is not None and not is_fresh(row, now) for row in rows)


def _goes_to(log: Log, topic: str, partition: int, target: Target) -> Position | Edge:
    if isinstance(target, Edge):
        return target
    if isinstance(target, Position):
        if target.topic != topic:
            raise InvalidPosition("That event is in another topic. Choose one of this topic's events.")
        return log.position(topic, partition, target.token).message
    first = log.first_since(topic, partition, target)
    return first.message if first else Edge.LATEST


def _move(topic: str, cursor: Cursor, goes_to: Position | Edge) -> Move:
    again, passed_over = _counts(topic, cursor, goes_to)
    return Move(
        partition=cursor.partition, stands_at=cursor.acknowledged, goes_to=goes_to, again=again, passed_over=passed_over
    )


def _counts(topic: str, cursor: Cursor, goes_to: Position | Edge) -> tuple[int | None, int | None]:
    """Acknowledged events at or behind the target, and waiting ones before it, by ordinals."""
    partition = queries.partition_row(topic, cursor.partition)
    if partition is None:
        return None, None
    if isinstance(goes_to, Edge):
        aim = 0 if goes_to is Edge.EARLIEST else partition.next_ordinal
    else:
        aim = ordinal_after(partition, goes_to.beginning)
    acknowledged = acknowledged_ordinals(partition, cursor)
    again = sum(max(0, end - max(start, aim)) for start, end in acknowledged)
    acknowledged_before = sum(max(0, min(end, aim) - start) for start, end in acknowledged)
    return again, aim - acknowledged_before


def _digest(topic: str, name: str, type: SubscriptionType, moves: Sequence[Move]) -> str:
    places = [[m.partition, m.goes_to.token if isinstance(m.goes_to, Position) else m.goes_to.value] for m in moves]
    seen = json.dumps([topic, name, type.value, places])
    return hashlib.sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()


def _label(place: Position | Edge) -> str:
    return place.value if isinstance(place, Edge) else place.label or place.token


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
