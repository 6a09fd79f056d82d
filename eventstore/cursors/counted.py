"""Spans of places as spans of ordinals, and what an undo does in events, counted by them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from eventstore.cursors.places import Kept, Places, common, less, size
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.lookup.pointers import published_at
from eventstore.index.models import IndexedPartition
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.subscriptions import Cursor

Ordinals = list[tuple[int, int]]
"""Spans of ordinals: the first, and the one behind the last."""

MOST_LOOKED_AT = 500
"""Events among which a batch is looked for. If there are more, one is taken to be among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What an undo does, in events; ``None`` where the index does not know the partition.

    - ``comes`` are delivered because of it.
    - ``twice`` were acknowledged, before the move or since, and are delivered once more all the same; at most so many, where
      ranges were left out with the move.
    - ``called_off`` wait now, and are not delivered: they were acknowledged before the move.
    - ``gone``: the move skipped them, and the store has removed them since. Nothing delivers them.
    - ``again`` are acknowledged once more, beyond the place to which the cursor goes back.
    """

    comes: int | None = 0
    twice: int | None = 0
    called_off: int | None = 0
    gone: int | None = 0
    again: int | None = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            comes=_sum(self.comes, other.comes),
            twice=_sum(self.twice, other.twice),
            called_off=_sum(self.called_off, other.called_off),
            gone=_sum(self.gone, other.gone),
            again=_sum(self.again, other.again),
        )


UNKNOWN = Counts(comes=None, twice=None, called_off=None, gone=None, again=None)


def ordinals_of(row: IndexedPartition, *several: Places) -> list[Ordinals]:
    """Return each of these sets in ordinals. A few queries for all of them, however many spans they have."""

    def at(token: str) -> Position:
        return Position(topic=row.topic, partition=row.number, token=token)

    tokens = {token for spans in several for span in spans for token in span if token}
    known = ordinals_in((row, at(token)) for token in tokens)
    number = {"": 0} | {token: known[at(token)] for token in tokens}
    return [[(number[low], number[high]) for low, high in spans if number[low] < number[high]] for spans in several]


def count(
    row: IndexedPartition | None, cursor: Cursor, kept: Kept, *, now: Places, after: Places, dropped: Places, again: Places
) -> Counts:
    """Count what an undo does in a partition. ``now`` and ``after`` are acknowledged before and after it. ``dropped`` ought to
    be as well. ``again`` lies beyond the place."""
    if row is None:
        return UNKNOWN
    start = cursor.start.token if cursor.start else ""
    is_now, then, lost, once_more, removed, known = ordinals_of(
        row, now, after, dropped, again, [("", start)], [("", kept.edge)]
    )
    opened = less(is_now, then)
    gone = size(common(opened, removed))
    waits = less([(0, row.next_ordinal)], [*then, *removed, *lost, *known])
    left_out = None if kept.events_left_out is None else min(kept.events_left_out, size(waits))
    return Counts(
        comes=size(opened) - gone,
        twice=None if left_out is None else size(less(lost, removed)) + left_out,
        called_off=size(less(less(then, is_now), removed)),
        gone=gone,
        again=size(less(once_more, removed)),
    )


def waits_after(row: IndexedPartition, cursor: Cursor, acknowledged: Places) -> Iterator[int]:
    """Yield the ordinals that are left and not acknowledged."""
    done, removed = ordinals_of(row, acknowledged, [("", cursor.start.token if cursor.start else "")])
    return (ordinal for low, high in less([(0, row.next_ordinal)], [*done, *removed]) for ordinal in range(low, high))


def may_hold_batches(log: Log, row: IndexedPartition, ordinals: Iterable[int]) -> bool:
    """Whether several messages among these events share an entry, as in a batch; also where there are too many to look at."""
    places = [(row.pk, ordinal) for ordinal in islice(ordinals, MOST_LOOKED_AT + 1)]
    if len(places) > MOST_LOOKED_AT:
        return True
    messages = {log.position(row.topic, row.number, token).message for token, _ in published_at(places).values()}
    return len({log.entry(message)[1] for message in messages}) < len(messages)


def fitting(row: IndexedPartition | None, spans: Places, most: int) -> tuple[Places, Places]:
    """Return as many of the spans as hold no more than ``most`` events together, and the others; where the index does not know
    the partition, as many spans."""
    fits: Places = []
    others: Places = []
    sizes = _sizes(row, spans)
    for span, events in zip(spans, sizes, strict=True):
        if events <= most:
            fits.append(span)
            most -= events
        else:
            others.append(span)
    return fits, others


def _sizes(row: IndexedPartition | None, spans: Places) -> Sequence[int]:
    if row is None:
        return [1] * len(spans)
    if not spans:
        return []
    each = ordinals_of(row, *([span] for span in spans))
    return [size(one) for one in each]


def sum_of(counts: Iterable[Counts]) -> Counts:
    """Of all partitions together."""
    total = Counts()
    for each in counts:
        total += each
    return total


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
