"""Following a move: what became of the events that it gave a subscription again, until all of them are acknowledged.

The act on the record says which they are. Totals are exact, by ordinals. States are judged as everywhere (``delivery``), of
the first ``MOST_FOLLOWED`` events.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from eventstore.cursors.counted import Ordinals, ordinals_of
from eventstore.cursors.places import Places, acknowledged_by, common, kept_in, less, moved_in, read, size, unspelled
from eventstore.delivery.book import Book
from eventstore.index.lookup import queries
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.models import IndexedPartition
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState, Subscription

MOST_FOLLOWED = 500
"""Events of which each one's state is judged. Takes some 100 milliseconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Affected:
    """What a move did to each partition, in places: what it ``gave`` again, and what it ``took`` from the subscription."""

    gave: Mapping[int, Places]
    took: Mapping[int, Places]


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowedAggregate:
    """An aggregate with how many of its events are in which state. ``next``: its first event that is not acknowledged."""

    type: str
    id: str
    states: Mapping[DeliveryState, int]
    next: Pointer | None

    @property
    def events(self) -> int:
        return sum(self.states.values())

    @property
    def acknowledged(self) -> int:
        return self.states.get(DeliveryState.ACKNOWLEDGED, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """``given`` events are to be delivered because of the move, and so many of them are ``acknowledged``. ``taken`` events it
    skipped. ``None`` where the index does not know a partition.

    ``looked_at`` events are behind ``aggregates``, whose events were given; ``losing`` are those whose events were taken, by
    the first ``MOST_FOLLOWED`` events as well.
    """

    given: int | None
    acknowledged: int | None
    taken: int | None
    looked_at: int
    states: Mapping[DeliveryState, int] = field(default_factory=dict)
    aggregates: Sequence[FollowedAggregate] = ()
    losing: Sequence[FollowedAggregate] = ()

    @property
    def over(self) -> bool:
        """Whether everything that was given is acknowledged, and nothing says otherwise of a single event."""
        return self.given is not None and self.given == self.acknowledged and set(self.states) <= {DeliveryState.ACKNOWLEDGED}


def affected_by(details: Mapping[str, Any], outcome: Mapping[str, Any]) -> Affected | None:
    """What the act on the record did; ``None`` if it keeps nothing of it."""
    comes = unspelled(kept_in(details, "comes"))
    if comes:
        return Affected(gave=comes, took={})
    gave: dict[int, Places] = {}
    took: dict[int, Places] = {}
    gives = kept_in(details, "gives")
    for partition, before in read(kept_in(details, "before")).items():
        moved = moved_in(partition, details, outcome)
        if moved is not None:
            gave[partition] = less(before.acknowledged, moved) if str(partition) in gives else []
            took[partition] = less(moved, before.acknowledged)
    return Affected(gave=gave, took=took) if gave else None


def follow(subscription: Subscription, affected: Affected, book: Book) -> Followed:
    """What has become of it by now, as ``subscription`` and ``book`` know it."""
    rows = queries.partition_rows(subscription.topic)
    cursors = {cursor.partition: cursor for cursor in subscription.cursors}
    given, acknowledged, taken = 0, 0, 0
    places: list[tuple[int, int]] = []
    lost: list[tuple[int, int]] = []
    for partition, gave in affected.gave.items():
        row, cursor = rows.get(partition), cursors.get(partition)
        if row is None or cursor is None:
            return Followed(given=None, acknowledged=None, taken=None, looked_at=0)
        mine, done, skipped = ordinals_of(row, gave, acknowledged_by(cursor), affected.took.get(partition, []))
        given, taken = given + size(mine), taken + size(skipped)
        acknowledged += size(common(mine, done))
        places += _first(row, mine, MOST_FOLLOWED - len(places))
        lost += _first(row, skipped, MOST_FOLLOWED - len(lost))
    pointers = pointers_at(places)
    aggregates = _by_aggregate(pointers, [found[subscription.name].state for found in book.of(pointers)])
    states = Counter[DeliveryState]()
    for one in aggregates:
        states.update(one.states)
    return Followed(
        given=given,
        acknowledged=acknowledged,
        taken=taken,
        looked_at=len(pointers),
        states=states,
        aggregates=aggregates,
        losing=_by_aggregate(missed := pointers_at(lost), [DeliveryState.PASSED_OVER] * len(missed)),
    )


def _first(row: IndexedPartition, ordinals: Ordinals, most: int) -> list[tuple[int, int]]:
    each = (ordinal for low, high in ordinals for ordinal in range(low, high))
    return [(row.pk, ordinal) for ordinal in islice(each, max(0, most))]


def _by_aggregate(pointers: Sequence[Pointer], states: Sequence[DeliveryState]) -> Sequence[FollowedAggregate]:
    """The aggregates, those with most events that are not acknowledged first."""
    counted: dict[tuple[str, str], Counter[DeliveryState]] = {}
    waits: dict[tuple[str, str], Pointer] = {}
    for pointer, state in zip(pointers, states, strict=True):
        key = (pointer.aggregate_type, pointer.aggregate_id)
        counted.setdefault(key, Counter())[state] += 1
        if state is not DeliveryState.ACKNOWLEDGED:
            waits.setdefault(key, pointer)
    found = [
        FollowedAggregate(type=type, id=id, states=each, next=waits.get((type, id))) for (type, id), each in counted.items()
    ]
    return sorted(found, key=lambda one: (one.acknowledged - one.events, one.type, one.id))
