"""The rows within the extent of the store that is asked for (``eventstore.extent``).

Where none is named these are all of them, and nothing more is asked of the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import BigIntegerField, Count, IntegerField, Max, Min, Q, QuerySet, Sum, TextField

from eventstore.extent import Extent, extent_now
from eventstore.index import models
from eventstore.index.models import AnomalyRow, IndexedPartition, NameRow, StreamRow, TypeCount
from eventstore.model.events import TopicKind
from eventstore.prepared import Prepared


def live_partitions() -> "QuerySet[IndexedPartition]":
    """The partitions that pages read, logs that are gone among them."""
    return _of_topics(IndexedPartition.objects.filter(live=True))


def current_partitions() -> "QuerySet[IndexedPartition]":
    """The partitions as the store has them now (``models.current_partitions``)."""
    return _of_topics(IndexedPartition.objects.filter(live=True, ended_at=None))


def rows_of_topics() -> Sequence[Mapping[str, Any]]:
    """What is known of each topic with current partitions, by name."""
    extent = extent_now()
    within = set(_topics(extent)) if extent is not None else None
    return [row for row in _TOPICS() if within is None or row["topic"] in within]


def rows_of_partition(topic: str, number: int) -> Sequence[IndexedPartition]:
    """The current row of this partition: one, or none."""
    return _PARTITION(topic=topic, number=number) if _has_topic(topic) else ()


def rows_of_partitions(topic: str) -> Sequence[IndexedPartition]:
    """The topic's current partitions."""
    return _PARTITIONS(topic=topic) if _has_topic(topic) else ()


def _rows_of_topics() -> "QuerySet[IndexedPartition, Any]":
    watched = Q(gone_at=None)
    return (
        models.current_partitions()
        .values("topic", "kind")
        .annotate(
            partitions=Count("id"),
            events=Sum("next_ordinal"),
            watched=Count("id", filter=watched),
            oldest_caught_up=Min("caught_up_at", filter=watched),
            caught_up=Count("caught_up_at", filter=watched),
            went=Max("gone_at"),
            waiting=Sum("behind", filter=watched),
            counted=Count("behind", filter=watched),
        )
        .order_by("topic")
    )


_TOPICS = Prepared(_rows_of_topics)
_PARTITION = Prepared(
    lambda topic, number: models.current_partitions().filter(topic=topic, number=number),
    topic=TextField(),
    number=IntegerField(),
)
_PARTITIONS = Prepared(lambda topic: models.current_partitions().filter(topic=topic), topic=TextField())


def live_streams() -> "QuerySet[StreamRow]":
    rows, extent = StreamRow.objects.filter(partition__live=True), extent_now()
    if extent is None:
        return rows
    rows = rows.filter(partition__topic__in=_topics(extent))
    return rows if extent.every_type else rows.filter(type_id__in=_types(extent))


def streams_by_id(type: int, id: str) -> Iterable[StreamRow]:
    """The streams of this aggregate, with their partitions, by their own ids."""
    return _STREAMS(type=type, id=id) if extent_now() is None else _streams_by_id(type, id)


def _streams_by_id(type: int, id: str) -> "QuerySet[StreamRow]":
    return live_streams().filter(type=type, aggregate_id=id).select_related("partition").order_by("pk")


_STREAMS = Prepared(_streams_by_id, type=BigIntegerField(), id=TextField())


def type_counts(rows: "QuerySet[TypeCount]") -> "QuerySet[TypeCount]":
    extent = extent_now()
    return rows if extent is None or extent.every_type else rows.filter(type_id__in=_types(extent))


def anomalies_within(rows: "QuerySet[AnomalyRow]") -> "QuerySet[AnomalyRow]":
    """Those in the extent's topics, of its streams or of none."""
    extent = extent_now()
    if extent is None:
        return rows
    rows = rows.filter(partition__topic__in=_topics(extent))
    if extent.every_type:
        return rows
    own = StreamRow.objects.filter(type_id__in=_types(extent)).values("pk")
    return rows.filter(Q(stream_id__isnull=True) | Q(stream_id__in=own))


def leaves_types_out() -> bool:
    """Whether types of aggregates are left out, so that counts by partition are not those of the extent."""
    extent = extent_now()
    return extent is not None and not extent.every_type


def whole_partitions() -> "QuerySet[IndexedPartition]":
    """The current partitions of topics in which every event is of the extent. Where types are left out, a topic of copies is
    none: of these the index does not know the aggregates."""
    rows, extent = current_partitions(), extent_now()
    if extent is None or extent.every_type:
        return rows
    others = TypeCount.objects.exclude(type_id__in=_types(extent)).values("partition_id")
    rows = rows.filter(kind=TopicKind.EVENTS.value)
    return rows.exclude(topic__in=IndexedPartition.objects.filter(live=True, pk__in=others).values("topic"))


def types_in(topics: Iterable[str]) -> Sequence[str]:
    """The types of aggregates of which these topics have events, of whatever extent."""
    partitions = IndexedPartition.objects.filter(live=True, topic__in=list(topics)).values("pk")
    numbers = TypeCount.objects.filter(partition_id__in=partitions).values("type_id")
    return sorted(NameRow.objects.filter(pk__in=numbers).values_list("text", flat=True))


def has_type(name: str) -> bool:
    extent = extent_now()
    return extent is None or extent.has_aggregate_type(name)


def _of_topics(rows: "QuerySet[IndexedPartition]") -> "QuerySet[IndexedPartition]":
    extent = extent_now()
    return rows if extent is None else rows.filter(topic__in=_topics(extent))


def _has_topic(name: str) -> bool:
    extent = extent_now()
    return extent is None or extent.has_topic(name)


def _topics(extent: Extent) -> Sequence[str]:
    if extent.topics is None:
        names = IndexedPartition.objects.filter(live=True).values_list("topic", flat=True).distinct()
        extent.topics = [name for name in names if extent.has_topic(name)]
    return extent.topics


def _types(extent: Extent) -> Sequence[int]:
    if extent.types is None:
        named = NameRow.objects.filter(pk__in=TypeCount.objects.values("type_id")).values_list("pk", "text")
        extent.types = [0, *(number for number, text in named if extent.has_aggregate_type(text))]
    return extent.types
