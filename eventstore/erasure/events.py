"""The events of one aggregate, by topic and partition: exact as far as the index has read, with what is trimmed of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from eventstore.index.lookup.ordinals import ordinal_after
from eventstore.index.lookup.pointers import time_of
from eventstore.index.lookup.stream_keys import count_within, stretch_of
from eventstore.index.models import StreamRow
from eventstore.index.tables.blocks import TIMELESS
from eventstore.index.tables.extents import live_streams
from eventstore.model.errors import EventStoreError
from eventstore.model.log import Ends, Log
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


def events_in(log: Log, type: str, id: str) -> Sequence[EventsIn]:
    """Return where the aggregate has events, by topic and partition. Asks the store where each partition begins."""
    rows = live_streams().filter(aggregate_id=id, type__text=type).select_related("partition")
    ordered = list(rows.order_by("partition__topic", "partition__number", "pk"))
    ends = {topic: _ends(log, topic) for topic in {row.partition.topic for row in ordered if not _gone(row)}}
    return [_of_stream(row, ends.get(row.partition.topic)) for row in ordered]


def _of_stream(row: StreamRow, ends: dict[int, Ends] | None) -> EventsIn:
    of, gone = row.partition, _gone(row)
    return EventsIn(
        topic=of.topic,
        partition=of.number,
        events=row.events,
        first=_time(row.first_time),
        last=_time(row.last_time),
        trimmed=row.events if gone else _trimmed(row, ends),
        behind=gone is None and not is_fresh(of, timezone.now()),
        gone=gone,
    )


def _gone(row: StreamRow) -> datetime | None:
    return row.partition.ended_at or row.partition.gone_at


def _ends(log: Log, topic: str) -> dict[int, Ends] | None:
    try:
        return {each.partition: each for each in log.ends(topic)}
    except EventStoreError:  # away, or it refuses this topic: the index's own counts stand
        return None


def _trimmed(row: StreamRow, ends: dict[int, Ends] | None) -> int | None:
    """Count the stream's events before the first one that the partition still has."""
    if ends is None or row.partition.number not in ends:
        return None
    first = ends[row.partition.number].first
    start = ordinal_after(row.partition, first.beginning) if first is not None else row.partition.next_ordinal
    return count_within(stretch_of(row), [(0, start)]) if start else 0


def _time(microseconds: int) -> datetime | None:
    return None if microseconds <= TIMELESS else time_of(microseconds)
