"""Comparing the index to the store: every message up to the checkpoint is read again and held against what the index says.

It reads with plain readers, a bounded piece at a time, and may run while indexers do: each partition is compared up to the
checkpoint that it had when its turn came.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import pairwise

from django.db.models import QuerySet

from eventstore.config.loading import Config
from eventstore.index.check.anomalies import AnomalyCheck, anomalies_differ
from eventstore.index.check.blocks import blocks_of
from eventstore.index.check.counts import Counted, check_counts
from eventstore.index.check.events import Comparison, Difference, events_differ, read_again
from eventstore.index.check.keys import KeyCheck, check_keys, finish, key_check
from eventstore.index.check.log import Log, open_log
from eventstore.index.indexer.reader_threads import ValuesOf
from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.tables.blocks import Columns
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Event, Position, Topic
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

OnProgress = Callable[[int], object]
"""Told how many more events are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionReport:
    """What the comparison of one partition found. ``difference`` is empty where there is none."""

    topic: str
    partition: int
    indexed: int
    """Events that the index had when it began."""
    compared: int = 0
    """How many of them were looked at before the end, a difference or a stop."""
    trimmed: int = 0
    """Events at the beginning that are no longer in the store: of them only the index's own order is checked."""
    difference: str = ""
    stopped: bool = False
    behind: int | None = None
    """How much the store had behind the checkpoint when it began, in ``Capabilities.backlog_unit``; ``None``: not told."""


@dataclass(kw_only=True, slots=True)
class _Walk:
    """One partition's comparison under way."""

    row: IndexedPartition
    log: Log
    events: Comparison
    keys: KeyCheck
    anomalies: AnomalyCheck
    counted: Counted = field(default_factory=Counted)
    last_token: str = ""
    done: int = 0
    trimmed: int = 0


def check_topic(
    storage: Storage,
    config: Config,
    topic: Topic,
    on_progress: OnProgress,
    stop: threading.Event,
    values_of: ValuesOf | None = None,
) -> list[PartitionReport]:
    """Compare every partition of the topic, in order of number; each report names the first difference. What of a topic is
    not indexed at all is one where the store has any event of it.

    ``StoreUnreachable`` where the store goes quiet before a checkpoint: nothing is known of the rest then.
    """
    numbers = list(_rows(topic.name).order_by("number").values_list("number", flat=True))
    reports = [_check_partition(storage, config, topic, number, on_progress, stop, values_of) for number in numbers]
    return reports + _not_indexed(storage, topic, numbers)


def _not_indexed(storage: Storage, topic: Topic, indexed: Collection[int]) -> list[PartitionReport]:
    """The partitions that the index has no row of."""
    missing = set(range(topic.partitions)).difference(indexed)
    if not missing:
        return []
    behind = storage.amounts(topic.name, dict.fromkeys(missing))
    return [
        PartitionReport(
            topic=topic.name,
            partition=ends.partition,
            indexed=0,
            difference="it is not indexed, and the store has events of it" if ends.last else "",
            behind=behind[ends.partition].behind if ends.partition in behind else None,
        )
        for ends in storage.ends(topic.name)
        if ends.partition in missing
    ]


def _rows(topic: str) -> "QuerySet[IndexedPartition]":
    return IndexedPartition.objects.filter(topic=topic, live=True)


def _check_partition(
    storage: Storage,
    config: Config,
    topic: Topic,
    number: int,
    on_progress: OnProgress,
    stop: threading.Event,
    values_of: ValuesOf | None,
) -> PartitionReport:
    while True:
        row = _rows(topic.name).get(number=number)
        if row.kind != topic.kind.value:
            on_progress(row.next_ordinal)
            return PartitionReport(
                topic=topic.name,
                partition=number,
                indexed=row.next_ordinal,
                difference=f"it is indexed as {row.kind}, and the topic is {topic.kind.value} now: rebuild it",
            )
        waiting = _behind(storage, row)
        with open_log(storage, topic, row, stop) as log:
            walk = _Walk(
                row=row,
                log=log,
                events=Comparison(
                    topic=topic,
                    partition=row.pk,
                    mappings=config.mappings,
                    decode=Schemas(storage.schema).decoded,
                    values_of=values_of,
                ),
                keys=key_check(row.pk, row.next_ordinal, _first_segment(row), row.segment),
                anomalies=AnomalyCheck(partition=row.pk, derived=topic.derived),
            )
            difference = _first_difference(walk, on_progress, stop)
        if difference and not _rows(topic.name).filter(pk=row.pk).exists():
            on_progress(-walk.done)
            continue  # it was rebuilt meanwhile, and its rows are being removed
        if difference:
            on_progress(row.next_ordinal - walk.done)
        return PartitionReport(
            topic=topic.name,
            partition=number,
            indexed=row.next_ordinal,
            compared=walk.done,
            trimmed=walk.trimmed,
            difference=difference,
            stopped=stop.is_set() and not difference and walk.done < row.next_ordinal,
            behind=waiting,
        )


