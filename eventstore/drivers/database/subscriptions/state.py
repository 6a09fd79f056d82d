"""A subscription at one moment: its cursors, who is connected, and who holds what."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import BigIntegerField, DateTimeField, QuerySet

from eventstore.drivers.database.models import CursorRow, HoldingRow, MemberRow, SubscriptionRow
from eventstore.drivers.database.subscriptions import ranges
from eventstore.prepared import Prepared

GONE_AFTER = timedelta(seconds=10)
"""A member without a heartbeat for this long counts as gone."""


@dataclass(slots=True, kw_only=True)
class ShardState:
    """A cursor with the end of its partition and, by member's id, what its members hold."""

    cursor_id: int
    partition_id: int
    partition: int
    acknowledged: int
    holes: list[tuple[int, int]]
    end: int
    """The number of the last message; -1 if there is none."""
    moved: datetime | None = None
    placed: datetime | None = None
    held: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @property
    def backlog(self) -> int:
        return self.end - self.acknowledged - ranges.size(self.holes)

    def unacknowledged_except(self, held: Iterable[ranges.Ranges]) -> list[tuple[int, int]]:
        """Return what is neither acknowledged nor held in one of these."""
        return list(ranges.gaps(ranges.union(self.holes, *held), self.acknowledged + 1, self.end))


@dataclass(slots=True, kw_only=True)
class SubscriptionState:
    shards: list[ShardState]
    """In order of partition."""
    members: list[MemberRow]
    """The members that are alive, in the order in which they joined."""

    def held_by(self, member: int) -> int:
        return sum(ranges.size(shard.held.get(member, [])) for shard in self.shards)


def state_of(subscription: SubscriptionRow) -> SubscriptionState:
    return states_of([subscription])[subscription.pk]


def states_of(subscriptions: Sequence[SubscriptionRow]) -> Mapping[int, SubscriptionState]:
    """Return the states by subscription id, in three queries for any number of subscriptions."""
    ids = [row.pk for row in subscriptions]
    alive = datetime.now(UTC) - GONE_AFTER
    one = ids[0] if len(ids) == 1 else None
    members = _MEMBERS(one=one, alive=alive) if one is not None else _members(alive).filter(subscription_id__in=ids)
    of_subscription: dict[int, SubscriptionState] = {pk: SubscriptionState(shards=[], members=[]) for pk in ids}
    for member in members:
        of_subscription[member.subscription_id].members.append(member)
    held = _held({member.pk for state in of_subscription.values() for member in state.members})
    for cursor in _CURSORS(one=one) if one is not None else _cursors().filter(subscription_id__in=ids):
        of_subscription[cursor.subscription_id].shards.append(_shard(cursor, held[cursor.pk]))
    return of_subscription


def _members(alive: datetime) -> "QuerySet[MemberRow]":
    return MemberRow.objects.filter(heartbeat__gt=alive).order_by("pk")


def _cursors() -> "QuerySet[CursorRow]":
    return CursorRow.objects.select_related("partition").order_by("partition__number")


_MEMBERS = Prepared(
    lambda one, alive: _members(alive).filter(subscription_id=one), one=BigIntegerField(), alive=DateTimeField()
)
_CURSORS = Prepared(lambda one: _cursors().filter(subscription_id=one), one=BigIntegerField())


def _held(members: set[int]) -> Mapping[int, dict[int, list[tuple[int, int]]]]:
    by_cursor: dict[int, dict[int, list[tuple[int, int]]]] = defaultdict(dict)
    if members:
        for row in HoldingRow.objects.filter(member_id__in=members):
            by_cursor[row.cursor_id][row.member_id] = ranges.loads(row.numbers)
    return by_cursor


def _shard(cursor: CursorRow, held: dict[int, list[tuple[int, int]]]) -> ShardState:
    return ShardState(
        cursor_id=cursor.pk,
        partition_id=cursor.partition_id,
        partition=cursor.partition.number,
        acknowledged=cursor.acknowledged,
        holes=ranges.loads(cursor.holes),
        end=cursor.partition.next_number - 1,
        moved=cursor.moved,
        placed=cursor.placed,
        held=held,
    )
