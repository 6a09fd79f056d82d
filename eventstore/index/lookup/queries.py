"""Asking the index. Every answer is bounded; pages go on from the last thing seen, never from a number of rows."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from eventstore.index.lookup.anomaly_lookup import counts_of_streams
from eventstore.index.lookup.key_tables import places
from eventstore.index.lookup.pointers import ordinals_at, pointers_at, time_of
from eventstore.index.lookup.stream_keys import Stretch, ordinals_back, ordinals_on
from eventstore.index.models import IndexedPartition, StreamRow, TypeCount
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.names import Names
from eventstore.index.tables.secret import index_key
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Page, Position, TopicKind
from eventstore.model.merge import Item, MergeSource
from eventstore.model.pointers import Aggregate, AggregateType, IndexedTopic, Pointer, StreamSummary

SAME_CONVERSATION = 200
MOST_CANDIDATES = 400
MOST_COUNTED_APART = 20_000
"""Streams of a type that are counted one by one to find those of one aggregate."""


def indexed_topics() -> list[IndexedTopic]:
    """The topics that the index has, by name. Those of their partitions that have gone from the store hold up nothing."""
    watched = Q(gone_at=None)
    rows = (
        IndexedPartition.objects.filter(live=True)
        .values("topic", "kind")
        .annotate(
            partitions=Count("id"),
            events=Sum("next_ordinal"),
            watched=Count("id", filter=watched),
            oldest_caught_up=Min("caught_up_at", filter=watched),
            caught_up=Count("caught_up_at", filter=watched),
            went=Max("gone_at"),
        )
        .order_by("topic")
    )
    return [
        IndexedTopic(
            topic=row["topic"],
            kind=row["kind"],
            partitions=row["partitions"],
            events=row["events"],
            caught_up_at=row["oldest_caught_up"] if row["caught_up"] == row["watched"] else None,
            gone_at=None if row["watched"] else row["went"],
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
    """The types, by name."""
    rows = (
        TypeCount.objects.filter(partition_id__in=_live_partitions().values("pk"))
        .values("type_id")
        .annotate(streams=Sum("streams"), total=Sum("events"), latest=Max("last_time"), partitions=Count("partition_id"))
    )
    texts = Names().texts_of(row["type_id"] for row in rows)
    return sorted((_aggregate_type(row, texts[row["type_id"]]) for row in rows), key=attrgetter("name"))


def aggregates(type: str, *, prefix: str = "", after: str = "", before: str = "", limit: int) -> Page[Aggregate]:
    """A type's aggregates in order of id (by code point), those whose id begins with ``prefix``; cursors are ids."""
    number = Names().known(type)
    if number is None:
        return Page(items=[])
    rows = _live_streams().filter(_id_begins_with(prefix), type=number).values_list("aggregate_id", flat=True).distinct()
    if before:
        found = list(rows.filter(aggregate_id__lt=before).order_by("-aggregate_id")[: limit + 1])
        more_before, more_after = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        found = list((rows.filter(aggregate_id__gt=after) if after else rows).order_by("aggregate_id")[: limit + 1])
        more_before, more_after = bool(after), len(found) > limit
        found = found[:limit]
    return Page(
        items=_aggregates([(number, id) for id in found]),
        newer=found[0] if found and more_before else None,
        older=found[-1] if found and more_after else None,
    )


def aggregates_anywhere(prefix: str, limit: int) -> list[Aggregate]:
    """Aggregates of any type whose id begins with this, at most ``limit``, by id: an exact match comes first by itself."""
    rows = _live_streams().filter(_id_begins_with(prefix)).values_list("aggregate_id", "type__text", "type_id").distinct()
    return _aggregates([(type, id) for id, _, type in rows.order_by("aggregate_id", "type__text")[:limit]])


def aggregate(type: str, id: str) -> Aggregate | None:
    rows = list(_streams_of(type, id).select_related("partition").order_by("partition__topic", "partition__number"))
    if not rows:
        return None
    summaries = [StreamSummary(topic=row.partition.topic, partition=row.partition.number, events=row.events) for row in rows]
    return _aggregate(id, rows, Names(), summaries, counts_of_streams([row.pk for row in rows]))


