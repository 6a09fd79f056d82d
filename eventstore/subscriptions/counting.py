"""What waits behind many cursors at once: counted by ordinals, by a handful of queries for all of them together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.lookup.pointers import PlaceOf, published_at
from eventstore.index.models import IndexedPartition, current_partitions
from eventstore.model.events import NO_TIME, Position
from eventstore.model.subscriptions import Cursor, Subscription, left_out

INDEX_IS_FRESH = timedelta(seconds=10)
MOST_TIMELESS = 20
"""Events behind one without a publish time that are looked at for one that has it."""
TOPICS_A_STATEMENT = 500

Indexed = Mapping[int, IndexedPartition]
"""A topic's partitions that the index follows, by number."""

Handled = Sequence[tuple[int, int]]
"""What a cursor has acknowledged in its partition, as ranges of ordinals: (first, behind the last)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """An event that waits, as the index knows it: where it is, and when it was published."""

    position: Position
    published: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Behind:
    """What the index tells of one subscription.

    ``handled``: what is acknowledged, by partition, of those that are indexed; a partition is left out where nobody asks for
    it. ``first``: what waits first there: behind as many as are known to be delayed, one more.
    """

    indexed: Indexed
    handled: Mapping[int, Handled]
    first: Mapping[int, Sequence[Waits]]


def count_behind(subscriptions: Sequence[Subscription], *, counts_events: bool) -> Sequence[Behind]:
    """Return what is behind the cursors of each of these. ``counts_events``: the store itself counts what waits."""
    rows = _partition_rows_of({subscription.topic for subscription in subscriptions})
    ordinals = ordinals_in(
        (partition, edge)
        for subscription in subscriptions
        for cursor, partition in _asked_for(subscription, rows[subscription.topic], counts_events=counts_events)
        for edge in edges_of(cursor)
    )
    handled = [
        {
            cursor.partition: handled_by(cursor, ordinals)
            for cursor, _ in _asked_for(subscription, rows[subscription.topic], counts_events=counts_events)
        }
        for subscription in subscriptions
    ]
    first = _first_waiting_of(subscriptions, rows, handled)
    return [
        Behind(indexed=rows[subscription.topic], handled=handled[number], first=first[number])
        for number, subscription in enumerate(subscriptions)
    ]


def acknowledged_ordinals(partition: IndexedPartition, cursor: Cursor) -> Handled:
    """Everything that the cursor has acknowledged: what it stands behind, and the ranges beyond. However many: few queries."""
    return handled_by(cursor, ordinals_in((partition, edge) for edge in edges_of(cursor)))


def is_fresh(partition: IndexedPartition, now: datetime) -> bool:
    """Whether the index had everything of this partition a moment ago."""
    return partition.caught_up_at is not None and now - partition.caught_up_at <= INDEX_IS_FRESH


def _partition_rows_of(topics: Iterable[str]) -> Mapping[str, Indexed]:
    wanted = sorted(set(topics))
    found: dict[str, dict[int, IndexedPartition]] = {topic: {} for topic in wanted}
    for start in range(0, len(wanted), TOPICS_A_STATEMENT):
        for row in current_partitions().filter(topic__in=wanted[start : start + TOPICS_A_STATEMENT]):
            found[row.topic][row.number] = row
    return found


def _asked_for(
    subscription: Subscription, indexed: Indexed, *, counts_events: bool
) -> Iterator[tuple[Cursor, IndexedPartition]]:
    for cursor in subscription.cursors:
        partition = indexed.get(cursor.partition)
        if partition is not None and (cursor.backlog or not counts_events):
            yield cursor, partition


def edges_of(cursor: Cursor) -> Iterator[Position]:
    """Yield the places that bound what the cursor has acknowledged."""
    if cursor.acknowledged:
        yield cursor.acknowledged
    for hole in cursor.holes:
        yield from hole


def handled_by(cursor: Cursor, ordinals: Mapping[Position, int]) -> Handled:
    """Return what the cursor has acknowledged. ``ordinals`` are those behind each of its edges."""
    behind = ordinals[cursor.acknowledged] if cursor.acknowledged else 0
    return [(0, behind), *((ordinals[start], ordinals[end]) for start, end in cursor.holes)]


def _first_waiting_of(
    subscriptions: Sequence[Subscription], rows: Mapping[str, Indexed], handled: Sequence[Mapping[int, Handled]]
) -> Sequence[Mapping[int, Sequence[Waits]]]:
    """Read what waits first of all of them at once, and then once more where that has no publish time."""
    wanted: list[dict[int, list[int]]] = []
    more: list[dict[int, list[int]]] = []
    for subscription, done in zip(subscriptions, handled, strict=True):
        wanted.append({})
        more.append({})
        for cursor in subscription.cursors:
            if cursor.backlog and cursor.partition in done:
                partition = rows[subscription.topic][cursor.partition]
                ordinals = left_out(done[cursor.partition], partition.next_ordinal)
                wanted[-1][cursor.partition] = list(islice(ordinals, len(cursor.due) + 1))
                more[-1][cursor.partition] = list(islice(ordinals, MOST_TIMELESS))
    found = _read(subscriptions, rows, wanted)
    timeless = [
        {number: further[number] for number, waits in first.items() if waits[-1].published == NO_TIME}
        for first, further in zip(found, more, strict=True)
    ]
    for first, further in zip(found, _read(subscriptions, rows, timeless), strict=True):
        for number, waits in further.items():  # how long has the next one waited whose time is known?
            first[number] = [*first[number], *waits]
    return found


def _read(
    subscriptions: Sequence[Subscription], rows: Mapping[str, Indexed], wanted: Sequence[Mapping[int, Sequence[int]]]
) -> list[dict[int, Sequence[Waits]]]:
    places = {
        (rows[subscription.topic][number].pk, ordinal)
        for subscription, each in zip(subscriptions, wanted, strict=True)
        for number, ordinals in each.items()
        for ordinal in ordinals
    }
    there = published_at(places) if places else {}
    return [
        {
            number: waits
            for number, ordinals in each.items()
            if (waits := _waits(subscription.topic, rows[subscription.topic][number], ordinals, there))
        }
        for subscription, each in zip(subscriptions, wanted, strict=True)
    ]


def _waits(
    topic: str, partition: IndexedPartition, ordinals: Sequence[int], there: Mapping[PlaceOf, tuple[str, datetime]]
) -> list[Waits]:
    found = [there[partition.pk, ordinal] for ordinal in ordinals if (partition.pk, ordinal) in there]
    return [
        Waits(position=Position(topic=topic, partition=partition.number, token=token), published=published)
        for token, published in found
    ]
