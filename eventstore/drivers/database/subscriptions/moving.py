"""Moves cursors: resets and restores them, and acknowledges for the members. All partitions in one transaction, or none."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import transaction

from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import CursorRow, HoldingRow, MemberRow, SubscriptionRow
from eventstore.drivers.database.names import subscription_row
from eventstore.drivers.database.positions import last_number, number_of, position_of
from eventstore.drivers.database.subscriptions import ranges
from eventstore.drivers.database.subscriptions.listing import locked
from eventstore.drivers.database.subscriptions.state import ShardState, state_of
from eventstore.model.cursor_moves import MOVED_BACK, CursorMove, CursorPlace, MoveResult, Range
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position
from eventstore.model.log import Edge

Stand = tuple[int, list[tuple[int, int]]]
"""The last number up to which everything is acknowledged, and the ranges acknowledged beyond it."""


def reset_cursor(topic: str, name: str, targets: Mapping[int, Position | Edge]) -> Sequence[CursorMove]:
    """Each partition's result. The cursors are read back before anybody else can move them."""
    found = subscription_row(topic, name)
    with transaction.atomic(using=STORE):
        row = locked(found.pk)
        shards = {shard.partition: shard for shard in state_of(row).shards}
        places: dict[int, Stand] = {
            number: (_target(topic, number, shards.get(number), target) - 1, []) for number, target in targets.items()
        }
        return _put(row, shards, places)


def restore_cursor(topic: str, name: str, places: Mapping[int, CursorPlace]) -> Sequence[CursorMove]:
    """As ``reset_cursor``, with the ranges acknowledged beyond each place."""
    found = subscription_row(topic, name)
    with transaction.atomic(using=STORE):
        row = locked(found.pk)
        shards = {shard.partition: shard for shard in state_of(row).shards}
        return _put(row, shards, {at: _stand(topic, at, shards.get(at), place) for at, place in places.items()})


def acknowledge(topic: str, name: str, wanted: Mapping[int, Sequence[Range]]) -> Sequence[CursorMove]:
    """Acknowledge these ranges for the members, who no longer hold anything of them."""
    found = subscription_row(topic, name)
    with transaction.atomic(using=STORE):
        row = locked(found.pk)
        return _taken(topic, row, {shard.partition: shard for shard in state_of(row).shards}, wanted)


def skip(topic: str, name: str, ends: Mapping[int, Position], behind: Mapping[int, Position | None]) -> Sequence[CursorMove]:
    """Acknowledge everything up to these messages for the members, who no longer hold anything of it. A cursor that stands
    before the place that it was seen ``behind`` stays where it is."""
    found = subscription_row(topic, name)
    with transaction.atomic(using=STORE):
        row = locked(found.pk)
        shards = {shard.partition: shard for shard in state_of(row).shards}
        for partition, end in ends.items():
            _target(topic, partition, shards.get(partition), end)
        seen = {at: -1 if place is None else last_number(place, topic, at) for at, place in behind.items()}
        back = {at for at in ends if shards[at].acknowledged < seen.get(at, -1)}
        wanted = {at: [(position_of(topic, at, 0).beginning, end)] for at, end in ends.items() if at not in back}
        refused = [
            CursorMove(partition=at, result=MoveResult.NOT_MOVED, reason=MOVED_BACK, stood=_place(topic, shards[at]))
            for at in sorted(back)
        ]
        return [*_taken(topic, row, shards, wanted), *refused]


def _taken(
    topic: str, row: SubscriptionRow, shards: Mapping[int, ShardState], wanted: Mapping[int, Sequence[Range]]
) -> Sequence[CursorMove]:
    taken = {at: _numbers(topic, at, shards.get(at), one) for at, one in wanted.items()}
    now = datetime.now(UTC)
    stood = {partition: _place(topic, shards[partition]) for partition in taken}
    for partition, numbers in taken.items():
        shard = shards[partition]
        mark, holes = _stand_with([(-1, shard.acknowledged)], shard.holes, numbers)
        moved = now if mark > shard.acknowledged else shard.moved
        CursorRow.objects.filter(pk=shard.cursor_id).update(acknowledged=mark, holes=ranges.dumps(holes), moved=moved)
        _let_go(shard, numbers)
    if taken:
        SubscriptionRow.objects.filter(pk=row.pk).update(moved=now)
    return [CursorMove(partition=partition, result=MoveResult.MOVED, stood=stood[partition]) for partition in taken]


