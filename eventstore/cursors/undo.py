"""Undoing a move: what it would do, from the place before the move, where the cursor stands now, and the index.

``before`` is what was acknowledged before the move, ``moved`` what the move itself acknowledged. What is acknowledged now and
was not by the move, consumers have acknowledged since. After the undo, ``before`` and that are acknowledged, and nothing else:

    after = before + (now - moved)

Whatever is not known for certain counts as not acknowledged: an event then comes twice, and none is lost.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from eventstore.actions import KEPT, part_name
from eventstore.cursors.counted import Counts, count, fitting, may_hold_batches, sum_of, waits_after
from eventstore.cursors.looks import is_blocked
from eventstore.cursors.places import (
    Kept,
    Places,
    acknowledged_by,
    before_in,
    failed_in,
    less,
    moved_in,
    positions,
    spelled,
    union,
)
from eventstore.index.lookup import queries
from eventstore.index.models import IndexedPartition
from eventstore.model.cursor_moves import CursorPlace
from eventstore.model.errors import MadeAnew
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, Subscriptions, SubscriptionType
from eventstore.subscriptions.counting import is_fresh
from eventstore.subscriptions.samples import is_another_log

MADE_ANEW = (
    "The topic was made anew since the move, or has other partitions. The place before the move lies in the old one and means "
    "nothing here. Nothing was moved: reset the cursor instead."
)
MOST_AGAIN = 50_000
"""Events that are acknowledged again, of all partitions together. On Pulsar that takes some 13 seconds, and somebody waits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undone:
    """A move that is to be undone. ``moved`` is what the move acknowledged, by partition; ``None``: not known."""

    act: str
    before: Mapping[int, Kept]
    moved: Mapping[int, Places | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class After:
    """A cursor's place after the undo: a token, and ranges beyond it. ``dropped`` ranges belong there and cannot be had."""

    mark: str
    ranges: Places
    dropped: Places

    @property
    def acknowledged(self) -> Places:
        return union([("", self.mark)], self.ranges)

    def place(self, topic: str, partition: int) -> CursorPlace:
        mark = Position(topic=topic, partition=partition, token=self.mark) if self.mark else None
        return CursorPlace(acknowledged=mark, holes=positions(topic, partition, self.ranges))


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoMove:
    """One partition's part. ``goes_to`` is ``None`` before the first event. ``comes``: what is delivered because of it."""

    partition: int
    stands_at: Position | None
    goes_to: Position | None
    after: After
    comes: Places
    counts: Counts

    @property
    def again(self) -> int:
        """What it takes to acknowledge beyond the place: events, or ranges where the index does not know the partition."""
        return len(self.after.ranges) if self.counts.again is None else self.counts.again


@dataclass(frozen=True, kw_only=True, slots=True)
class UndoPlan:
    """What an undo would do. ``digest`` changes with the move that is undone, the subscription's type, and ``blocked``.

    ``blocked``: an exclusive consumer is connected, so nothing can be acknowledged beside it. ``joins``: the desk joins the
    subscription for a moment. ``held`` events are with consumers, not acknowledged. ``at_least``: the counts may be too low.
    """

    topic: str
    subscription: str
    type: SubscriptionType
    undone: Undone
    moves: Sequence[UndoMove]
    consumers: Sequence[ConnectedConsumer]
    digest: str
    blocked: bool
    joins: bool
    held: int
    at_least: bool = False
    inside_batches: bool = False
    """Batches wait after it, or may, of which the store may keep single events as acknowledged: it tells nobody, and the undo
    loses that."""
    given_back: dict[int, Places] = field(default_factory=dict)
    """Filled in while it is carried out: what each partition that was put back had acknowledged, and has not now."""

    @property
    def counts(self) -> Counts:
        """Of all partitions together."""
        return sum_of(move.counts for move in self.moves)

    @property
    def left_out(self) -> int:
        """Ranges that were not kept with the move."""
        return sum(self.undone.before[move.partition].left_out for move in self.moves)

    @property
    def touched(self) -> int | None:
        """Every event of which the undo changes whether it is delivered."""
        counts = self.counts
        return None if counts.comes is None or counts.called_off is None else counts.comes + counts.called_off

    def most_again(self, planned: UndoMove) -> int:
        """How many events of this partition may be acknowledged again, next to what is planned for the others."""
        return MOST_AGAIN - sum(move.again for move in self.moves if move is not planned)

    def confirmed_by(self, digest: str) -> bool:
        """As ``ResetPlan.confirmed_by``."""
        known = self.type is not SubscriptionType.UNKNOWN
        types = (self.type, SubscriptionType.UNKNOWN) if known else tuple(SubscriptionType)
        return digest in {_digest(self.topic, self.subscription, type, self.undone, self.blocked) for type in types}

    def details(self) -> dict[str, Any]:
        """For the record: the move that is undone, places and counts, and what to follow until it is acknowledged."""
        counts = self.counts
        return {
            "topic": self.topic,
            "subscription": self.subscription,
            "undoes": self.undone.act,
            "from": {str(move.partition): _label(move.stands_at) for move in self.moves},
            "to": {str(move.partition): _label(move.goes_to) for move in self.moves},
            "events_delivered": counts.comes,
            "events_twice": counts.twice,
            "events_gone": counts.gone,
            "consumers": [consumer.name for consumer in self.consumers],
            KEPT: {"comes": spelled({move.partition: move.comes for move in self.moves})},
        }


def undone_of(act: str, details: Mapping[str, Any], outcome: Mapping[str, Any]) -> Undone | None:
    """The move of this act on the record, as far as its partitions were moved; ``None`` where no place was kept with it."""
    failed = failed_in(outcome)
    before = {at: kept for at, kept in before_in(details, outcome).items() if part_name(at) not in failed}
    if not before:
        return None
    return Undone(act=act, before=before, moved={at: moved_in(at, details, outcome) for at in before})


def plan_undo(log: Log, subscriptions: Subscriptions, topic: str, name: str, undone: Undone) -> UndoPlan:
    """Look at the subscription and work out what undoing the move would do. Nothing is touched.

    Raises ``MadeAnew`` if the topic is another one by now.
    """
    subscription = subscriptions.named(topic, name)
    cursors = cursors_of(subscription, undone)
    blocked = is_blocked(subscription, subscriptions)
    indexed = queries.partition_rows(topic)
    moves: list[UndoMove] = []
    for at, cursor in sorted(cursors.items()):
        most = MOST_AGAIN - sum(move.again for move in moves)
        moves.append(_move(log, topic, cursor, undone, indexed.get(at), blocked=blocked, most=most))
    blocked = blocked and any(move.after.dropped for move in moves)
    rows, now = [indexed.get(at) for at in cursors], timezone.now()
    return UndoPlan(
        topic=topic,
        subscription=name,
        type=subscription.type,
        undone=undone,
        moves=moves,
        consumers=subscription.consumers,
        digest=_digest(topic, name, subscription.type, undone, blocked),
        blocked=blocked,
        joins=subscriptions.capabilities.acknowledges_as_member and any(move.after.ranges for move in moves),
        held=subscription.unacked,
        at_least=any(row is not None and not is_fresh(row, now) for row in rows),
        inside_batches=subscription.acknowledges_inside
        and any(_leaves_batches(log, indexed.get(one.partition), cursors[one.partition], one) for one in moves),
    )


def cursors_of(subscription: Subscription, undone: Undone) -> Mapping[int, Cursor]:
    """The cursors of the partitions that were moved. Raises ``MadeAnew`` if one of them lies in another log by now."""
    cursors = {cursor.partition: cursor for cursor in subscription.cursors if cursor.partition in undone.before}
    if len(cursors) < len(undone.before) or any(is_another_log(undone.before[at].log, one.log) for at, one in cursors.items()):
        raise MadeAnew(MADE_ANEW)
    return cursors


def place_after(undone: Undone, cursor: Cursor, row: IndexedPartition | None, *, blocked: bool, most: int) -> After:
    """Where this cursor is to stand after the undo, from where it stands now. ``most``: events to acknowledge again."""
    moved = undone.moved.get(cursor.partition)
    since = [] if moved is None else less(acknowledged_by(cursor), moved)
    wanted = union(undone.before[cursor.partition].acknowledged, since)
    mark = wanted[0][1] if wanted and not wanted[0][0] else ""
    start = cursor.start.token if cursor.start else ""
    beyond = [(low, high) for low, high in (wanted[1:] if mark else wanted) if high > start]
    ranges, dropped = ([], beyond) if blocked else fitting(row, beyond, most)
    return After(mark=mark, ranges=ranges, dropped=dropped)


def _move(
    log: Log, topic: str, cursor: Cursor, undone: Undone, row: IndexedPartition | None, *, blocked: bool, most: int
) -> UndoMove:
    after = place_after(undone, cursor, row, blocked=blocked, most=most)
    now, then = acknowledged_by(cursor), after.acknowledged
    kept = undone.before[cursor.partition]
    return UndoMove(
        partition=cursor.partition,
        stands_at=cursor.acknowledged,
        goes_to=log.position(topic, cursor.partition, after.mark) if after.mark else None,
        after=after,
        comes=less(now, then),
        counts=count(row, cursor, kept, now=now, after=then, dropped=after.dropped, again=after.ranges),
    )


def _leaves_batches(log: Log, row: IndexedPartition | None, cursor: Cursor, move: UndoMove) -> bool:
    return row is None or may_hold_batches(log, row, waits_after(row, cursor, move.after.acknowledged))


def _digest(topic: str, name: str, type: SubscriptionType, undone: Undone, blocked: bool) -> str:
    seen = json.dumps([topic, name, type.value, undone.act, sorted(undone.before), blocked])
    return hashlib.sha256(seen.encode("utf-8", "backslashreplace")).hexdigest()


def _label(place: Position | None) -> str:
    return place.label or place.token if place else "start"
