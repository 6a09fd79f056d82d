"""A rebuild in progress: its rows, its leases and its goals."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import Max, QuerySet

from eventstore.config.commands import shell_command
from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.envelope.reading import Decode
from eventstore.index.indexer import leases
from eventstore.index.indexer.leases import Leased
from eventstore.index.indexer.made_anew import PartitionMadeAnew, verify
from eventstore.index.models import IndexedPartition
from eventstore.index.writing.partition import Memory, Partition, open_partition
from eventstore.model.errors import EventStoreError, ToldOnce
from eventstore.model.events import Topic
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)

GOALS_SECONDS = 2.0
"""Seconds after which the goals are read again from the live build and the store."""
RENEW = leases.LEASE.total_seconds() / 4

OnProgress = Callable[[int], object]
"""Called with the number of events, or segments, done since the last call."""


class AnotherRebuild(EventStoreError):
    """Another process rebuilds this topic, or has taken this rebuild over."""


class BegunOnAnother(EventStoreError):
    """The topic was made anew since the rebuild began: what that has built describes a log that is gone."""


class StillIndexed(EventStoreError):
    """The topic cannot be forgotten, because an indexer watches it."""


@dataclass(kw_only=True, slots=True)
class Work:
    """A rebuild in progress. ``reached`` and ``goals`` are tokens by partition: where the new build is, and where it has to
    get.
    """

    storage: Storage
    config: Config
    topic: Topic
    build: int
    owner: str
    values_of: ValuesOf | None
    memory: Memory
    batch: int
    on_progress: OnProgress
    stop: threading.Event
    decode: Decode
    epochs: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By partition: its row's id, and the epoch of the lease."""
    reached: dict[int, str] = field(default_factory=dict)
    goals: dict[int, str] = field(default_factory=dict)
    shortened: set[int] = field(default_factory=set)
    """Partitions whose live build has events at the end that the store no longer has."""
    goals_due: float = 0.0
    renewal_due: float = 0.0
    told: ToldOnce = field(default_factory=lambda: ToldOnce(log, "The swap of a rebuild"))


def rows_of(topic: str) -> "QuerySet[IndexedPartition]":
    return IndexedPartition.objects.filter(topic=topic)


def next_build(topic: str) -> int:
    return int(rows_of(topic).aggregate(build=Max("build"))["build"] or 0) + 1


def take_partitions(work: Work) -> None:
    """Create and lease the new build's row of every partition that the topic has by now."""
    work.topic = work.storage.log.topic(work.topic.name)
    rows = [
        IndexedPartition(topic=work.topic.name, number=number, kind=work.topic.kind.value, build=work.build, live=False)
        for number in range(work.topic.partitions)
        if number not in work.epochs
    ]
    IndexedPartition.objects.bulk_create(rows, ignore_conflicts=True)
    mine = rows_of(work.topic.name).filter(build=work.build, live=False)
    new = mine.exclude(pk__in=[row for row, _ in work.epochs.values()])
    epochs = take_all(work.owner, new)
    for row in mine.filter(pk__in=epochs):
        work.epochs[row.number] = (row.pk, epochs[row.pk])
        work.reached[row.number] = row.checkpoint


def take_all(owner: str, rows: "QuerySet[IndexedPartition]") -> dict[int, int]:
    wanted = [leased(row) for row in rows]
    epochs = leases.take(owner, wanted, live=False)
    if len(epochs) < len(wanted):
        raise AnotherRebuild("Another process is rebuilding this topic. Wait for its end, or stop it first.")
    return epochs


def leased(row: IndexedPartition) -> Leased:
    return Leased(
        id=row.pk,
        topic=row.topic,
        number=row.number,
        epoch=row.epoch,
        owner=row.owner,
        free=False,
        checkpoint=row.checkpoint,
    )


def open_to_fill(work: Work, number: int) -> Partition:
    """Open a partition of the new build. Raises ``BegunOnAnother`` if its checkpoint lies in another log of that name."""
    writing = open_partition(work.topic, number, work.memory, build=work.build)
    incarnation = work.storage.log.incarnation(work.topic.name, number)
    try:
        verify(work.storage.log, writing, incarnation, was_gone=False)
    except PartitionMadeAnew as error:
        raise begun_on_another(work, error) from error
    return writing


def begun_on_another(work: Work, error: Exception) -> BegunOnAnother:
    return BegunOnAnother(
        f"{error} What this rebuild has built describes the old one; the live index is as it was. "
        f"Begin the rebuild anew: {shell_command('rebuild_index', '--topic', work.topic.name, '--restart')}"
    )


def update_goals(work: Work) -> None:
    """Renew the leases, and set the goals: the live build's checkpoint, but no farther than the store's end."""
    if time.monotonic() >= work.renewal_due:
        leases.renew(work.owner)
        work.renewal_due = time.monotonic() + RENEW
    if time.monotonic() < work.goals_due:
        return
    live = dict(rows_of(work.topic.name).filter(live=True, ended_at=None).values_list("number", "checkpoint"))
    ends = {ends.partition: ends.last.token if ends.last else "" for ends in work.storage.log.ends(work.topic.name)}
    for number in work.epochs:
        end = ends.get(number, "")
        work.goals[number] = min(live.get(number, end), end)
        if live.get(number, "") > end:
            work.shortened.add(number)
    work.goals_due = time.monotonic() + GOALS_SECONDS


def partitions_behind(work: Work) -> list[int]:
    return [number for number in work.epochs if work.reached[number] < work.goals[number]]
