"""Which messages a member may have now, by the subscription's type. Nothing here writes."""

from collections.abc import Iterator, Sequence
from itertools import islice

from eventstore.drivers.database.models import MessageRow
from eventstore.drivers.database.subscriptions import ranges
from eventstore.drivers.database.subscriptions.state import ShardState, SubscriptionState
from eventstore.model.subscriptions import SubscriptionType

LOOK_AHEAD = 2_000
"""How far after its cursor a key-shared subscription looks for a member's keys, so that one look stays short."""


def pick(state: SubscriptionState, type: SubscriptionType, me: int, limit: int) -> dict[int, list[int]]:
    """Return at most ``limit`` numbers for the member ``me``, by the index of their shard in ``state.shards``.

    The shards get equal shares, as far as they have something for it.
    """
    members = [member.pk for member in state.members]
    if me not in members:
        return {}
    picked: dict[int, list[int]] = {}
    turns = [(place, _for_member(state.shards[place], type, members, me)) for place in _in_turn(state, me)]
    while turns and limit > 0:
        share = max(1, limit // len(turns))
        left = []
        for place, numbers in turns:
            taken = list(islice(numbers, min(share, limit)))
            limit -= len(taken)
            if taken:
                picked.setdefault(place, []).extend(taken)
                left.append((place, numbers))
        turns = left
    return picked


def _in_turn(state: SubscriptionState, me: int) -> list[int]:
    """Return the indexes of the shards in the order in which the member gets from them.

    Those of which it holds least come first, and of these the one that has stood for longest. So a partition that is never
    empty keeps no other waiting, however few messages the member asks for.
    """

    def turn(place: int) -> tuple[int, float]:
        shard = state.shards[place]
        return ranges.size(shard.held.get(me, [])), shard.moved.timestamp() if shard.moved else 0.0

    return sorted(range(len(state.shards)), key=turn)


def _for_member(shard: ShardState, type: SubscriptionType, members: Sequence[int], me: int) -> Iterator[int]:
    match type:
        case SubscriptionType.FAILOVER if owner(shard, members) != me:
            return iter(())
        case SubscriptionType.EXCLUSIVE | SubscriptionType.FAILOVER:
            # What another member held before is now this member's, so that the order is kept.
            return ranges.each(shard.unacknowledged_except([shard.held.get(me, [])]))
        case SubscriptionType.KEY_SHARED:
            return _of_my_keys(shard, members, me)
        case _:
            return ranges.each(shard.unacknowledged_except(shard.held.values()))


def owner(shard: ShardState, members: Sequence[int]) -> int:
    """Return the member that has this failover partition: the first member has the first one, and so on in turn."""
    return members[shard.partition % len(members)]


def _of_my_keys(shard: ShardState, members: Sequence[int], me: int) -> Iterator[int]:
    free = shard.unacknowledged_except(shard.held.values())
    if not free:
        return
    with_others = set(ranges.each(pair for member, held in shard.held.items() if member != me for pair in held))
    open_numbers = set(ranges.each(_first(free, LOOK_AHEAD)))
    waiting: set[int | None] = set()
    rows = MessageRow.objects.filter(partition_id=shard.partition_id, number__gt=shard.acknowledged)
    for number, key_hash in rows.order_by("number").values_list("number", "key_hash")[:LOOK_AHEAD]:
        if number in with_others:
            # The key moved to another member while its earlier event is unacknowledged: later events wait for it.
            waiting.add(key_hash)
        elif number in open_numbers and key_hash not in waiting and members[(key_hash or 0) % len(members)] == me:
            yield number


def _first(free: ranges.Ranges, count: int) -> Iterator[tuple[int, int]]:
    for first, last in free:
        if count <= 0:
            return
        yield (first, min(last, first + count - 1))
        count -= last - first + 1