def stream_numbers(type: str, id: str) -> list[int]:
    """The index's own numbers of the aggregate's streams."""
    return list(_streams_of(type, id).values_list("pk", flat=True))


def stream_lanes(type: str, id: str) -> Mapping[str, MergeSource[Pointer]]:
    """One lane for each stream of the aggregate, by the stream's own key; places are ordinals."""
    rows = _streams_of(type, id).select_related("partition").order_by("pk")
    return {str(row.pk): _lane(row) for row in rows}


def _lane(row: StreamRow) -> MergeSource[Pointer]:
    stretch = Stretch(
        stream=row.pk, partition=row.partition.pk, first_segment=row.first_segment, last_segment=row.partition.segment
    )

    def items(ordinals: Sequence[int]) -> list[Item[Pointer]]:
        found = pointers_at([(stretch.partition, ordinal) for ordinal in ordinals])
        return [Item(place=str(pointer.ordinal), time=pointer.time, value=pointer) for pointer in found]

    def forward(place: str | None, inclusive: bool, limit: int) -> list[Item[Pointer]]:
        return items(ordinals_on(stretch, 0 if place is None else _ordinal(place) + (not inclusive), limit))

    def backward(place: str | None, limit: int) -> list[Item[Pointer]]:
        return items(ordinals_back(stretch, None if place is None else _ordinal(place), limit))

    return MergeSource(forward=forward, backward=backward)


def _ordinal(place: str) -> int:
    if place.isascii() and place.isdigit() and len(place) < 19:
        return int(place)
    raise InvalidPosition("This page's address is damaged. Go back to the list and start again.")


def by_event_id(event_id: str, limit: int = 20) -> list[Pointer]:
    """Everything with this event id: originals first, then copies in derived topics, oldest first."""
    hash = hashed(index_key(), event_id)
    there = [*_at_hash("index_idkey", hash, derived=False), *_at_hash("index_idkey", hash, derived=True)]
    found = [pointer for pointer in there if pointer.event_id == event_id]
    return sorted(found, key=lambda pointer: (pointer.derived, pointer.published))[:limit]


