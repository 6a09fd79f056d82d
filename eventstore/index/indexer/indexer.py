"""The writing thread's work: write what the readers deliver, share the partitions with other indexers, note the progress, and
merge segments while nothing waits.

Everything that an indexer writes into the index comes from this one thread. SQLite has one writer, and two threads of a
process would only wait for each other.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone

from eventstore.config.commands import shell_command
from eventstore.index.indexer import leases
from eventstore.index.indexer.assigned_partition import AssignedPartition, OpenPartition
from eventstore.index.indexer.batch_queue import Batch, room_beside, write_together
from eventstore.index.indexer.failures import Answers
from eventstore.index.indexer.leases import Leased
from eventstore.index.indexer.made_anew import begin_anew
from eventstore.index.indexer.reader_threads import Readers
from eventstore.index.indexer.throughput import IndexerStatus, Meter
from eventstore.index.lookup import progress
from eventstore.index.segments.merging import Merging
from eventstore.model.events import Position, Topic

log = logging.getLogger(__name__)

REBALANCE_SECONDS, CALM = 1.0, 2
"""Seconds from one look at the shares to the next; so many times as long while nothing is written."""
REBALANCE_REST = 4
"""For how many times as long as the last look took, partitions that come to their ends are no reason for another one."""
RENEW = leases.LEASE.total_seconds() / 4
FREE_FOR = 5.0
"""Seconds after which any indexer takes a free partition, even beyond its share."""
LATE = timedelta(seconds=2)
"""A partition that has not reached its end after this time is behind."""
MOST_STREAMS = 1_000_000
"""Streams that the writers of all partitions keep in memory together."""

Shard = tuple[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """Where a partition ended at a moment. ``last`` is ``None`` if it was empty."""

    at: datetime
    last: Position | None

    def reached(self, token: str) -> bool:
        """Return whether everything up to this end is indexed, given the checkpoint's token.

        An end that lay before the checkpoint when it was asked for is none of this log (``made_anew``): it is not waited for.
        """
        return self.last is None or self.last.token <= token

    def is_before(self, other: "End") -> bool:
        """Return whether this end lies before the other one."""
        return other.last is not None and (self.last is None or self.last.token < other.last.token)


class Indexer:
    """Belongs to the writing thread. The watching thread replaces ``topics``, fills ``ends``, notes ``answers`` and
    ``store_away``.

    ``done`` returns whether the work on a partition is over. Such a partition is released and not taken again. With ``done``,
    every partition that is left counts as behind; without it, only those that are late.
    """

    def __init__(
        self,
        owner: str,
        readers: Readers,
        meter: Meter,
        *,
        on_batch: Callable[[str, int, int], None],
        on_status: Callable[[IndexerStatus], None],
        done: Callable[[Leased], bool] | None,
    ) -> None:
        self.owner, self.readers, self.meter, self.merging = owner, readers, meter, Merging(owner)
        self.on_batch, self.on_status, self.done = on_batch, on_status, done
        self.over = threading.Event()
        self.topics: Mapping[str, Topic] | None = None
        """The topics that exist; ``None`` until the store has answered."""
        self.ends: dict[Shard, End] = {}
        """Ends that have not been reached yet."""
        self.answers = Answers()
        self.store_away = False
        self.held: dict[int, AssignedPartition] = {}
        self.total = self._total_before = 0
        self.left: list[Leased] = []
        """The partitions to be indexed by any indexer, as of the last ``rebalance``."""
        self._rebalance_at, self._rested_at, self._renew_at = 0.0, 0.0, 0.0
        self._wants_more = False
        self._free_since: dict[int, float] = {}
        self._other_kinds: set[str] = set()
        """The topics for which a warning was logged that they are indexed as another kind."""

    def step(self, timeout: float) -> None:
        """Write the next batch if one comes within ``timeout`` seconds, with those behind it, and rebalance if it is due."""
        due = self._rebalance_at if self.done else min(self._rebalance_at, self.merging.due)
        batch = self.readers.queue.take(max(0.0, min(timeout, due - time.monotonic())))
        if batch is not None:
            self._write([batch, *self.readers.queue.ready(room_beside(batch))])
        if time.monotonic() >= self._rebalance_at:
            self.rebalance()
        if not self.done and time.monotonic() >= self.merging.due:
            self._merge()

    def _merge(self) -> None:
        late = any(not assigned.failures for assigned in self.late())  # one that fails may do so for ever
        self.merging.step(late=late or self.topics is None, waits=not self.readers.queue.is_empty())

    def rebalance_soon(self) -> None:
        """Make the next step rebalance, or one soon after. May be called from any thread."""
        self._rebalance_at = min(self._rebalance_at, self._rested_at)

    def rebalance(self) -> None:
        """Update the leases, what has caught up, and the progress.

        Raises ``DatabaseError`` if the index's database does not answer. Nothing is lost then: call it again.
        """
        begun = time.monotonic()
        self._rebalance_at = begun + REBALANCE_SECONDS * (CALM if self.total == self._total_before else 1)
        self._total_before = self.total
        self._begin_anew()
        topics = self.topics  # read once: the watching thread may replace it
        found = leases.partitions()
        wanted = _wanted(topics or {}, found)
        if leases.make_partitions((topics or {}).values(), {(leased.topic, leased.number) for leased in found}):
            found = leases.partitions()
            wanted = _wanted(topics or {}, found)
        self.left = [leased for leased in wanted if not self.done(leased)] if self.done else wanted
        self._note_caught_up(found)
        self._note_trouble(found)
        self._drop_lost(self.left)
        self._share(self.left, topics or {})
        if topics is not None:
            _mark_gone(found, wanted)
            self._warn_of_other_kinds(topics, wanted)
        self._forget_streams()
        self._measure()
        self._rested_at = time.monotonic() + REBALANCE_REST * (time.monotonic() - begun)

    def held_now(self) -> list[AssignedPartition]:
        """Return the partitions that this process has. May be called from any thread."""
        return list(self.held.values())

    def late(self) -> list[AssignedPartition]:
        """Return the partitions that have not reached their end. May be called from any thread."""
        before = timezone.now() - (timedelta(0) if self.done else LATE)
        late = {shard for shard, end in list(self.ends.items()) if end.at <= before}
        return [assigned for assigned in self.held_now() if (assigned.topic.name, assigned.number) in late]

    def leave(self) -> None:
        """Release all partitions."""
        for assigned in self.held.values():
            assigned.gone = True
        self.held.clear()
        leases.leave(self.owner)

    def _write(self, batches: Sequence[Batch]) -> None:
        written, left = write_together(batches)
        self.readers.queue.put_back(left)
        for batch in written:
            opened, assigned, count = batch.opened, batch.opened.assigned, len(batch.prepared)
            self.total += count
            self.on_batch(assigned.topic.name, assigned.number, count)
            if self._is_at_its_end(opened):
                self.rebalance_soon()

    def _is_at_its_end(self, opened: OpenPartition) -> bool:
        """Return whether the partition has just reached the end that is waited for."""
        end = self.ends.get((opened.assigned.topic.name, opened.assigned.number))
        position = opened.writing.checkpoint.position
        return end is not None and position is not None and end.reached(position.token)

    def _drop_lost(self, left: Collection[Leased]) -> None:
        """Drop partitions that another indexer has, or that are no longer to be indexed."""
        mine = {leased.id: leased for leased in left if leased.owner == self.owner}
        lost = [row for row, held in self.held.items() if row not in mine or mine[row].epoch != held.epoch]
        # A lease of ours that this process does not know: it was taken, but the database's answer was lost.
        stray = [row for row in mine if row not in self.held]
        if lost or stray:
            self._release([*lost, *stray])

    def _release(self, rows: Collection[int]) -> None:
        for row in rows:
            assigned = self.held.pop(row, None)
            if assigned is not None:
                assigned.gone = True
                self.ends.pop((assigned.topic.name, assigned.number), None)
        leases.release(self.owner, rows)

    def _share(self, left: Collection[Leased], topics: Mapping[str, Topic]) -> None:
        """Take free partitions and release those above the share, so that all indexers have about the same number."""
        others = leases.others(self.owner)
        somebody_wants_more = any(member.wants_more for member in others)
        share = leases.share_of(self.owner, others, len(left))
        if somebody_wants_more and len(self.held) > share:
            self._release(sorted(self.held)[share:])
        self._take(left, topics, len(left) if not somebody_wants_more else share)
        wants_more = len(self.held) < min(share, len(left))
        if wants_more != self._wants_more or time.monotonic() >= self._renew_at:
            leases.heartbeat(self.owner, wants_more=wants_more)
            leases.renew(self.owner)
            self._wants_more, self._renew_at = wants_more, time.monotonic() + RENEW

    def _take(self, left: Collection[Leased], topics: Mapping[str, Topic], most: int) -> None:
        """Lease free partitions until this process has ``most``, and any that have been free for long."""
        now = time.monotonic()
        free = [leased for leased in left if leased.free]
        self._free_since = {leased.id: self._free_since.get(leased.id, now) for leased in free}
        for_long = [leased for leased in free if now - self._free_since[leased.id] > FREE_FOR]
        wanting = max(0, most - len(self.held))
        chosen = {leased.id: leased for leased in [*for_long, *free[:wanting]]}
        if not chosen:
            return
        for row, epoch in leases.take(self.owner, list(chosen.values())).items():
            leased = chosen[row]
            # A build keeps the kind that it began with: half originals and half copies would be neither.
            topic = replace(topics[leased.topic], kind=leased.kind)
            assigned = AssignedPartition(topic=topic, number=leased.number, row=row, epoch=epoch, was_gone=leased.gone)
            self.held[row] = assigned
            self.readers.schedule.put(assigned, now)

    def _begin_anew(self) -> None:
        """Begin new rows for the partitions that were made anew. The next steps lease them like any other."""
        while self.readers.made_anew:
            assigned, error = self.readers.made_anew[0]
            begin_anew(assigned.row, assigned.epoch, error)
            self._release([assigned.row])
            self.readers.made_anew.pop(0)

    def _note_caught_up(self, found: Iterable[Leased]) -> None:
        """Note the partitions that are indexed up to an end that was asked for, no matter by which indexer."""
        reached: dict[datetime, list[int]] = {}
        for leased in found:
            end = self.ends.get((leased.topic, leased.number))
            held = self.held.get(leased.id)
            opened = held.opened if held else None  # read once: a reader thread may close it
            # If the partition is ours, this is newer than the row read before.
            position = opened.writing.checkpoint.position if opened else None
            if end is not None and (end.reached(leased.checkpoint) or (position and end.reached(position.token))):
                reached.setdefault(end.at, []).append(leased.id)
                del self.ends[leased.topic, leased.number]
                if held is not None:
                    held.note_end()
        for moment, rows in reached.items():
            progress.note_caught_up(rows, moment)

    def _note_trouble(self, found: Collection[Leased]) -> None:
        """Note for the pages which partitions fail again and again, and which get on again."""
        held = {leased.id: self.held[leased.id] for leased in found if leased.id in self.held}
        words = {row: assigned.trouble_words(self.answers) for row, assigned in held.items()}
        noted = {leased.id: leased.trouble for leased in found}
        if changed := {row: text for row, text in words.items() if text is not None and text != noted[row]}:
            leases.note_trouble(self.owner, changed)

    def _warn_of_other_kinds(self, topics: Mapping[str, Topic], wanted: Iterable[Leased]) -> None:
        other = {leased.topic: leased.kind for leased in wanted if leased.kind is not topics[leased.topic].kind}
        for name in sorted(other.keys() - self._other_kinds):
            is_now, rebuild = topics[name].kind, shell_command("rebuild_index", "--topic", name)
            log.warning("%s is indexed as %s, and is %s now. To rebuild it: %s", name, other[name], is_now, rebuild)
        self._other_kinds = set(other)

    def _measure(self) -> None:
        held = self.held_now()
        self.meter.note(held, self.late())
        if self.meter.now is not None:
            elsewhere = len(self.left) - len(held)
            self.on_status(IndexerStatus(progress=self.meter.now, elsewhere=elsewhere, store_away=self.store_away))

    def _forget_streams(self) -> None:
        """Keep the streams in memory within the limit. Dropped ones are read again when needed."""
        writing = [opened.writing for assigned in self.held.values() if (opened := assigned.opened)]
        if sum(len(partition.known) for partition in writing) > MOST_STREAMS:
            for partition in writing:
                partition.known.clear()


def _wanted(topics: Mapping[str, Topic], found: Iterable[Leased]) -> list[Leased]:
    """Return the partitions that belong to a topic which exists."""
    return [leased for leased in found if leased.topic in topics and leased.number < topics[leased.topic].partitions]


def _mark_gone(found: Iterable[Leased], wanted: Collection[Leased]) -> None:
    """Mark which partitions have gone from the store, and which have come back."""
    there = {leased.id for leased in wanted}
    if gone := [leased.id for leased in found if leased.id not in there and leased.free and not leased.gone]:
        leases.mark_gone(gone)
    if back := [leased.id for leased in wanted if leased.gone]:
        leases.mark_back(back)
