"""Skipping events that wait: this one, so many, all before an event, all before a time, or all. Planned, then done as planned.

Every skip is worked out as places: in each partition, the last message that is skipped. Exactly the events that the plan
lists are skipped, whatever is published meanwhile. A message that holds several events is skipped whole, as the store
acknowledges it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from eventstore.cursors.looks import Look
from eventstore.cursors.places import kept_of
from eventstore.cursors.plans import Move, MovePlan, Way
from eventstore.index.lookup.ordinals import Ranges
from eventstore.model.errors import NothingToMove
from eventstore.model.events import Position
from eventstore.subscriptions.progress import Reach

SKIP_EVENT, SKIP_COUNT, SKIP_BEFORE, CLEAR, EXPIRE = (
    "skip_event",
    "skip_events",
    "skip_before",
    "clear_backlog",
    "expire_events",
)

Ends = Mapping[int, Position]
"""The last message that is skipped, by partition: what a preview has worked out, and a confirmation asks for."""

NOT_READ = "The index has not read that event yet, so it cannot be counted. Nothing was moved: try again in a moment."
HANDLED = "That event does not wait in this subscription: it is acknowledged already. Nothing was moved."
NOTHING_BEFORE = "No event waits before that one in its partition, so there is nothing to skip. Nothing was moved."
NOTHING_WAITS = "No event waits there, so there is nothing to skip. Nothing was moved."
IN_THE_WAY = (
    "Others before that event wait, the subscription is exclusive, and its consumer is connected, so the event cannot be "
    "skipped alone. Nothing was moved: stop the consumer first, or skip what is before the event and then the event."
)
NOT_PAST = "That time has not come yet. Choose one that has passed. Nothing was moved."
WHICH = "The topic has several partitions, and each has its own next event. Say in which one events are to be skipped."


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """So many events that wait first in a partition; ``None`` where the topic has but one."""

    events: int
    partition: int | None = None


def skip_event(seen: Look, event: Position) -> MovePlan:
    """This event alone, with its whole message."""
    there = seen.indexed(seen.cursor(event).partition)
    before, end = seen.log.entry(seen.log.position(seen.topic, event.partition, event.message.token))
    if end.token > there.partition.checkpoint and event.token > there.partition.checkpoint:
        raise NothingToMove(NOT_READ)
    first, behind = (seen.ordinals_after({event.partition: place})[event.partition] for place in (before, end))
    own = there.waiting.since(first).below(behind)
    if not len(own):
        raise NothingToMove(HANDLED)
    alone = bool(len(there.waiting.below(first)))
    if alone and seen.blocked:
        raise NothingToMove(IN_THE_WAY)
    move = _skip(there, (before if alone else there.cursor.acknowledged, end), end, own, alone=alone)
    return _plan(SKIP_EVENT, seen, [move], {event.partition: end})


def skip_count(seen: Look, count: Count) -> MovePlan:
    """So many events that wait first. If the last of them is in a batch, the rest of the batch as well."""
    partition = count.partition
    if partition is None:
        if len(seen.subscription.cursors) != 1:
            raise NothingToMove(WHICH)
        partition = seen.subscription.cursors[0].partition
    there = seen.indexed(partition)
    last = there.waiting.nth(count.events)
    below = there.partition.next_ordinal if last is None else last + 1
    return _up_to(SKIP_COUNT, seen, seen.messages_before({partition: below}), NOTHING_WAITS)


def skip_before(seen: Look, event: Position) -> MovePlan:
    """Everything that waits before this event in its partition: the event is the next one."""
    seen.indexed(seen.cursor(event).partition)
    place = seen.log.position(seen.topic, event.partition, event.message.token)
    below = seen.ordinals_after({event.partition: seen.log.entry(place)[0]})
    return _up_to(SKIP_BEFORE, seen, seen.messages_before(below), NOTHING_BEFORE)


def clear(seen: Look, ends: Ends | None) -> MovePlan:
    """Everything that waits now, as far as the index has read it; once previewed, exactly up to those places."""
    return _up_to(CLEAR, seen, _everything(seen) if ends is None else ends, NOTHING_WAITS)


def expire(seen: Look, before: datetime | Ends) -> MovePlan:
    """Everything that waits and lies before the first event published since a time; once previewed, up to those places."""
    if not isinstance(before, datetime):
        return _up_to(EXPIRE, seen, before, NOTHING_WAITS)
    if before > timezone.now():
        raise NothingToMove(NOT_PAST)
    waiting = [cursor.partition for cursor in seen.subscription.cursors if cursor.backlog]
    first = {at: seen.log.first_since(seen.topic, at, before) for at in waiting}
    since = {at: seen.log.entry(place)[0] for at, place in first.items() if place is not None and seen.indexed(at)}
    whole = {at: seen.indexed(at).partition.next_ordinal for at, place in first.items() if place is None}
    return _up_to(EXPIRE, seen, seen.messages_before({**whole, **seen.ordinals_after(since)}), NOTHING_WAITS)


def _everything(seen: Look) -> Ends:
    waiting = [cursor.partition for cursor in seen.subscription.cursors if cursor.backlog]
    return seen.messages_before({at: seen.indexed(at).partition.next_ordinal for at in waiting})


def _up_to(verb: str, seen: Look, ends: Ends, otherwise: str) -> MovePlan:
    """Skip what waits up to these places. Raises ``NothingToMove`` with ``otherwise`` if nothing does."""
    for end in ends.values():
        seen.indexed(seen.cursor(end).partition)
        seen.log.entry(end)  # raises for a place that is none of this store's
    below = seen.ordinals_after(ends)
    moves = []
    for at, end in sorted(ends.items()):
        there = seen.reached[at]
        never_comes = there.waiting.below(below[at])
        if len(never_comes):
            moves.append(_skip(there, (there.cursor.acknowledged, end), end, never_comes))
    if not moves:
        raise NothingToMove(otherwise)
    return _plan(verb, seen, moves, ends)


def _skip(there: Reach, way: Way, end: Position, never_comes: Ranges, *, alone: bool = False) -> Move:
    """Nothing comes again: what is acknowledged stays so."""
    return Move(
        partition=there.cursor.partition,
        stands_at=there.cursor.acknowledged,
        goes_to=end,
        way=way,
        reach=there,
        comes_again=Ranges(()),
        never_comes=never_comes,
        alone=alone,
    )


def _plan(verb: str, seen: Look, moves: Sequence[Move], ends: Ends) -> MovePlan:
    return MovePlan(
        verb=verb,
        topic=seen.topic,
        subscription=seen.subscription.name,
        type=seen.subscription.type,
        moves=moves,
        aims=ends,
        consumers=seen.subscription.consumers,
        before=kept_of(seen.subscription, {move.partition for move in moves}),
        index_is_behind=seen.is_behind(ends),
        inside_batches=seen.may_be_handled_inside(ends),
    )