def by_correlation(correlation_id: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """The originals of one conversation, by time."""
    found = _at_hash("index_linkkey", hashed(index_key(), correlation_id, Link.CORRELATION), derived=False)
    return _originals((pointer for pointer in found if pointer.correlation_id == correlation_id), limit)


def caused_by(event_id: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """The originals that name this event as their cause, by time."""
    found = _at_hash("index_linkkey", hashed(index_key(), event_id, Link.CAUSATION), derived=False)
    return _originals((pointer for pointer in found if pointer.causation_id == event_id), limit)


def copies_of(original: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """The copies in derived topics that say that they are of this event or message id, oldest first."""
    found = _at_hash("index_linkkey", hashed(index_key(), original, Link.ORIGINAL), derived=True)
    return sorted((pointer for pointer in found if pointer.original == original), key=lambda p: p.published)[:limit]


def at(position: Position) -> Pointer | None:
    return at_each([position]).get(position)


def at_each(positions: Sequence[Position]) -> dict[Position, Pointer]:
    """The pointers at these positions, as far as they are indexed."""
    by_partition: dict[tuple[str, int], list[str]] = {}
    for position in positions:
        by_partition.setdefault((position.topic, position.partition), []).append(position.token)
    there = []
    for (topic, number), tokens in by_partition.items():
        row = partition_row(topic, number)
        if row is not None:
            there += [(row.pk, ordinal) for ordinal in ordinals_at(row.pk, tokens).values()]
    return {pointer.position: pointer for pointer in pointers_at(there)}


def latest_pointers(topic: str, limit: int) -> list[Pointer]:
    """The topic's last events as far as the index knows, newest first: what can be said while the store is away."""
    there: list[tuple[int, int]] = []
    for row in _live_partitions().filter(topic=topic):
        there += [(row.pk, ordinal) for ordinal in range(max(0, row.next_ordinal - limit), row.next_ordinal)]
    return sorted(pointers_at(there), key=lambda found: (found.published, found.ordinal), reverse=True)[:limit]


def partition_row(topic: str, number: int) -> IndexedPartition | None:
    return _live_partitions().filter(topic=topic, number=number).first()


def partition_rows(topic: str) -> dict[int, IndexedPartition]:
    """The topic's partitions that the index follows, by number."""
    return {row.number: row for row in _live_partitions().filter(topic=topic)}


def at_ordinals(partition: IndexedPartition, ordinals: Sequence[int]) -> list[Pointer]:
    """The partition's events of these ordinals, in order."""
    return pointers_at([(partition.pk, ordinal) for ordinal in sorted(ordinals)])


def _at_hash(table: str, hash: int, *, derived: bool) -> list[Pointer]:
    """The candidates for a text, the first indexed first, at most ``MOST_CANDIDATES``: whoever asks compares the text.

    Originals and copies have a bound each: however many copies there are, they bury no original.
    """
    rows = _live_partitions()
    events = TopicKind.EVENTS.value
    which = rows.exclude(kind=events) if derived else rows.filter(kind=events)
    found = places(table, hash, list(which.values_list("pk", flat=True)), limit=MOST_CANDIDATES)
    return pointers_at([(place.partition, place.ordinal) for place in found])


def _originals(found: Iterable[Pointer], limit: int) -> list[Pointer]:
    kept = [pointer for pointer in found if pointer.version is not None]
    return sorted(kept, key=lambda pointer: (pointer.time, pointer.position.topic, pointer.ordinal))[:limit]


def _live_partitions() -> "QuerySet[IndexedPartition]":
    return IndexedPartition.objects.filter(live=True)


def _live_streams() -> "QuerySet[StreamRow]":
    return StreamRow.objects.filter(partition__live=True)


def _streams_of(type: str, id: str) -> "QuerySet[StreamRow]":
    number = Names().known(type)
    return _live_streams().filter(type=number, aggregate_id=id) if number else StreamRow.objects.none()


def _aggregate_type(row: Mapping[str, Any], name: str) -> AggregateType:
    aggregates, exact = row["streams"], row["partitions"] == 1
    if not exact and aggregates <= MOST_COUNTED_APART:
        aggregates = _live_streams().filter(type=row["type_id"]).values("aggregate_id").distinct().count()
        exact = True
    return AggregateType(name=name, aggregates=aggregates, events=row["total"], last_time=time_of(row["latest"]), exact=exact)


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


def _aggregates(keys: Sequence[tuple[int, str]]) -> list[Aggregate]:
    """The aggregates of these types' numbers and ids, in their order."""
    rows = _live_streams().filter(aggregate_id__in={id for _, id in keys}, type__in={type for type, _ in keys})
    by_key: dict[tuple[int, str], list[StreamRow]] = {}
    for row in rows:
        by_key.setdefault((row.type_id, row.aggregate_id), []).append(row)
    names = Names()
    names.texts_of({number for row in rows for number in (row.type_id, *_last_types(row))})  # all in one query
    return [_aggregate(key[1], by_key[key], names) for key in keys if key in by_key]


def _last_types(row: StreamRow) -> list[int]:
    return msgspec.json.decode(row.last_types, type=list[int])


def _aggregate(
    id: str,
    rows: Sequence[StreamRow],
    names: Names,
    streams: Sequence[StreamSummary] = (),
    anomalies: Mapping[str, int] | None = None,
) -> Aggregate:
    latest = max(rows, key=lambda row: row.last_time)
    numbers = _last_types(latest)
    texts = names.texts_of([latest.type_id, *numbers])
    last_types = [texts[number] for number in numbers]
    return Aggregate(
        type=texts[latest.type_id],
        id=id,
        events=sum(row.events for row in rows),
        first_time=time_of(min(row.first_time for row in rows)),
        last_time=time_of(latest.last_time),
        last_type=last_types[0] if last_types else "",
        last_types=last_types,
        anomalies=anomalies or {},
        streams=streams,
    )
