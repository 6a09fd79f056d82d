"""The exact events that hold a subscription up: in each partition that stands, the oldest one that is not acknowledged.

Each is compared with the last event of its type that was acknowledged. That one is searched for by the index, from the newest
acknowledged ordinal backwards, in a bounded number of blocks.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

from eventstore.comparison import Comparison, compare
from eventstore.index.lookup.ordinals import newest_of_type, ordinals_in
from eventstore.index.lookup.pointers import PlaceOf, pointers_at
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.names import Names
from eventstore.model.events import Position
from eventstore.model.pointers import Pointer
from eventstore.streams.rows import Row
from eventstore.subscriptions.progress import Reach, Reached

MOST_BLOCKS = 40
"""Blocks in which the last acknowledged event of a type is searched for: some 10,000 events."""
MOST_HOLDERS = 5
"""Partitions whose first waiting event is compared."""

RowsOf = Callable[[Sequence[Pointer]], list[Row]]
EntryOf = Callable[[Position], tuple[Position, Position]]
"""As ``Log.entry``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """The event at which a partition stands, ``held``, and the last one of its type that was acknowledged, ``handled``.

    Of an unreadable message ``handled`` is the last readable event, as it has no type. It is ``None`` if none is among the
    newest ``searched`` acknowledged events. ``comparison`` is ``None`` if one of the two could not be read.
    """

    partition: int
    held: Row
    handled: Row | None
    comparison: Comparison | None
    searched: int
    batch: int
    """How many events are acknowledged together with ``held``, itself included: more than 1 in a batch."""


def holders(reached: Reached, partitions: Set[int], rows_of: RowsOf, entry_of: EntryOf) -> Sequence[Holder]:
    """Return the events that hold these partitions up, the one that waits longest first, at most ``MOST_HOLDERS``."""
    places = [(number, _first(reached[number])) for number in partitions & reached.keys()]
    first = {place: number for number, place in places if place is not None}
    heads = sorted(pointers_at(list(first)), key=lambda pointer: pointer.published)[:MOST_HOLDERS]
    names = Names()
    found = [_last_handled(reached, head, names) for head in heads]
    handled = {pointer.position: pointer for pointer in pointers_at([place for place, _ in found if place])}
    at = {(reached[p.position.partition].partition.pk, p.ordinal): p for p in handled.values()}
    rows = {row.position: row for row in rows_of([*heads, *handled.values()])}
    batches = _batches(reached, heads, entry_of)
    return [
        _holder(rows[head.position], rows.get(at[place].position) if place in at else None, searched, batch)
        for head, (place, searched), batch in zip(heads, found, batches, strict=True)
    ]


def _batches(reached: Reached, heads: Sequence[Pointer], entry_of: EntryOf) -> Sequence[int]:
    """Return how many events the store acknowledges together with each of these."""
    bounds = [entry_of(head.position) for head in heads]
    edges = ((reached[edge.partition].partition, edge) for bound in bounds for edge in bound)
    ordinals = ordinals_in(edges)
    return [max(1, ordinals[end] - ordinals[before]) for before, end in bounds]


def _holder(held: Row, handled: Row | None, searched: int, batch: int) -> Holder:
    now, before = held.event, handled.event if handled else None
    return Holder(
        partition=held.position.partition,
        held=held,
        handled=handled,
        comparison=compare(now, before) if now is not None and before is not None else None,
        searched=searched,
        batch=batch,
    )


def _first(there: Reach) -> PlaceOf | None:
    ordinal = next(there.waiting.ordinals(), None)
    return None if ordinal is None else (there.partition.pk, ordinal)


def _last_handled(reached: Reached, head: Pointer, names: Names) -> tuple[PlaceOf | None, int]:
    """Return the place of the last acknowledged event of the head's type, its own partition first, and how many events were
    looked through."""
    type = None if head.unreadable else names.known(head.type)
    blocks = 0
    for there in _own_first(reached, head.position.partition):
        ordinal, opened = newest_of_type(there.partition.pk, there.acknowledged, type, MOST_BLOCKS - blocks)
        blocks += opened
        if ordinal is not None:
            return (there.partition.pk, ordinal), blocks * FULL
        if blocks >= MOST_BLOCKS:
            break
    return None, min(blocks * FULL, sum(len(there.acknowledged) for there in reached.values()))


def _own_first(reached: Reached, number: int) -> Iterable[Reach]:
    return sorted(reached.values(), key=lambda there: (there.cursor.partition != number, there.cursor.partition))
