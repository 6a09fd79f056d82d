"""Query the index. Every result is limited, and a page goes on from the last item seen, never from a number of rows."""

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from eventstore.extent import asked_once
from eventstore.index.lookup.aggregate_rows import (
    aggregate_type,
    build_aggregate,
    id_begins_with,
    is_counted_per_source,
    read_aggregates,
)
from eventstore.index.lookup.anomaly_lookup import counts_of_streams
from eventstore.index.lookup.pointers import ordinals_at, pointers_at, with_hash, with_hash_of_kind
from eventstore.index.lookup.stream_keys import page_number, sources_of
from eventstore.index.models import IndexedPartition, StreamRow, TypeCount
from eventstore.index.tables.extents import (
    current_partitions,
    live_partitions,
    live_streams,
    rows_of_partition,
    rows_of_partitions,
    rows_of_topics,
    streams_by_id,
    type_counts,
)
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.names import names_of_answer
from eventstore.index.tables.secret import index_key
from eventstore.model.events import Page, Position
from eventstore.model.merge import MergeSources
from eventstore.model.pointers import Aggregate, AggregateType, IndexedTogether, IndexedTopic, Pointer, StreamSummary

SAME_CONVERSATION = 200
TOPICS_A_STATEMENT = 500
MOST_SORTED = 50_000
"""Aggregates of a type up to which they are listed by their latest event. There is no index for that order."""


@asked_once
def indexed_topics() -> Sequence[IndexedTopic]:
    """Return the topics in the index, by name. Their caught-up time ignores partitions that have gone from the store."""
    return [
        IndexedTopic(
            topic=row["topic"],
            kind=row["kind"],
            partitions=row["partitions"],
            events=row["events"],
            caught_up_at=row["oldest_caught_up"] if row["caught_up"] == row["watched"] else None,
            gone_at=None if row["watched"] else row["went"],
            waiting=(row["waiting"] or 0) if row["counted"] == row["watched"] else None,
        )
        for row in rows_of_topics()
    ]


@asked_once
def indexed_together() -> IndexedTogether:
    """Return the same of all topics together: for thousands of them it takes a fraction of the time."""
    watched = Q(gone_at=None)
    found = current_partitions().aggregate(
        topics=Count("topic", distinct=True),
        of_store=Count("topic", distinct=True, filter=watched),
        events=Sum("next_ordinal"),
        partitions=Count("id", filter=watched),
        oldest=Min("caught_up_at", filter=watched),
        caught_up=Count("caught_up_at", filter=watched),
        waiting=Sum("behind", filter=watched),
        counted=Count("behind", filter=watched),
    )
    return IndexedTogether(
        topics=found["topics"],
        watched=found["of_store"],
        events=found["events"] or 0,
        caught_up_at=found["oldest"] if found["caught_up"] == found["partitions"] else None,
        waiting=(found["waiting"] or 0) if found["counted"] == found["partitions"] else None,
    )


def topic_named(name: str) -> IndexedTopic | None:
    """Return the indexed topic of this name, or the only one whose last part is this name."""
    topics = indexed_topics()
    exact = [topic for topic in topics if topic.topic == name]
    short = [topic for topic in topics if topic.topic.rpartition("/")[2] == name]
    found = exact or short
    return found[0] if len(found) == 1 else None


def aggregate_types() -> list[AggregateType]:
    """Return the aggregate types, by name."""
    return _counted(TypeCount.objects.all())


def aggregate_type_named(name: str) -> AggregateType | None:
    """Return this aggregate type alone. Counting the aggregates of all types takes as much longer as there are types."""
    number = names_of_answer().known(name)
    return next(iter(_counted(TypeCount.objects.filter(type_id=number))), None) if number is not None else None


def _counted(counts: QuerySet[TypeCount]) -> list[AggregateType]:
    """The types of these counts, by name."""
    rows = (
        type_counts(counts)
        .filter(partition_id__in=live_partitions().values("pk"))
        .values("type_id")
        .annotate(streams=Sum("streams"), total=Sum("events"), latest=Max("last_time"), partitions=Count("partition_id"))
    )
    texts = names_of_answer().texts_of(row["type_id"] for row in rows)
    return sorted((aggregate_type(row, texts[row["type_id"]]) for row in rows), key=attrgetter("name"))