def _behind(storage: Storage, row: IndexedPartition) -> int | None:
    """How much lies behind the row's checkpoint, as far as the store tells."""
    position = Position(topic=row.topic, partition=row.number, token=row.checkpoint) if row.checkpoint else None
    try:
        found = storage.amounts(row.topic, {row.number: position}).get(row.number)
    except InvalidPosition:
        return None  # the comparison itself will name it
    return found.behind if found else None


def _first_segment(row: IndexedPartition) -> int:
    found = BlockRow.objects.filter(partition_id=row.pk).order_by("first_ordinal").values_list("segment", flat=True)
    return found.first() or 0


def _first_difference(walk: _Walk, on_progress: OnProgress, stop: threading.Event) -> str:
    """In words; empty for none, or where it was stopped."""
    for first, segment, columns in blocks_of(walk.row):
        if isinstance(columns, str):
            return columns
        found = _compared(walk, first, segment, columns)
        if found or stop.is_set():
            return _in_words(walk, columns, first, min(found, key=lambda one: one.ordinal)) if found else ""
        walk.done += len(columns)
        on_progress(len(columns))
    return "" if stop.is_set() else _end_differs(walk)


def _end_differs(walk: _Walk) -> str:
    if walk.done != walk.row.next_ordinal:
        return f"the index says that it has {walk.row.next_ordinal:,} events, and has {walk.done:,}"
    if walk.last_token != walk.row.checkpoint:
        label = walk.log.label
        return f"the checkpoint is {label(walk.row.checkpoint)}, and the last event lies at {label(walk.last_token)}"
    if extra := finish(walk.keys):
        return _in_words(walk, Columns(), 0, Difference(*min(extra)))
    return check_counts(walk.row.pk, walk.counted, walk.row.next_ordinal)


def _compared(walk: _Walk, first: int, segment: int, columns: Columns) -> list[Difference]:
    """What differs in one block: of each kind the first, what says most of one event before the rest of it.

    Where it was stopped in between, nothing.
    """
    events: list[Event | None] = []
    found = _with_store(walk, first, columns, events)
    if found is None:
        return []
    found += _by_itself(walk, first, columns)
    found += anomalies_differ(walk.anomalies, first, columns, events)
    found += [Difference(*one) for one in check_keys(walk.keys, columns, first, segment)]
    walk.counted.add_hours(columns)
    return found


def _by_itself(walk: _Walk, first: int, columns: Columns) -> list[Difference]:
    """Order, streams and versions, which need no store."""
    found = []
    tokens = [walk.last_token, *columns.tokens]
    for place, (before, after) in enumerate(pairwise(tokens)):
        if before >= after:
            found.append(Difference(first + place, "its position does not lie behind that of the ordinal before it"))
            break
    walk.last_token = columns.tokens[-1]
    counted = walk.counted.versions(columns.streams)
    for place, (version, said) in enumerate(zip(counted, columns.versions, strict=True)):
        if version != said:
            found.append(Difference(first + place, f"its version is {version:,} by count, and {said:,} in the index"))
            break
    return found


def _with_store(walk: _Walk, first: int, columns: Columns, events: list[Event | None]) -> list[Difference] | None:
    """Hold the block against the next messages of the log, whose events go into ``events`` (``None`` for what is trimmed);
    ``None`` where it was stopped."""
    place = 0
    while place < len(columns):
        head = walk.log.head()
        if walk.log.stopped:
            return None
        token = columns.tokens[place]
        if head is None or head > token:
            if not walk.log.trimmed(token):
                goes_on = f"goes on with {walk.log.label(head)}" if head else "ends before it"
                return [Difference(first + place, f"the index has it, and the store does not: the store {goes_on}")]
            begins = [one for one in (head, walk.log.first) if one is not None]
            end = max(place + 1, bisect_left(columns.tokens, min(begins), place) if begins else len(columns))
            walk.trimmed += end - place
            events += [None] * (end - place)
            place = end
        elif head < token:
            return [Difference(first + place, _not_next(walk, head, columns.tokens[place:]))]
        else:
            run = walk.log.take_equal(columns.tokens[place:])
            read = read_again(walk.events, run)
            events += read
            if found := events_differ(walk.events, first + place, columns.part(place, place + len(run)), read):
                return found
            place += len(run)
    return []


def _not_next(walk: _Walk, head: str, tokens: list[str]) -> str:
    if head in tokens:
        return f"the index has it before the event at {walk.log.label(head)}, and the store behind it"
    return f"before it the store has an event at {walk.log.label(head)} that the index does not have"


def _in_words(walk: _Walk, columns: Columns, first: int, difference: Difference) -> str:
    place = difference.ordinal - first
    at = f" ({walk.log.label(columns.tokens[place])})" if 0 <= place < len(columns) else ""
    return f"ordinal {difference.ordinal:,}{at}: {difference.words}"
