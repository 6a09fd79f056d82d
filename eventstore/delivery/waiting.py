"""What each subscription has yet to handle of one aggregate, counted over all of its events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from eventstore.delivery.book import Book
from eventstore.delivery.judging import Known, Why
from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import ordinals_after
from eventstore.index.lookup.stream_keys import Stretch, ordinals_on
from eventstore.index.models import IndexedPartition, StreamRow
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState
from eventstore.subscriptions.state import State

MOST_LOOKED_AT = 200
"""Events of a stream, from the first that waits for anybody on, that are looked at for one answer."""


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
    """Return every subscription for which events of the aggregate wait, or may; most first."""
    found: dict[tuple[str, str], Waiting] = {}
    for stream in _streams(type, id):
        known = book.of_topic(stream.partition.topic)
        ordinals = _open_ordinals(stream, known) if known else []
        if ordinals:
            all_counted = len(ordinals) <= MOST_LOOKED_AT
            pointers = _pointers(book, stream.partition, ordinals[:MOST_LOOKED_AT])
            for each in _counted(book, pointers, all_counted):
                before = found.get((each.topic, each.name))
                found[each.topic, each.name] = _together(before, each) if before else each
    return sorted(found.values(), key=lambda one: (-one.pending, -one.unknown, one.topic, one.name))


def _pointers(book: Book, partition: IndexedPartition, ordinals: Sequence[int]) -> list[Pointer]:
    """Return the events of these ordinals. Those that the page shows as well are known already."""
    met = {ordinal: book.met(partition.topic, partition.number, ordinal) for ordinal in ordinals}
    missing = [ordinal for ordinal, pointer in met.items() if pointer is None]
    read = queries.at_ordinals(partition, missing) if missing else []
    return sorted([*read, *(pointer for pointer in met.values() if pointer)], key=lambda pointer: pointer.ordinal)


def _streams(type: str, id: str) -> list[StreamRow]:
    return [row for row in queries.streams_of(type, id) if row.partition.ended_at is None]


def _open_ordinals(stream: StreamRow, known: Mapping[str, Known]) -> list[int]:
    """Return the stream's ordinals from the first on that some cursor has not acknowledged, one more than are looked at."""
    partition = stream.partition
    begin = _first_open(partition, known.values())
    if begin is None:
        return []
    stretch = Stretch(
        stream=stream.pk, partition=partition.pk, first_segment=stream.first_segment, last_segment=partition.segment
    )
    return ordinals_on(stretch, begin, MOST_LOOKED_AT + 1)


def _first_open(partition: IndexedPartition, known: Iterable[Known]) -> int | None:
    """Return the first ordinal of the partition that some cursor stands before; ``None`` if all have acknowledged
    everything."""
    cursors = [
        cursor
        for one in known
        if not one.external and one.backlog.state is not State.PHANTOM  # nobody waits there
        for cursor in one.backlog.subscription.cursors
        if cursor.partition == partition.number
    ]
    ordinals = ordinals_after(partition, [cursor.acknowledged for cursor in cursors if cursor.acknowledged])
    stands = [ordinals[cursor.acknowledged] if cursor.acknowledged else 0 for cursor in cursors]
    first = min(stands, default=partition.next_ordinal)
    return first if first < partition.next_ordinal else None


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
