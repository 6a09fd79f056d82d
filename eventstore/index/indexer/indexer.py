"""The writing thread's work: what the readers hand over goes into the index, and in between the house is kept: leases, what
has caught up, how far everything is.

All that an indexer writes into the index comes from this one thread: SQLite has one writer, and two threads of a process
would only wait for each other.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from eventstore.index.indexer import leases
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import Batch
from eventstore.index.indexer.leases import Leased
from eventstore.index.indexer.reader_threads import Readers, report
from eventstore.index.indexer.throughput import Meter
from eventstore.index.lookup import progress
from eventstore.index.writing.writer import write_prepared
from eventstore.model.events import Position, Topic
from eventstore.model.progress import Progress

log = logging.getLogger(__name__)

HOUSEKEEPING = 1.0
RENEW = leases.LEASE.total_seconds() / 4
FREE_FOR = 5.0
"""Seconds after which anybody takes a free partition, whose share ever it is."""
LATE = timedelta(seconds=2)
"""A partition that has not come to its end after so long is behind."""
MOST_STREAMS = 1_000_000
"""Streams that the writers of all partitions together remember."""

Shard = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """Where a partition ended at a moment; ``last`` is ``None`` where it was empty."""

    at: datetime
    last: Position | None

    def reached(self, token: str) -> bool:
        """Whether everything up to here is indexed."""
        return self.last is None or self.last.token <= token

    def is_before(self, other: "End") -> bool:
        """Whether the partition ends earlier than the other says."""
        return other.last is not None and (self.last is None or self.last.token < other.last.token)


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexerStatus:
    """How this process stands. ``elsewhere`` counts the partitions that other indexers have, or nobody yet."""

    progress: Progress
    elsewhere: int


class Indexer:
    """Belongs to the writing thread; the watching one replaces ``topics`` and fills ``ends``.

    ``done`` says of a partition whether its work is over, so that it is let go and not taken again: then all that is left
    counts as behind, else what is late.
    """

    def __init__(
        self,
        owner: str,
        readers: Readers,
        meter: Meter,
        *,
        on_batch: Callable[[str, int, int], None],
        on_look: Callable[[IndexerStatus], None],
        done: Callable[[Leased], bool] | None,
    ) -> None:
        self.owner, self.readers, self.meter = owner, readers, meter
        self.on_batch, self.on_look, self.done = on_batch, on_look, done
        self.over = threading.Event()
        self.topics: Mapping[str, Topic] | None = None
        """What there is; ``None`` while the store has not told yet."""
        self.ends: dict[Shard, End] = {}
        """Ends that are waited for: they are taken out when they are reached."""
        self.held: dict[int, AssignedPartition] = {}
        self.total = 0
        self.left: list[Leased] = []
        """The partitions that are to be indexed, whoever does, as of the last look."""
        self._look_at, self._renew_at = 0.0, 0.0
        self._wants_more = False
        self._free_since: dict[int, float] = {}
        self._other_kinds: set[str] = set()
        """The topics of which it was said that they are indexed as another kind than they are."""

    def step(self, timeout: float) -> None:
        """Write what the readers hand over within so many seconds, and keep the house when it is time to."""
        batch = self.readers.handover.take(timeout)
        if batch is not None:
            self._write(batch)
        if time.monotonic() >= self._look_at:
            self.rebalance()

    def look_soon(self) -> None:
        """Keep the house at the next step. From any thread."""
        self._look_at = 0.0

    def rebalance(self) -> None:
        """``DatabaseError`` where the index does not answer: nothing is lost, do it again."""
        self._look_at = time.monotonic() + HOUSEKEEPING
        topics = self.topics  # once: the watching thread may replace it meanwhile
        found = leases.partitions()
        wanted = _wanted(topics or {}, found)
        if leases.make_partitions((topics or {}).values(), {(leased.topic, leased.number) for leased in found}):
            found = leases.partitions()
            wanted = _wanted(topics or {}, found)
        self.left = [leased for leased in wanted if not self.done(leased)] if self.done else wanted
        self._note_caught_up(found)
        self._drop_lost(self.left)
        self._share(self.left, topics or {})
        if topics is not None:
            _note_gone(found, wanted)
            self._say_other_kinds(topics, wanted)
        self._forget_streams()
        self._measure()

    def held_now(self) -> list[AssignedPartition]:
        """The partitions that this process has. From any thread."""
        return list(self.held.values())

    def late(self) -> list[AssignedPartition]:
        """Those that have not come to their end. From any thread."""
        before = timezone.now() - (timedelta(0) if self.done else LATE)
        late = {shard for shard, end in list(self.ends.items()) if end.at <= before}
        return [followed for followed in self.held_now() if (followed.topic.name, followed.number) in late]

    def leave(self) -> None:
        """Let go of everything."""
        for followed in self.held.values():
            followed.gone = True
        self.held.clear()
        leases.leave(self.owner)

    def _write(self, batch: Batch) -> None:
        opened = batch.opened
        followed = opened.followed
        if opened.failed or followed.gone:
            return
        count = len(batch.draft)
        try:
            write_prepared(opened.writing, batch.draft)
        except Exception as error:  # noqa: BLE001 -- whatever one partition's events do, the others go on
            opened.failed = True
            followed.errors = [error]
            report(followed, error)
            connections.close_all()
            return
        followed.well(batch.draft.published)
        self.total += count
        self.on_batch(followed.topic.name, followed.number, count)
        end = self.ends.get((followed.topic.name, followed.number))
        position = opened.writing.checkpoint.position
        if end is not None and position is not None and end.reached(position.token):
            self.look_soon()

    def _drop_lost(self, left: Collection[Leased]) -> None:
        """Partitions that another indexer has, or that are not to be indexed any more."""
        mine = {leased.id: leased for leased in left if leased.owner == self.owner}
        lost = [row for row, held in self.held.items() if row not in mine or mine[row].epoch != held.epoch]
        # A lease that this process does not know of: it took it and could not read the answer.
        stray = [row for row in mine if row not in self.held]
        if lost or stray:
            self._let_go([*lost, *stray])

    def _let_go(self, rows: Collection[int]) -> None:
        for row in rows:
            followed = self.held.pop(row, None)
            if followed is not None:
                followed.gone = True
                self.ends.pop((followed.topic.name, followed.number), None)
        leases.let_go(self.owner, rows)

    def _share(self, left: Collection[Leased], topics: Mapping[str, Topic]) -> None:
        """Take what is free and let go what is too much, so that all indexers have the same, more or less."""
        others = leases.others(self.owner)
        somebody_wants_more = any(member.wants_more for member in others)
        share = leases.share_of(self.owner, others, len(left))
        if somebody_wants_more and len(self.held) > share:
            self._let_go(sorted(self.held)[share:])
        self._take(left, topics, len(left) if not somebody_wants_more else share)
        wants_more = len(self.held) < min(share, len(left))
        if wants_more != self._wants_more or time.monotonic() >= self._renew_at:
            leases.attend(self.owner, wants_more=wants_more)
            leases.renew(self.owner)
            self._wants_more, self._renew_at = wants_more, time.monotonic() + RENEW

    def _take(self, left: Collection[Leased], topics: Mapping[str, Topic], most: int) -> None:
        """Lease what is free, up to so many; and what nobody wants."""
        now = time.monotonic()
        free = [leased for leased in left if leased.free]
        self._free_since = {leased.id: self._free_since.get(leased.id, now) for leased in free}
        for_long = [leased for leased in free if now - self._free_since[leased.id] > FREE_FOR]
        room = max(0, most - len(self.held))
        chosen = {leased.id: leased for leased in [*for_long, *free[:room]]}
        if not chosen:
            return
        for row, epoch in leases.take(self.owner, list(chosen.values())).items():
            leased = chosen[row]
            # As what it was begun: a build of which one half are originals and the other copies would be neither.
            topic = replace(topics[leased.topic], kind=leased.kind)
            followed = AssignedPartition(topic=topic, number=leased.number, row=row, epoch=epoch)
            self.held[row] = followed
            self.readers.schedule.put(followed, now)

    def _note_caught_up(self, found: Iterable[Leased]) -> None:
        """Note those whose end, as it was at some moment, is indexed: whoever has indexed it."""
        reached: dict[datetime, list[int]] = {}
        for leased in found:
            end = self.ends.get((leased.topic, leased.number))
            held = self.held.get(leased.id)
            opened = held.opened if held else None  # once: a reading thread may close it meanwhile
            # Newer than the row that was read before, where it is ours.
            position = opened.writing.checkpoint.position if opened else None
            if end is not None and (end.reached(leased.checkpoint) or (position and end.reached(position.token))):
                reached.setdefault(end.at, []).append(leased.id)
                del self.ends[leased.topic, leased.number]
        for moment, rows in reached.items():
            progress.note_caught_up(rows, moment)

    def _say_other_kinds(self, topics: Mapping[str, Topic], wanted: Iterable[Leased]) -> None:
        other = {leased.topic: leased.kind for leased in wanted if leased.kind is not topics[leased.topic].kind}
        for name in sorted(other.keys() - self._other_kinds):
            is_now = topics[name].kind
            log.warning("%s is indexed as %s, and is %s now: rebuild_index --topic %s", name, other[name], is_now, name)
        self._other_kinds = set(other)

    def _measure(self) -> None:
        held = self.held_now()
        self.meter.note(held, self.late())
        if self.meter.now is not None:
            self.on_look(IndexerStatus(progress=self.meter.now, elsewhere=len(self.left) - len(held)))

    def _forget_streams(self) -> None:
        """Keep what all partitions together remember within bounds: it is read again where it is needed."""
        writing = [opened.writing for followed in self.held.values() if (opened := followed.opened)]
        if sum(len(partition.known) for partition in writing) > MOST_STREAMS:
            for partition in writing:
                partition.known.clear()


def _wanted(topics: Mapping[str, Topic], found: Iterable[Leased]) -> list[Leased]:
    """Those of these partitions that are of a topic which there is."""
    return [leased for leased in found if leased.topic in topics and leased.number < topics[leased.topic].partitions]


def _note_gone(found: Iterable[Leased], wanted: Collection[Leased]) -> None:
    """Note which partitions have gone from the store, and which are there again."""
    there = {leased.id for leased in wanted}
    if gone := [leased.id for leased in found if leased.id not in there and leased.free and not leased.gone]:
        leases.note_gone(gone)
    if back := [leased.id for leased in wanted if leased.gone]:
        leases.note_back(back)