def latest_aggregates(type: str, *, before: str = "", limit: int) -> Page[Aggregate]:
    """Return a type's aggregates, the one with the latest event first. ``older`` is the ``before`` of the next page.

    Every aggregate of the type is looked at, so ask only for types with at most ``MOST_SORTED`` of them.
    """
    number = names_of_answer().known(type)
    if number is None:
        return Page(items=[])
    rows = live_streams().filter(type=number).values("aggregate_id").annotate(latest=Max("last_time"))
    if before:
        time, id = _latest_page(before)
        rows = rows.filter(Q(latest__lt=time) | Q(latest=time, aggregate_id__gt=id))
    found = list(rows.order_by("-latest", "aggregate_id").values_list("aggregate_id", "latest")[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return Page(
        items=read_aggregates([(number, id) for id, _ in found]),
        older=f"{found[-1][1]}:{found[-1][0]}" if more else None,
    )


def _latest_page(token: str) -> tuple[int, str]:
    """The time and the id that a page of ``latest_aggregates`` ends with."""
    time, mark, id = token.partition(":")
    number = page_number(time.removeprefix("-") if mark else "")
    return (-number if time.startswith("-") else number), id


def aggregates(type: str, *, prefix: str = "", after: str = "", before: str = "", limit: int) -> Page[Aggregate]:
    """Return a type's aggregates whose id begins with ``prefix``, in order of id (by code point). Page tokens are ids."""
    number = names_of_answer().known(type)
    if number is None:
        return Page(items=[])
    rows = live_streams().filter(id_begins_with(prefix), type=number).values_list("aggregate_id", flat=True).distinct()
    if before:
        found = list(rows.filter(aggregate_id__lt=before).order_by("-aggregate_id")[: limit + 1])
        more_before, more_after = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        found = list((rows.filter(aggregate_id__gt=after) if after else rows).order_by("aggregate_id")[: limit + 1])
        more_before, more_after = bool(after), len(found) > limit
        found = found[:limit]
    return Page(
        items=read_aggregates([(number, id) for id in found]),
        newer=found[0] if found and more_before else None,
        older=found[-1] if found and more_after else None,
    )


def aggregates_anywhere(prefix: str, limit: int, without: Collection[str] = ()) -> list[Aggregate]:
    """Return at most ``limit`` aggregates of any type but those ``without`` whose id begins with ``prefix``, by id."""
    streams = live_streams().filter(id_begins_with(prefix))
    streams = streams.exclude(type__text__in=list(without)) if without else streams
    rows = streams.values_list("aggregate_id", "type__text", "type_id").distinct()
    return read_aggregates([(type, id) for id, _, type in rows.order_by("aggregate_id", "type__text")[:limit]])


def aggregate(type: str, id: str) -> Aggregate | None:
    rows = sorted(streams_of(type, id), key=lambda row: (row.partition.topic, row.partition.number, row.pk))
    if not rows:
        return None
    summaries = [_summary(row) for row in rows]
    anomalies = counts_of_streams([row.pk for row in rows])
    per_source = any(map(is_counted_per_source, rows))
    return build_aggregate(id, rows, names_of_answer(), summaries, anomalies, counted_per_source=per_source)


def _summary(row: StreamRow) -> StreamSummary:
    of = row.partition
    return StreamSummary(topic=of.topic, partition=of.number, events=row.events, ended_at=of.ended_at)


def stream_numbers(type: str, id: str) -> list[int]:
    """Return the index's own ids of the aggregate's streams."""
    return [row.pk for row in streams_of(type, id)]


def stream_sources(type: str, id: str) -> MergeSources[Pointer]:
    """Return the aggregate's streams as sources, by stream id."""
    return sources_of(streams_of(type, id))


def by_event_id(event_id: str, limit: int = 20) -> list[Pointer]:
    """Return all events with this id: originals first, then copies in derived topics, oldest first."""
    hash = hashed(index_key(), event_id)
    there = with_hash("index_idkey", hash)
    found = [pointer for pointer in there if pointer.event_id == event_id]
    return sorted(found, key=lambda pointer: (pointer.derived, pointer.published))[:limit]


def by_correlation(correlation_id: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """Return the originals of one conversation, by time."""
    found = with_hash_of_kind("index_linkkey", hashed(index_key(), correlation_id, Link.CORRELATION), derived=False)
    return _originals((pointer for pointer in found if pointer.correlation_id == correlation_id), limit)


def caused_by(event_id: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """Return the originals that name this event as their cause, by time."""
    found = with_hash_of_kind("index_linkkey", hashed(index_key(), event_id, Link.CAUSATION), derived=False)
    return _originals((pointer for pointer in found if pointer.causation_id == event_id), limit)


def copies_of(original: str, limit: int = SAME_CONVERSATION) -> list[Pointer]:
    """Return the copies in derived topics that name this event id or message id as their original, oldest first."""
    found = with_hash_of_kind("index_linkkey", hashed(index_key(), original, Link.ORIGINAL), derived=True)
    return sorted((pointer for pointer in found if pointer.original == original), key=lambda p: p.published)[:limit]


def at(position: Position) -> Pointer | None:
    return at_each([position]).get(position)


def at_in_the_past(position: Position) -> Pointer | None:
    """Return the pointer at this position of a log that is gone, the newest if there are several: the topic was made anew."""
    rows = live_partitions().filter(topic=position.topic, number=position.partition, ended_at__isnull=False)
    there = [(row.pk, ordinal) for row in rows.order_by("-pk") for ordinal in ordinals_at(row.pk, [position.token]).values()]
    return next(iter(pointers_at(there[:1])), None)


def at_each(positions: Sequence[Position]) -> dict[Position, Pointer]:
    """Return the pointers at these positions, as far as they are indexed. Only of logs that the store still has."""
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
    """Return the topic's last indexed events, newest first, for use while the store is away."""
    there: list[tuple[int, int]] = []
    for row in rows_of_partitions(topic):
        there += [(row.pk, ordinal) for ordinal in range(max(0, row.next_ordinal - limit), row.next_ordinal)]
    return sorted(pointers_at(there), key=lambda found: (found.published, found.ordinal), reverse=True)[:limit]


@asked_once
def partition_row(topic: str, number: int) -> IndexedPartition | None:
    return next(iter(rows_of_partition(topic, number)), None)


@asked_once
def partition_rows_of(topics: frozenset[str]) -> dict[tuple[str, int], IndexedPartition]:
    """Return the indexed partitions of these topics, by topic and number: a query for each 500."""
    wanted = sorted(topics)
    found: dict[tuple[str, int], IndexedPartition] = {}
    for start in range(0, len(wanted), TOPICS_A_STATEMENT):
        rows = current_partitions().filter(topic__in=wanted[start : start + TOPICS_A_STATEMENT])
        found |= {(row.topic, row.number): row for row in rows}
    return found


def partition_rows(topic: str) -> dict[int, IndexedPartition]:
    """Return the topic's indexed partitions, by number."""
    return {row.number: row for row in rows_of_partitions(topic)}


def at_ordinals(partition: IndexedPartition, ordinals: Sequence[int]) -> list[Pointer]:
    """Return the partition's events of these ordinals, in order."""
    return pointers_at([(partition.pk, ordinal) for ordinal in sorted(ordinals)])


def _originals(found: Iterable[Pointer], limit: int) -> list[Pointer]:
    kept = [pointer for pointer in found if pointer.version is not None]
    return sorted(kept, key=lambda pointer: (pointer.time, pointer.position.topic, pointer.ordinal))[:limit]


@asked_once
def streams_of(type: str, id: str) -> Sequence[StreamRow]:
    """Return the aggregate's streams with their partitions, those of logs that are gone among them, by their own ids."""
    number = names_of_answer().known(type)
    if not number:
        return ()
    return tuple(streams_by_id(number, id))
