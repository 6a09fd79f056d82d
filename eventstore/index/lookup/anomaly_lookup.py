"""Query anomalies: how many of each kind, and a list of one kind."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Sum

from eventstore.index.lookup.key_tables import places
from eventstore.index.lookup.pointers import pointers_at
from eventstore.index.models import AnomalyCount, AnomalyRow, IndexedPartition
from eventstore.index.tables.extents import anomalies_within, current_partitions, leaves_types_out, live_partitions
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.secret import index_key
from eventstore.model.events import Page, TopicKind
from eventstore.model.pointers import AnomalyLine, Pointer


def anomaly_counts() -> dict[str, int]:
    """Return how many events of all indexed topics have an anomaly, by kind."""
    if leaves_types_out():
        each = anomalies_within(AnomalyRow.objects.filter(partition__live=True)).order_by()
        return dict(each.values_list("kind").annotate(total=Count("id")))
    live = live_partitions().values("pk")
    rows = AnomalyCount.objects.filter(partition_id__in=live).values("kind").annotate(total=Sum("events"))
    return {row["kind"]: row["total"] for row in rows}


def counts_of_streams(streams: Sequence[int]) -> Mapping[str, int]:
    """Return how many events of these streams have an anomaly, by kind."""
    rows = AnomalyRow.objects.filter(stream_id__in=streams).values("kind").annotate(total=Count("id"))
    return {row["kind"]: row["total"] for row in rows.order_by("kind")}


def details_at(topic: str, number: int, ordinal: int, ended_at: datetime | None = None) -> dict[str, str]:
    """Return the anomalies of the event at this ordinal of a partition: details by kind, empty if the kind says everything.

    ``ended_at`` is that of the event's pointer.
    """
    partitions = IndexedPartition.objects.filter(topic=topic, number=number, live=True, ended_at=ended_at).values("pk")
    rows = AnomalyRow.objects.filter(partition_id__in=partitions, ordinal=ordinal)
    return dict(rows.order_by("pk").values_list("kind", "detail"))


def anomaly_lines(
    kind: str, *, before: int | None = None, after: int | None = None, limit: int, streams: Sequence[int] | None = None
) -> Page[AnomalyLine]:
    """Return anomalies of a kind (of these streams, if given), the last found first. Page tokens are their numbers."""
    rows = anomalies_within(AnomalyRow.objects.filter(kind=kind, partition__live=True))
    if streams is not None:
        rows = rows.filter(stream_id__in=streams)
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: limit + 1])
        more_newer, more_older = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        found = list((rows.filter(pk__lt=before) if before is not None else rows).order_by("-pk")[: limit + 1])
        more_newer, more_older = before is not None, len(found) > limit
        found = found[:limit]
    return Page(
        items=_lines(found),
        newer=str(found[0].pk) if found and more_newer else None,
        older=str(found[-1].pk) if found and more_older else None,
    )


def _lines(rows: Sequence[AnomalyRow]) -> list[AnomalyLine]:
    pointers = pointers_at([(row.partition_id, row.ordinal) for row in rows])
    by_place = {(p.position.topic, p.position.partition, p.ended_at, p.ordinal): p for p in pointers}
    partitions = IndexedPartition.objects.in_bulk({row.partition_id for row in rows})
    lines = []
    for row in rows:
        partition = partitions[row.partition_id]
        pointer = by_place.get((partition.topic, partition.number, partition.ended_at, row.ordinal))
        if pointer is not None:
            lines.append(AnomalyLine(number=row.pk, kind=row.kind, detail=row.detail, pointer=pointer))
    return lines


def unreadable_with_key(key: str, topics: Collection[str], limit: int) -> list[Pointer]:
    """Return the unreadable messages with this key in these topics, as the store has them now, first indexed first."""
    rows = current_partitions().filter(topic__in=list(topics), kind=TopicKind.EVENTS.value)
    hash = hashed(index_key(), key, Link.ORIGINAL)
    found = places("index_linkkey", hash, list(rows.values_list("pk", flat=True)), limit=limit)
    return [pointer for pointer in pointers_at([(each.partition, each.ordinal) for each in found]) if pointer.key == key]
