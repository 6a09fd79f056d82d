"""Compare the index with the store: read every message up to the checkpoint again, and compare it with its pointer.

A check reads with plain readers, a bounded piece at a time, and may run while indexers run. Each partition is compared up to
the checkpoint that it has when its turn comes.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.index.check.anomalies import AnomalyCheck
from eventstore.index.check.comparison import OnProgress, PartitionCheck, first_difference
from eventstore.index.check.events import Comparison
from eventstore.index.check.keys import key_check
from eventstore.index.check.log import Log, open_log
from eventstore.index.indexer.made_anew import why_another_log
from eventstore.index.models import BlockRow, IndexedPartition, current_partitions
from eventstore.index.tables.declared import UNKNOWN, declaration_by, first_other
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position, Topic
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionReport:
    """What the check of one partition found. ``difference`` is empty where there is none."""

    topic: str
    partition: int
    indexed: int
    """Events that the index had when the check began."""
    compared: int = 0
    """Events that were compared before the end, a difference or a stop."""
    trimmed: int = 0
    """Events at the beginning that the store no longer has. Of these the check compares only the index's own order."""
    difference: str = ""
    stopped: bool = False
    behind: int | None = None
    """What the store had after the checkpoint when the check began, in the log's ``amount_unit``; ``None`` if unknown."""
    values_left_out: bool = False
    """Whether older events are still being given the values that are declared now, so that none were compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _TopicCheck:
    """What the check of one topic works with."""

    storage: Storage
    config: Config
    topic: Topic
    on_progress: OnProgress
    stop: threading.Event
    values_of: ValuesOf | None


def check_topic(
    storage: Storage,
    config: Config,
    topic: Topic,
    on_progress: OnProgress,
    stop: threading.Event,
    values_of: ValuesOf | None = None,
) -> list[PartitionReport]:
    """Compare every partition of the topic, in order of number. Each report names the first difference.

    A partition that the index does not have is a difference if the store has events in it. Raises ``StoreUnreachable`` if the
    store stops delivering before a checkpoint; the remaining partitions are then not checked.
    """
    check = _TopicCheck(storage=storage, config=config, topic=topic, on_progress=on_progress, stop=stop, values_of=values_of)
    numbers = list(_live_rows(topic.name).order_by("number").values_list("number", flat=True))
    return [_check_partition(check, number) for number in numbers] + _not_indexed(storage, topic, numbers)


def _check_partition(check: _TopicCheck, number: int) -> PartitionReport:
    """Compare one partition. If a rebuild replaces its rows in the meantime, or its values change, start again."""
    while True:
        row = _live_rows(check.topic.name).get(number=number)
        if row.kind != check.topic.kind.value:
            return _not_compared(
                check, row, f"it is indexed as {row.kind}, and the topic is {check.topic.kind.value} now: rebuild it"
            )
        if why := why_another_log(check.storage.log, row):
            return _not_compared(check, row, f"the topic was made anew: {why}. An indexer that runs begins anew beside it")
        report = _compare(check, row)
        if report.difference and (_is_replaced(row) or _is_passed_over(row)):
            check.on_progress(-report.compared)
            continue
        if report.difference:
            check.on_progress(row.next_ordinal - report.compared)
        return report


def _not_compared(check: _TopicCheck, row: IndexedPartition, difference: str) -> PartitionReport:
    """Report a partition that differs as a whole: comparing its events would only show that."""
    check.on_progress(row.next_ordinal)
    return PartitionReport(topic=row.topic, partition=row.number, indexed=row.next_ordinal, difference=difference)


def _compare(check: _TopicCheck, row: IndexedPartition) -> PartitionReport:
    """Compare the row's events with the log, up to the first difference or a stop."""
    behind = _behind(check.storage, row)
    with open_log(check.storage, check.topic, row, check.stop) as log:
        partition = _partition_check(check, row, log)
        difference = first_difference(partition, check.on_progress, check.stop)
    return PartitionReport(
        topic=row.topic,
        partition=row.number,
        indexed=row.next_ordinal,
        compared=partition.done,
        trimmed=partition.trimmed,
        difference=difference,
        stopped=check.stop.is_set() and not difference and partition.done < row.next_ordinal,
        behind=behind,
        values_left_out=partition.events.values_of is not check.values_of,
    )


def _partition_check(check: _TopicCheck, row: IndexedPartition, log: Log) -> PartitionCheck:
    fingerprint = declaration_by(check.values_of, check.topic).fingerprint
    compares_values = fingerprint == UNKNOWN or first_other(row.declared, row.next_ordinal, fingerprint) is None
    return PartitionCheck(
        row=row,
        log=log,
        events=Comparison(
            topic=check.topic,
            partition=row.pk,
            mappings=check.config.mappings,
            decode=Schemas(check.storage.schemas).decoded,
            values_of=check.values_of if compares_values else None,
        ),
        keys=key_check(row.pk, row.next_ordinal, _first_segment(row), row.segment, values=compares_values),
        anomalies=AnomalyCheck(partition=row.pk, derived=check.topic.derived),
    )


def _is_replaced(row: IndexedPartition) -> bool:
    """Return whether a rebuild has replaced this row since it was read. Its pointers are then being removed."""
    return not _live_rows(row.topic).filter(pk=row.pk).exists()


def _is_passed_over(row: IndexedPartition) -> bool:
    """Return whether values of its events have changed since the row was read: by an indexer, the second pass or a request to
    forget them."""
    return _live_rows(row.topic).filter(pk=row.pk).exclude(declared=row.declared, rewritten=row.rewritten).exists()


def _behind(storage: Storage, row: IndexedPartition) -> int | None:
    """Return how much the store has after the row's checkpoint, or ``None`` if it does not say."""
    position = Position(topic=row.topic, partition=row.number, token=row.checkpoint) if row.checkpoint else None
    try:
        amounts = storage.log.amounts(row.topic, {row.number: position}).get(row.number)
    except InvalidPosition:
        return None  # the comparison itself will name it
    return amounts.behind if amounts else None


def _first_segment(row: IndexedPartition) -> int:
    blocks = BlockRow.objects.filter(partition_id=row.pk).order_by("first_ordinal")
    return blocks.values_list("segment", flat=True).first() or 0


def _not_indexed(storage: Storage, topic: Topic, indexed: Collection[int]) -> list[PartitionReport]:
    """Report the partitions that the index has no row of."""
    missing = set(range(topic.partitions)).difference(indexed)
    if not missing:
        return []
    amounts = storage.log.amounts(topic.name, dict.fromkeys(missing))
    return [
        PartitionReport(
            topic=topic.name,
            partition=ends.partition,
            indexed=0,
            difference="it is not indexed, and the store has events of it" if ends.last else "",
            behind=amounts[ends.partition].behind if ends.partition in amounts else None,
        )
        for ends in storage.log.ends(topic.name)
        if ends.partition in missing
    ]


def _live_rows(topic: str) -> "QuerySet[IndexedPartition]":
    return current_partitions().filter(topic=topic)
