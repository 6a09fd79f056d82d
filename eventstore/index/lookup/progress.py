"""How far the index is: what pages and commands read, and what indexers note for them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from eventstore.index.models import IndexedPartition, IndexerRow
from eventstore.index.tables import sql
from eventstore.index.tables.extents import current_partitions, live_partitions
from eventstore.model.events import Position
from eventstore.model.progress import IndexProgress, TopicMadeAnew, TopicProgress, TroubledPartition
from eventstore.prepared import Prepared

PIECE = 500
STALE = timedelta(seconds=15)
"""Age from which a measured rate no longer counts: its indexer has gone."""


def topics() -> list[TopicProgress]:
    """Return the progress of every topic in the index, by name."""
    now = timezone.now()
    rows = sorted(current_partitions().defer("checkpoint"), key=lambda row: row.topic)
    return [_topic(name, list(some), now) for name, some in groupby(rows, key=lambda row: row.topic)]


_RUNNING = Prepared(lambda: IndexerRow.objects.filter(until__gt=Now()).values_list("owner"))


def running_indexers() -> int:
    """Return how many indexers run, whether or not they have a partition. One that was killed counts for some seconds."""
    return len(_RUNNING())


def made_anew() -> list[TopicMadeAnew]:
    """Return the topics that were made anew since they were first indexed, the latest first."""
    rows = live_partitions().filter(ended_at__isnull=False).order_by("-ended_at", "topic", "number")
    by_topic: dict[str, list[IndexedPartition]] = {}
    for row in rows:
        by_topic.setdefault(row.topic, []).append(row)
    ours = IndexedPartition.objects.filter(live=True, topic__in=sorted(by_topic)).values_list("topic", "number").distinct()
    numbers: dict[str, set[int]] = {}
    for topic, number in ours:
        numbers.setdefault(topic, set()).add(number)
    return [_made_anew(some, numbers[topic]) for topic, some in by_topic.items()]


def troubled() -> list[TroubledPartition]:
    """Return the partitions whose indexer fails again and again, those first that have failed for longest."""
    rows = current_partitions().filter(gone_at__isnull=True, trouble_since__isnull=False)
    return [_troubled(row) for row in rows.order_by("trouble_since", "topic", "number")]


def combined(progress: Sequence[IndexProgress]) -> IndexProgress:
    """Add these up to one progress."""
    moments = [one.caught_up_at for one in progress]
    known = [one.behind for one in progress if one.behind is not None]
    return IndexProgress(
        partitions=sum(one.partitions for one in progress),
        caught_up=sum(one.caught_up for one in progress),
        indexed=sum(one.indexed for one in progress),
        behind=sum(known) if len(known) == len(progress) else None,
        exact=all(one.exact for one in progress),
        rate=sum(one.rate for one in progress),
        caught_up_at=min(_all_or_none(moments), default=None),
        published=min((one.published for one in progress if one.published), default=None),
    )


def note_caught_up(rows: Sequence[int], moment: datetime) -> None:
    """Note that everything which these partitions held at this moment is indexed."""
    for start in range(0, len(rows), PIECE):
        some = IndexedPartition.objects.filter(pk__in=rows[start : start + PIECE])
        some.filter(Q(caught_up_at__isnull=True) | Q(caught_up_at__lt=moment)).update(caught_up_at=moment)


def note_nothing_waits(owner: str, moment: datetime) -> None:
    """Note that nothing waits in the partitions that were indexed up to this moment and that no other indexer has."""
    rows = current_partitions().filter(caught_up_at__gte=moment, behind__gt=0, owner__in=("", owner))
    rows.update(behind=0, measured_at=Now())


def note(measured: Mapping[int, IndexProgress]) -> None:
    """Write how far each of these partition rows is."""
    if not measured:
        return
    sql.select(
        "UPDATE index_indexedpartition SET rate = given.rate, behind = given.behind, behind_exact = given.exact "
        "FROM {given} WHERE id = given.which RETURNING id",
        {"which": "bigint", "rate": "double precision", "behind": "bigint", "exact": "boolean"},
        [(row, one.rate, one.behind, one.exact) for row, one in measured.items()],
    )
    IndexedPartition.objects.filter(pk__in=list(measured)).update(measured_at=timezone.now())


def _topic(name: str, rows: Sequence[IndexedPartition], now: datetime) -> TopicProgress:
    watched = [row for row in rows if row.gone_at is None]
    return TopicProgress(
        topic=name,
        kind=rows[0].kind,
        progress=combined([_partition(row, now) for row in watched or rows]),
        gone_at=None if watched else max((row.gone_at for row in rows if row.gone_at), default=None),
        indexers=len({row.owner for row in rows if row.owner and row.leased_until and row.leased_until > now}),
    )


def _made_anew(rows: Sequence[IndexedPartition], numbers: Collection[int]) -> TopicMadeAnew:
    """What is told of these ended rows of a topic whose partitions have these numbers."""
    last = rows[0]
    assert last.ended_at is not None
    ended = sorted({row.number for row in rows})
    return TopicMadeAnew(
        topic=last.topic,
        at=last.ended_at,
        why=last.ended_why.removeprefix(f"{last.topic} partition {last.number} was made anew: "),
        events=sum(row.next_ordinal for row in rows),
        partitions=ended if len(ended) < len(numbers) else (),
    )


def _troubled(row: IndexedPartition) -> TroubledPartition:
    assert row.trouble_since is not None
    return TroubledPartition(
        topic=row.topic,
        partition=row.number,
        after=Position(topic=row.topic, partition=row.number, token=row.checkpoint) if row.checkpoint else None,
        reason=row.trouble,
        since=row.trouble_since,
    )


def _partition(row: IndexedPartition, now: datetime) -> IndexProgress:
    fresh = row.measured_at is not None and now - row.measured_at <= STALE
    return IndexProgress(
        partitions=1,
        caught_up=int(row.behind == 0),
        indexed=row.next_ordinal,
        behind=row.behind,
        exact=row.behind_exact,
        rate=row.rate if fresh else 0.0,
        caught_up_at=row.caught_up_at,
        published=row.indexed_published_at if row.behind else None,
    )


def _all_or_none(moments: Iterable[datetime | None]) -> list[datetime]:
    """Return the moments; none of them if one is missing."""
    found = list(moments)
    known = [moment for moment in found if moment is not None]
    return known if len(known) == len(found) else []
