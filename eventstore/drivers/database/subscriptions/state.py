"""A subscription at one moment: its cursors, who is connected, and who holds what."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from eventstore.drivers.database.models import CursorRow, HoldingRow, MemberRow, SubscriptionRow
from eventstore.drivers.database.subscriptions import ranges

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
    members = MemberRow.objects.filter(subscription_id__in=ids, heartbeat__gt=datetime.now(UTC) - GONE_AFTER).order_by("pk")
    of_subscription: dict[int, SubscriptionState] = {pk: SubscriptionState(shards=[], members=[]) for pk in ids}
    for member in members:
        of_subscription[member.subscription_id].members.append(member)
    held = _held({member.pk for state in of_subscription.values() for member in state.members})
    cursors = CursorRow.objects.filter(subscription_id__in=ids).select_related("partition")
    for cursor in cursors.order_by("partition__number"):
        of_subscription[cursor.subscription_id].shards.append(_shard(cursor, held[cursor.pk]))
    return of_subscription


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
