"""The events of one aggregate, by topic and partition: exact as far as the index has read, with what is trimmed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.lookup.pointers import time_of
from eventstore.index.lookup.stream_keys import count_within, stretch_of
from eventstore.index.models import StreamRow
from eventstore.index.tables.blocks import TIMELESS
from eventstore.index.tables.extents import live_streams
from eventstore.model.errors import EventStoreError
from eventstore.model.log import Ends, Log
from eventstore.model.merge import in_parallel
from eventstore.subscriptions.counting import is_fresh


@dataclass(frozen=True, kw_only=True, slots=True)
class EventsIn:
    """The aggregate's events in one partition.

    - ``trimmed``: how many of them the store no longer has; ``None`` if it does not tell.
    - ``behind``: the index may not have read all of the partition, so there may be more.
    - ``gone``: since when the store has no such topic, or has made it anew, so that these events are known to the index alone.
    """

    topic: str
    partition: int
    events: int
    first: datetime | None
    last: datetime | None
    trimmed: int | None
    behind: bool
    gone: datetime | None

    @property
    def left(self) -> int | None:
        """How many the store still has; ``None`` if it does not tell."""
        return None if self.trimmed is None else self.events - self.trimmed


def events_in(log: Log | None, type: str, id: str) -> Sequence[EventsIn]:
    """Return where the aggregate has events, by topic and partition. Asks the store where each partition begins, if it is
    given."""
    rows = live_streams().filter(aggregate_id=id, type__text=type).select_related("partition")
    ordered = list(rows.order_by("partition__topic", "partition__number", "pk"))
    ends = _ends(log, sorted({row.partition.topic for row in ordered if not _gone(row)})) if log is not None else {}
    begins = _begins([row for row in ordered if not _gone(row)], ends)
    return [_of_stream(row, begins.get(row.pk)) for row in ordered]


def _of_stream(row: StreamRow, begins: int | None) -> EventsIn:
    of, gone = row.partition, _gone(row)
    trimmed = None if begins is None else count_within(stretch_of(row), [(0, begins)]) if begins else 0
    return EventsIn(
        topic=of.topic,
        partition=of.number,
        events=row.events,
        first=_time(row.first_time),
        last=_time(row.last_time),
        trimmed=row.events if gone else trimmed,
        behind=gone is None and not is_fresh(of, timezone.now()),
        gone=gone,
    )


def _gone(row: StreamRow) -> datetime | None:
    return row.partition.ended_at or row.partition.gone_at


def _ends(log: Log, topics: Sequence[str]) -> Mapping[tuple[str, int], Ends]:
    """What the store tells of these topics' partitions, asked side by side."""

    def told(topic: str) -> Sequence[Ends]:
        try:
            return log.ends(topic)
        except EventStoreError:  # away, or it refuses this topic: the index's own counts stand
            return ()

    found = in_parallel(told, topics, log.capabilities.parallel_reads)
    return {(topic, each.partition): each for topic, ends in found.items() for each in ends}


def _begins(rows: Sequence[StreamRow], ends: Mapping[tuple[str, int], Ends]) -> Mapping[int, int]:
    """Return the ordinal of the first event that the store still has in each stream's partition, by stream. Those of which it
    does not tell are left out."""
    told = {row: ends[shard] for row in rows if (shard := (row.partition.topic, row.partition.number)) in ends}
    ordinals = ordinals_in((row.partition, each.first.beginning) for row, each in told.items() if each.first is not None)
    return {
        row.pk: row.partition.next_ordinal if each.first is None else ordinals[each.first.beginning]
        for row, each in told.items()
    }


def _time(microseconds: int) -> datetime | None:
    return None if microseconds <= TIMELESS else time_of(microseconds)
