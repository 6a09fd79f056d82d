"""Asking the index. Every answer is bounded; pages go on from the last thing seen, never from a number of rows."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from eventstore.events import Page, Position
from eventstore.index.models import AggregateRow, IndexedPartition, PointerRow, StreamRow
from eventstore.index.pointers import Aggregate, AggregateType, IndexedTopic, Pointer, StreamSummary
from eventstore.merging import Item, Lane

DB = "index"
SAME_CONVERSATION = 200
MOST_COUNTED = 1_000
"""Beyond so many, a count is "so many or more": nobody waits for the exact number."""


def indexed_topics() -> list[IndexedTopic]:
    """The topics that the index follows, by name."""
    rows = (
        IndexedPartition.objects.using(DB)
        .values("topic", "kind")
        .annotate(
            partitions=Count("id"),
            events=Sum("next_ordinal"),
            oldest_caught_up=Min("caught_up_at"),
            caught_up=Count("caught_up_at"),
        )
        .order_by("topic")
    )
    return [
        IndexedTopic(
            topic=row["topic"],
            kind=row["kind"],
            partitions=row["partitions"],
            events=row["events"],
            caught_up_at=row["oldest_caught_up"] if row["caught_up"] == row["partitions"] else None,
        )
        for row in rows
    ]


def topic_named(name: str) -> IndexedTopic | None:
    """The indexed topic of this name, or the only one whose last part it is."""
    topics = indexed_topics()
    exact = [topic for topic in topics if topic.topic == name]
    short = [topic for topic in topics if topic.topic.rpartition("/")[2] == name]
    found = exact or short
    return found[0] if len(found) == 1 else None


def aggregate_types() -> list[AggregateType]:
    """The types, by name. Adds up all aggregates each time: some tenths of a second for 100,000 of them."""
    rows = (
        AggregateRow.objects.using(DB)
        .values("type")
        .annotate(aggregates=Count("id"), total=Sum("events"), latest=Max("last_time"))
        .order_by("type")
    )
    return [
        AggregateType(name=row["type"], aggregates=row["aggregates"], events=row["total"], last_time=row["latest"])
        for row in rows
    ]


def aggregates(type: str, *, prefix: str = "", after: str = "", before: str = "", limit: int) -> Page[Aggregate]:
    """A type's aggregates in order of id (by code point), those whose id begins with ``prefix``; cursors are ids."""
    rows = AggregateRow.objects.using(DB).filter(_id_begins_with(prefix), type=type)
    if before:
        found = list(rows.filter(aggregate_id__lt=before).order_by("-aggregate_id")[: limit + 1])
        more_before, more_after = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        found = list((rows.filter(aggregate_id__gt=after) if after else rows).order_by("aggregate_id")[: limit + 1])
        more_before, more_after = bool(after), len(found) > limit
        found = found[:limit]
    return Page(
        items=[_aggregate(row) for row in found],
        newer=found[0].aggregate_id if found and more_before else None,
        older=found[-1].aggregate_id if found and more_after else None,
    )


def aggregates_anywhere(prefix: str, limit: int) -> list[Aggregate]:
    """Aggregates of any type whose id begins with this, at most ``limit``, by id: an exact match comes first by itself."""
    rows = AggregateRow.objects.using(DB).filter(_id_begins_with(prefix))
    return [_aggregate(row) for row in rows.order_by("aggregate_id", "type")[:limit]]


def aggregate(type: str, id: str) -> Aggregate | None:
    row = AggregateRow.objects.using(DB).filter(type=type, aggregate_id=id).first()
    if row is None:
        return None
    streams = StreamRow.objects.using(DB).filter(aggregate=row).select_related("partition")
    summaries = [
        StreamSummary(topic=stream.partition.topic, partition=stream.partition.number, events=stream.events)
        for stream in streams.order_by("partition__topic", "partition__number")
    ]
    return _aggregate(row, summaries)


def stream_lanes(type: str, id: str) -> Mapping[str, Lane[Pointer]]:
    """One lane for each stream of the aggregate, by the stream's own key; places are versions."""
    streams = StreamRow.objects.using(DB).filter(aggregate__type=type, aggregate__aggregate_id=id)
    return {str(stream.pk): _lane(stream.pk) for stream in streams.order_by("pk")}


def _lane(stream: int) -> Lane[Pointer]:
    rows = _pointers().filter(stream=stream)

    def items(found: Iterable[PointerRow]) -> list[Item[Pointer]]:
        return [Item(place=str(row.version), time=row.time, value=pointer(row)) for row in found]

    def forward(place: str | None, inclusive: bool, limit: int) -> list[Item[Pointer]]:
        version = 0 if place is None else _version(place) - inclusive
        return items(rows.filter(version__gt=version).order_by("version")[:limit])

    def backward(place: str | None, limit: int) -> list[Item[Pointer]]:
        older = rows if place is None else rows.filter(version__lt=_version(place))
        return items(older.order_by("-version")[:limit])

    return Lane(forward=forward, backward=backward)


def _version(place: str) -> int:
    from eventstore.errors import InvalidPosition

    if place.isascii() and place.isdigit() and len(place) < 19:
        return int(place)
    raise InvalidPosition("This page's address is damaged. Go back to the list and start again.")


