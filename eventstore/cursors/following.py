"""Following a move: what became of the events that it gave a subscription again, until all of them are acknowledged.

The act on the record says which they are. Totals are by ordinals and exact, unless there were more ranges than an act keeps:
then they are the least that is certain. States are judged as everywhere (``delivery``), of
the first ``MOST_FOLLOWED`` events.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from eventstore.actions import Ending, part_name
from eventstore.cursors.counted import Ordinals, ordinals_of
from eventstore.cursors.places import (
    BEYOND,
    MOST_RANGES,
    Places,
    acknowledged_by,
    before_in,
    common,
    failed_in,
    kept_in,
    less,
    moved_in,
    size,
    unspelled,
)
from eventstore.delivery.book import Book
from eventstore.index.lookup import queries
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.models import IndexedPartition
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import Cursor, DeliveryState, Subscription

MOST_FOLLOWED = 500
"""Events of which each one's state is judged. Takes some 100 milliseconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Affected:
    """What a move did to each partition that it moved, in places: what it ``gave`` again, and what it ``took`` from the
    subscription.

    ``gave_more``: it gave other events as well, of which the record does not tell. ``unkept``: partitions of which
    acknowledged ranges were left out, with the token behind which they lie, and the number of their events (``None``: not
    known). So many of ``took`` behind it were not taken at all, and nobody knows which.
    """

    gave: Mapping[int, Places]
    took: Mapping[int, Places]
    gave_more: bool = False
    unkept: Mapping[int, tuple[str, int | None]] = field(default_factory=dict)


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
    skipped. ``None`` where the index does not know a partition. With ``gave_more`` or ``took_more`` it is at least so many.
    ``rests``: nothing waits in the partitions that were moved.

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
    gave_more: bool = False
    took_more: bool = False
    rests: bool = False

    @property
    def over(self) -> bool:
        """Whether everything that was given is acknowledged, and nothing says otherwise of a single event."""
        all_known = self.given is not None and (self.rests or not self.gave_more)
        return all_known and self.given == self.acknowledged and set(self.states) <= {DeliveryState.ACKNOWLEDGED}


@dataclass(kw_only=True, slots=True)
class _Sums:
    """What is counted over all partitions, and the places of the first events."""

    given: int = 0
    acknowledged: int = 0
    taken: int = 0
    took_more: bool = False
    places: list[tuple[int, int]] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)

    def add(self, row: IndexedPartition, cursor: Cursor, affected: Affected) -> None:
        at = cursor.partition
        edge, handled = affected.unkept.get(at, ("", 0))
        took = affected.took.get(at, [])
        mine, done, skipped, known = ordinals_of(row, affected.gave[at], acknowledged_by(cursor), took, [("", edge)])
        sure = common(skipped, known) if at in affected.unkept else skipped
        unsure = size(skipped) - size(sure)
        self.given += size(mine)
        self.acknowledged += size(common(mine, done))
        self.taken += size(sure) + (0 if handled is None else max(0, unsure - handled))
        self.took_more |= bool(unsure)
        self.places += _first(row, mine, MOST_FOLLOWED - len(self.places))
        self.lost += _first(row, sure, MOST_FOLLOWED - len(self.lost))


def affected_by(details: Mapping[str, Any], outcome: Mapping[str, Any]) -> Affected | None:
    """What the act on the record did, in the partitions that it moved; ``None`` if it keeps nothing of it."""
    failed = failed_in(outcome)
    comes = unspelled(kept_in(details, "comes"))
    if comes:
        gave_more = sum(map(len, comes.values())) >= MOST_RANGES or any(name.endswith(BEYOND) for name in failed)
        moved_back = {at: places for at, places in comes.items() if part_name(at) not in failed}
        return Affected(gave=moved_back, took={}, gave_more=gave_more) if moved_back else None
    before = {at: kept for at, kept in before_in(details, outcome).items() if part_name(at) not in failed}
    did = {at: moved for at in before if (moved := moved_in(at, details, outcome)) is not None}
    gives = {at for at in did if str(at) in kept_in(details, "gives")}
    unkept = {at: (before[at].edge, before[at].events_left_out) for at in did if before[at].left_out}
    if not did:
        return None
    return Affected(
        gave={at: less(before[at].acknowledged, moved) if at in gives else [] for at, moved in did.items()},
        took={at: less(moved, before[at].acknowledged) for at, moved in did.items()},
        gave_more=bool(gives & unkept.keys()),
        unkept=unkept,
    )


def taken_by(
    subscription: Subscription, details: Mapping[str, Any], outcome: Mapping[str, Any], *, ended: bool
) -> tuple[Mapping[int, Places], Mapping[int, Places]]:
    """What the move of this act took from the subscription, by partition: for certain, and possibly.

    Possibly: where it is not known whether a cursor was moved, or, of too many ranges, whether they were acknowledged before.
    ``ended``: each partition was moved of which the outcome says nothing else. If it is not known up to where a move to the
    latest edge went, it is up to where the cursor stands now.
    """
    endings = {str(part.get("name")): part.get("outcome") for part in outcome.get("parts", ())}
    marks = {cursor.partition: cursor.acknowledged for cursor in subscription.cursors}
    certain: dict[int, Places] = {}
    possible: dict[int, Places] = {}
    for partition, before in before_in(details, outcome).items():
        ending = endings.get(part_name(partition), Ending.DONE if ended else Ending.UNKNOWN)
        moved = moved_in(partition, details, outcome)
        if ending != Ending.FAILED:
            mark = marks.get(partition)
            spans = [("", mark.token if mark else "")] if moved is None else moved
            (certain if ending == Ending.DONE and not before.left_out else possible)[partition] = less(
                spans, before.acknowledged
            )
    return certain, possible


def as_acknowledged(subscription: Subscription, taken: Mapping[int, Places]) -> Mapping[int, Places]:
    """What of it the subscription has acknowledged by now."""
    cursors = {cursor.partition: cursor for cursor in subscription.cursors}
    return {at: common(spans, acknowledged_by(cursors[at])) for at, spans in taken.items() if at in cursors}


def follow(subscription: Subscription, affected: Affected, book: Book) -> Followed:
    """What has become of it by now, as ``subscription`` and ``book`` know it."""
    rows = queries.partition_rows(subscription.topic)
    cursors = {cursor.partition: cursor for cursor in subscription.cursors}
    sums = _Sums()
    for partition in affected.gave:
        row, cursor = rows.get(partition), cursors.get(partition)
        if row is None or cursor is None:
            return Followed(given=None, acknowledged=None, taken=None, looked_at=0)
        sums.add(row, cursor, affected)
    pointers = pointers_at(sums.places)
    aggregates = _by_aggregate(pointers, [found[subscription.name].state for found in book.of(pointers)])
    states = Counter[DeliveryState]()
    for one in aggregates:
        states.update(one.states)
    return Followed(
        given=sums.given,
        acknowledged=sums.acknowledged,
        taken=sums.taken,
        looked_at=len(pointers),
        states=states,
        aggregates=aggregates,
        losing=_by_aggregate(missed := pointers_at(sums.lost), [DeliveryState.PASSED_OVER] * len(missed)),
        gave_more=affected.gave_more,
        took_more=sums.took_more,
        rests=not any(cursors[partition].backlog for partition in affected.gave),
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
