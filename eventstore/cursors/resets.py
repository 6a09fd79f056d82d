"""Resetting a subscription's cursor: planned and counted first, then done as planned or refused."""

from collections.abc import Mapping
from datetime import datetime

from eventstore.cursors.looks import Look, look
from eventstore.cursors.places import kept_of
from eventstore.cursors.plans import Move, MovePlan, Place
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position
from eventstore.model.log import Edge, Log
from eventstore.model.subscriptions import Cursor, Subscriptions

Target = Edge | datetime | Position
"""Where the subscription continues: an edge, the first event published since a time, or one event (only in its partition)."""

RESET = "reset_cursor"
REMOVED = "Retention has removed that event. Choose the first event, or one that is left."
NOT_YET = "There is no event at that position: the partition ends before it. Choose one of the topic's events."


def plan_reset(log: Log, subscriptions: Subscriptions, topic: str, name: str, target: Target) -> MovePlan:
    """Look at the subscription and work out what moving it to ``target`` would do. Nothing is touched.

    Raises ``StoresOwn`` for a cursor that the store keeps for itself.
    """
    seen = look(log, subscriptions, topic, name)
    places = _places(seen, target)
    starts, aims = _ordinals(seen, places)
    moves = [
        _move(seen, cursor, places[cursor.partition], aims)
        for cursor in seen.subscription.cursors
        if cursor.partition in places
    ]
    behind = seen.is_behind(places)
    return MovePlan(
        verb=RESET,
        topic=topic,
        subscription=name,
        type=seen.subscription.type,
        moves=moves,
        aims=places,
        consumers=seen.subscription.consumers,
        before=kept_of(seen.subscription, places.keys()),
        at_least=behind,
        index_is_behind=behind,
        inside_batches=seen.may_be_handled_inside(places),
        before_retention=[at for at, aim in aims.items() if isinstance(target, datetime) and 0 < aim <= starts[at]],
    )


def _places(seen: Look, target: Target) -> Mapping[int, Place]:
    """Where each partition's cursor goes: a whole message, or an edge."""
    if not isinstance(target, Position):
        return {cursor.partition: _goes_to(seen, cursor.partition, target) for cursor in seen.subscription.cursors}
    cursor = seen.cursor(target)
    place = seen.log.position(seen.topic, target.partition, target.token).message
    if cursor.start is not None and seen.log.entry(place)[1] < cursor.start:
        raise InvalidPosition(REMOVED)
    if cursor.end is None or seen.log.entry(place)[0] >= cursor.end:
        raise InvalidPosition(NOT_YET)
    return {target.partition: place}


def _goes_to(seen: Look, partition: int, target: Edge | datetime) -> Place:
    if isinstance(target, Edge):
        return target
    first = seen.log.first_since(seen.topic, partition, target)
    return first.message if first else Edge.LATEST


def _ordinals(seen: Look, places: Mapping[int, Place]) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """The ordinals of the first event that is left, and of the first one that comes next: of partitions that are indexed."""
    rows = {at: there.partition for at, there in seen.reached.items() if at in places}
    cursors = {cursor.partition: cursor for cursor in seen.subscription.cursors}
    begins = {at: seen.log.entry(place)[0] for at, place in places.items() if isinstance(place, Position) and at in rows}
    left = {at: start for at in rows if (start := cursors[at].start) is not None}
    found = ordinals_in((rows[at], place) for each in (begins, left) for at, place in each.items())
    starts = {at: found[left[at]] if at in left else 0 for at in rows}
    edges = {at: 0 if places[at] is Edge.EARLIEST else row.next_ordinal for at, row in rows.items()}
    aims = {at: found[begins[at]] if at in begins else edge for at, edge in edges.items()}
    return starts, {at: max(aim, starts[at]) for at, aim in aims.items()}


def _move(seen: Look, cursor: Cursor, goes_to: Place, aims: Mapping[int, int]) -> Move:
    """Acknowledged events at or behind the aim come again, and waiting ones before it never."""
    there = seen.reached.get(cursor.partition)
    aim = aims.get(cursor.partition, 0)
    return Move(
        partition=cursor.partition,
        stands_at=cursor.acknowledged,
        goes_to=goes_to,
        way=(cursor.acknowledged, seen.log.entry(goes_to)[0] if isinstance(goes_to, Position) else goes_to),
        reach=there,
        comes_again=there.acknowledged.since(aim) if there else None,
        never_comes=there.waiting.below(aim) if there else None,
    )
