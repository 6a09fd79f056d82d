"""Put aggregates together from their streams: an aggregate has one stream in each partition that holds events of it."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.db.models import Q

from eventstore.index.lookup.pointers import time_of
from eventstore.index.models import StreamRow
from eventstore.index.tables.extents import live_streams
from eventstore.index.tables.names import Names, names_of_answer
from eventstore.index.tables.sequences import counters_in, last_numbers
from eventstore.model.pointers import Aggregate, AggregateType, StreamSummary

MOST_COUNTED_APART = 20_000
"""Streams of a type up to which its aggregates are counted exactly, one by one."""


def aggregate_type(row: Mapping[str, Any], name: str) -> AggregateType:
    aggregates, exact = row["streams"], row["partitions"] == 1
    if not exact and aggregates <= MOST_COUNTED_APART:
        aggregates = live_streams().filter(type=row["type_id"]).values("aggregate_id").distinct().count()
        exact = True
    return AggregateType(name=name, aggregates=aggregates, events=row["total"], last_time=time_of(row["latest"]), exact=exact)


def id_begins_with(prefix: str) -> Q:
    """Match ids that begin with this text, case-sensitively, as a range that an index by id can serve.

    On SQLite, LIKE ignores case and uses no index; on PostgreSQL that depends on how the index was made.
    """
    end = _next_after_all_beginning_with(prefix)
    return Q(aggregate_id__gte=prefix) & (Q(aggregate_id__lt=end) if end else Q())


def _next_after_all_beginning_with(prefix: str) -> str:
    """Return the first text, by code point, after all texts with this prefix; empty if there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return ""
    # A text that can be stored holds no halves of surrogate pairs: U+E000 follows U+D7FF.
    following = 0xE000 if kept[-1] == "\ud7ff" else ord(kept[-1]) + 1
    return kept[:-1] + chr(following)


def read_aggregates(keys: Sequence[tuple[int, str]]) -> list[Aggregate]:
    """Return the aggregates of these types' numbers and ids, in their order."""
    rows = live_streams().filter(aggregate_id__in={id for _, id in keys}, type__in={type for type, _ in keys})
    by_key: dict[tuple[int, str], list[StreamRow]] = {}
    for row in rows:
        by_key.setdefault((row.type_id, row.aggregate_id), []).append(row)
    names = names_of_answer()
    names.texts_of({number for row in rows for number in (row.type_id, *_last_types(row))})  # all in one query
    return [build_aggregate(key[1], by_key[key], names) for key in keys if key in by_key]


def _last_types(row: StreamRow) -> list[int]:
    return msgspec.json.decode(row.last_types, type=list[int])


def is_counted_per_source(row: StreamRow) -> bool:
    """Whether one of the stream's sources has one sequence counter over all of its aggregates. Reads the partition's row."""
    counters = counters_in(row.partition.counters)
    return any(counters[source].of_source for source in last_numbers(row.last_sequence) if source in counters)


def build_aggregate(
    id: str,
    rows: Sequence[StreamRow],
    names: Names,
    streams: Sequence[StreamSummary] = (),
    anomalies: Mapping[str, int] | None = None,
    *,
    counted_per_source: bool = False,
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
        counted_per_source=counted_per_source,
    )
