"""The rows within the extent of the store that is asked for (``eventstore.extent``).

Where none is named these are all of them, and nothing more is asked of the database.
"""

from collections.abc import Iterable, Sequence

from django.db.models import Q, QuerySet

from eventstore.extent import Extent, extent_now
from eventstore.index.models import AnomalyRow, IndexedPartition, NameRow, StreamRow, TypeCount
from eventstore.model.events import TopicKind


def live_partitions() -> "QuerySet[IndexedPartition]":
    """The partitions that pages read, logs that are gone among them."""
    return _of_topics(IndexedPartition.objects.filter(live=True))


def current_partitions() -> "QuerySet[IndexedPartition]":
    """The partitions as the store has them now (``models.current_partitions``)."""
    return _of_topics(IndexedPartition.objects.filter(live=True, ended_at=None))


def live_streams() -> "QuerySet[StreamRow]":
    rows, extent = StreamRow.objects.filter(partition__live=True), extent_now()
    if extent is None:
        return rows
    rows = rows.filter(partition__topic__in=_topics(extent))
    return rows if extent.every_type else rows.filter(type_id__in=_types(extent))


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