def by_event_id(event_id: str, limit: int = 20) -> list[Pointer]:
    """Everything with this event id: originals first, then copies in derived topics, oldest first."""
    rows = _pointers().filter(event_id=event_id).order_by("published", "id")[:limit]
    return sorted((pointer(row) for row in rows), key=lambda found: found.derived)


def by_correlation(correlation_id: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """The originals of one conversation, by time."""
    return [pointer(row) for row in _originals().filter(correlation_id=correlation_id).order_by("time", "id")[:limit]]


def caused_by(event_id: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """The originals that name this event as their cause, by time."""
    return [pointer(row) for row in _originals().filter(causation_id=event_id).order_by("time", "id")[:limit]]


def at(position: Position) -> Pointer | None:
    row = _pointers().filter(_in(position), token=position.token).first()
    return pointer(row) if row else None


def at_each(positions: Sequence[Position]) -> dict[Position, Pointer]:
    """The pointers at these positions, as far as they are indexed: one query a partition."""
    by_partition: dict[tuple[str, int], list[str]] = {}
    for position in positions:
        by_partition.setdefault((position.topic, position.partition), []).append(position.token)
    found: dict[Position, Pointer] = {}
    for (topic, number), tokens in by_partition.items():
        rows = _pointers().filter(partition__topic=topic, partition__number=number, token__in=tokens)
        found |= {row_pointer.position: row_pointer for row_pointer in map(pointer, rows)}
    return found


def latest_pointers(topic: str, limit: int) -> list[Pointer]:
    """The topic's last events as far as the index knows, newest first: what can be said while the store is away."""
    partitions = IndexedPartition.objects.using(DB).filter(topic=topic)
    rows: list[PointerRow] = []
    for partition in partitions:
        rows += _pointers().filter(partition=partition).order_by("-ordinal")[:limit]
    return [pointer(row) for row in sorted(rows, key=lambda row: row.published, reverse=True)[:limit]]


def partition_row(topic: str, number: int) -> IndexedPartition | None:
    return IndexedPartition.objects.using(DB).filter(topic=topic, number=number).first()


def partition_rows(topic: str) -> dict[int, IndexedPartition]:
    """The topic's partitions that the index follows, by number."""
    return {row.number: row for row in IndexedPartition.objects.using(DB).filter(topic=topic)}


def at_ordinals(partition: IndexedPartition, ordinals: Sequence[int]) -> list[Pointer]:
    """The partition's events of these ordinals, in order."""
    rows = _pointers().filter(partition=partition, ordinal__in=ordinals).order_by("ordinal") if ordinals else ()
    return [pointer(row) for row in rows]


def latest_unreadable(limit: int) -> list[Pointer]:
    """The messages that fit no envelope, newest first."""
    return [pointer(row) for row in _pointers().filter(unreadable=True).order_by("-published", "-id")[:limit]]


def unreadable_count() -> tuple[int, bool]:
    """How many messages fit no envelope, and whether there may be more: counting ends at ``MOST_COUNTED``."""
    count = PointerRow.objects.using(DB).filter(unreadable=True)[:MOST_COUNTED].count()
    return count, count == MOST_COUNTED


def pointer(row: PointerRow) -> Pointer:
    stream = row.stream
    return Pointer(
        position=Position(topic=row.partition.topic, partition=row.partition.number, token=row.token),
        ordinal=row.ordinal,
        event_id=row.event_id,
        type=row.type,
        time=row.time,
        published=row.published,
        size=row.size,
        version=row.version,
        aggregate_type=stream.aggregate.type if stream else "",
        aggregate_id=stream.aggregate.aggregate_id if stream else "",
        correlation_id=row.correlation_id or "",
        causation_id=row.causation_id or "",
        unreadable=row.unreadable,
        derived=row.partition.kind != "events",
    )


def _pointers() -> "QuerySet[PointerRow]":
    return PointerRow.objects.using(DB).select_related("partition", "stream__aggregate")


def _originals() -> "QuerySet[PointerRow]":
    return _pointers().filter(stream__isnull=False)


def _in(position: Position) -> Q:
    return Q(partition__topic=position.topic, partition__number=position.partition)


def _id_begins_with(prefix: str) -> Q:
    """Aggregates whose id begins with this, upper and lower case told apart, as a range: an index by id serves it.

    (LIKE folds case and uses no index on SQLite; on PostgreSQL it depends on how the index was made.)
    """
    end = _next_after_all_beginning_with(prefix)
    return Q(aggregate_id__gte=prefix) & (Q(aggregate_id__lt=end) if end else Q())


def _next_after_all_beginning_with(prefix: str) -> str:
    """The first text, by code point, behind every text that begins so; empty where there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return ""
    # No text that can be stored holds halves of surrogate pairs: the code point after U+D7FF is U+E000.
    following = 0xE000 if kept[-1] == "\ud7ff" else ord(kept[-1]) + 1
    return kept[:-1] + chr(following)


def _aggregate(row: AggregateRow, streams: Sequence[StreamSummary] = ()) -> Aggregate:
    return Aggregate(
        type=row.type,
        id=row.aggregate_id,
        events=row.events,
        first_time=row.first_time,
        last_time=row.last_time,
        last_type=row.last_type,
        streams=streams,
    )