def _place(topic: str, shard: ShardState) -> CursorPlace:
    def place(number: int) -> Position:
        return position_of(topic, shard.partition, number)

    return CursorPlace(
        acknowledged=None if shard.acknowledged < 0 else place(shard.acknowledged),
        holes=[(place(first - 1), place(last)) for first, last in ranges.union(shard.holes)],
    )


def _put(row: SubscriptionRow, shards: Mapping[int, ShardState], places: Mapping[int, Stand]) -> Sequence[CursorMove]:
    if not places:
        return []
    now = datetime.now(UTC)
    for partition, (mark, holes) in places.items():
        stands = {"acknowledged": mark, "holes": ranges.dumps(holes), "moved": now}
        CursorRow.objects.filter(pk=shards[partition].cursor_id).update(**stands)
    # As on a broker: all members are disconnected, and nobody holds what they had.
    MemberRow.objects.filter(subscription=row).delete()
    SubscriptionRow.objects.filter(pk=row.pk).update(resets=row.resets + 1, moved=now)
    found = {shard.partition: (shard.acknowledged, shard.holes) for shard in state_of(row).shards}
    return [_result(row.topic.name, shards[at], found[at] == place) for at, place in places.items()]


def _result(topic: str, shard: ShardState, moved: bool) -> CursorMove:
    partition, stood = shard.partition, _place(topic, shard)
    if moved:
        return CursorMove(partition=partition, result=MoveResult.MOVED, stood=stood)
    reason = "The store did not move this cursor: read back, it stands elsewhere."
    return CursorMove(partition=partition, result=MoveResult.NOT_MOVED, reason=reason, stood=stood)


def _stand(topic: str, partition: int, shard: ShardState | None, place: CursorPlace) -> Stand:
    mark = -1 if place.acknowledged is None else last_number(place.acknowledged, topic, partition)
    beyond = _numbers(topic, partition, shard, place.holes)
    if shard is None or mark > shard.end:
        raise InvalidPosition("The topic ends before this place, so it cannot be one of its own. Nothing was moved.")
    return _stand_with([(-1, mark)], beyond)


def _stand_with(*several: Sequence[tuple[int, int]]) -> Stand:
    (_, mark), *holes = ranges.union(*several)
    return mark, holes


def _numbers(topic: str, partition: int, shard: ShardState | None, wanted: Sequence[Range]) -> list[tuple[int, int]]:
    """The messages of these ranges, first and last, as far as they are there."""
    if shard is None:
        raise InvalidPosition(f"The topic has no partition {partition}. Choose a position of one of its own.")
    pairs = [
        (last_number(start, topic, partition) + 1, min(last_number(end, topic, partition), shard.end)) for start, end in wanted
    ]
    return ranges.union((first, last) for first, last in pairs if first <= last)


def _let_go(shard: ShardState, numbers: Sequence[tuple[int, int]]) -> None:
    for holding in HoldingRow.objects.filter(cursor_id=shard.cursor_id):
        held = ranges.loads(holding.numbers)
        left = ranges.less(held, numbers)
        if left != held:
            HoldingRow.objects.filter(pk=holding.pk).update(numbers=ranges.dumps(left))


def _target(topic: str, partition: int, shard: ShardState | None, target: Position | Edge) -> int:
    if shard is None:
        raise InvalidPosition(f"The topic has no partition {partition}. Choose a position of one of its own.")
    if isinstance(target, Edge):
        return 0 if target is Edge.EARLIEST else shard.end + 1
    number = number_of(target, topic, partition)
    if number > shard.end:
        raise InvalidPosition("There is no event at this position. Choose one that is there, or the latest edge.")
    return number
