"""What each subscription has yet to handle of one aggregate, counted over all of its events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from eventstore.delivery.book import Book
from eventstore.delivery.judging import Why
from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.lookup.pointers import pointers_by_place
from eventstore.index.lookup.stream_keys import ordinals_on_each, stretch_of
from eventstore.index.models import IndexedPartition
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState
from eventstore.subscriptions.state import State

MOST_LOOKED_AT, MOST_OF_ALL, FEWEST = 200, 2_000, 5
"""Events of a stream, from the first that waits for anybody on, that are looked at for one answer: at most; of all streams
together; and of each where there are many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """How many of an aggregate's events one subscription of one topic has yet to handle.

    ``stuck`` are those of ``pending`` whose partition's cursor stands still; ``first`` is the first of all. ``unknown`` events
    may have been acknowledged inside their batch. ``all_counted``: otherwise there may be more of both.
    """

    topic: str
    name: str
    pending: int
    stuck: int
    unknown: int
    first: Pointer | None
    all_counted: bool


def waiting_of(book: Book, type: str, id: str) -> Sequence[Waiting]:
    """Return every subscription for which events of the aggregate wait, or may; most first. A few queries, however many
    streams it has."""
    streams = [row for row in queries.streams_of(type, id) if row.partition.ended_at is None]
    begins = _first_open([row.partition for row in streams if book.of_topic(row.partition.topic)], book)
    waits = [row for row in streams if row.partition.pk in begins]
    most = min(MOST_LOOKED_AT, max(FEWEST, MOST_OF_ALL // max(1, len(waits))))
    ordinals = ordinals_on_each([(stretch_of(row), begins[row.partition.pk]) for row in waits], most + 1)
    pointers = _pointers(book, {row.partition: ordinals[row.pk][:most] for row in waits})
    book.of([pointer for of_one in pointers.values() for pointer in of_one])  # once for all that follows
    found: dict[tuple[str, str], Waiting] = {}
    for row in waits:
        if here := pointers[row.partition]:
            for each in _counted(book, here, len(ordinals[row.pk]) <= most):
                before = found.get((each.topic, each.name))
                found[each.topic, each.name] = _together(before, each) if before else each
    return sorted(found.values(), key=lambda one: (-one.pending, -one.unknown, one.topic, one.name))


def _pointers(book: Book, ordinals: Mapping[IndexedPartition, Sequence[int]]) -> Mapping[IndexedPartition, Sequence[Pointer]]:
    """Return the events of these ordinals, in order. Those that the page shows as well are known already."""
    met = {(row, ordinal): book.met(row.topic, row.number, ordinal) for row, some in ordinals.items() for ordinal in some}
    read = pointers_by_place([(row.pk, ordinal) for (row, ordinal), pointer in met.items() if pointer is None])
    found = {(row, ordinal): pointer or read.get((row.pk, ordinal)) for (row, ordinal), pointer in met.items()}
    return {row: [there for ordinal in sorted(some) if (there := found[row, ordinal])] for row, some in ordinals.items()}


def _first_open(partitions: Iterable[IndexedPartition], book: Book) -> Mapping[int, int]:
    """Return the first ordinal of each partition that some cursor stands before, by row. Those are left out in which all have
    acknowledged everything."""
    cursors = [
        (partition, cursor.acknowledged)
        for partition in partitions
        for one in book.of_topic(partition.topic).values()
        if not one.external and one.backlog.state is not State.PHANTOM  # nobody waits there
        for cursor in one.backlog.subscription.cursors
        if cursor.partition == partition.number
    ]
    ordinals = ordinals_in((partition, place) for partition, place in cursors if place)
    first: dict[int, int] = {}
    for partition, place in cursors:
        stands = ordinals[place] if place else 0
        if stands < min(first.get(partition.pk, stands + 1), partition.next_ordinal):
            first[partition.pk] = stands
    return first


def _counted(book: Book, pointers: Sequence[Pointer], all_counted: bool) -> Iterator[Waiting]:
    each = list(zip(pointers, book.of(pointers), strict=True))
    for name in book.of_topic(pointers[0].position.topic):
        here = [(pointer, deliveries[name]) for pointer, deliveries in each]
        pending = [pointer for pointer, delivery in here if delivery.waits]
        unknown = sum(delivery.why is Why.INSIDE_BATCH for _, delivery in here)
        if pending or unknown:
            yield Waiting(
                topic=pointers[0].position.topic,
                name=name,
                pending=len(pending),
                stuck=sum(delivery.state is DeliveryState.STUCK for _, delivery in here),
                unknown=unknown,
                first=next(iter(pending), None),
                all_counted=all_counted,
            )


def _together(one: Waiting, other: Waiting) -> Waiting:
    firsts = [each.first for each in (one, other) if each.first is not None]
    return Waiting(
        topic=one.topic,
        name=one.name,
        pending=one.pending + other.pending,
        stuck=one.stuck + other.stuck,
        unknown=one.unknown + other.unknown,
        first=min(firsts, key=lambda first: first.published, default=None),
        all_counted=one.all_counted and other.all_counted,
    )
