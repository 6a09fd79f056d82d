"""What an indexer measures of its own work: how fast each partition goes, and how much of it waits."""

import time
from collections.abc import Collection
from dataclasses import dataclass

from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.lookup import progress
from eventstore.model.log import Amounts
from eventstore.model.progress import IndexProgress

NOTE_SECONDS = 2.0
"""Seconds between two notes in the index."""
RATE_SECONDS = 8.0
INERTIA = 0.5
"""Weight of the previous rate in the next one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexerStatus:
    """How this process is doing. ``elsewhere`` counts the partitions that other indexers have, or nobody yet.

    ``store_away``: the store did not answer the last question, so nothing can be said of what waits.
    """

    progress: IndexProgress
    elsewhere: int
    store_away: bool = False


@dataclass(kw_only=True, slots=True)
class Measured:
    """What is measured of one partition. ``first`` and ``last`` are what the store told, and how many events were indexed
    then.
    """

    since: float
    start: int
    """Events that were indexed at the last measurement."""
    rate: float = 0.0
    first: tuple[Amounts, int] | None = None
    last: tuple[Amounts, int] | None = None
    noted: IndexProgress | None = None
    noted_at: float = 0.0

    def has_changed(self, found: IndexProgress, moment: float) -> bool:
        """Return whether the note in the index is out of date. A rate alone is noted again only after ``RATE_SECONDS``."""
        if self.noted is None or found.behind != self.noted.behind:
            return True
        return found.rate != self.noted.rate and moment - self.noted_at > RATE_SECONDS


class Meter:
    """Belongs to the writing thread. Only ``observe`` may be called by another one."""

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact
        """Whether the store counts events."""
        self.now: IndexProgress | None = None
        """The progress of all partitions that this process has, as of the last note. Those that are not open yet, and those
        whose end the store has not told yet, are not caught up, and what waits in them is not known."""
        self._measured: dict[int, Measured] = {}
        self._note_at = 0.0

    def observe(self, assigned: AssignedPartition, amounts: Amounts, indexed: int) -> None:
        """Remember what the store says that lies before and after this partition's checkpoint."""
        measured = self._measured.get(assigned.row)
        if measured is not None:
            measured.first = measured.first or (amounts, indexed)
            measured.last = (amounts, indexed)

    def measure(self, row: int, moment: float, indexed: int) -> Measured:
        """Return what is measured of this partition row. A new one is measured from now on."""
        return self._measured.setdefault(row, Measured(since=moment, start=indexed))

    def waiting(self, measured: Measured, indexed: int) -> int | None:
        """Return how many events wait, from what the store told last; ``None`` if it has told nothing.

        If the store counts entries, an entry is taken to hold as many events as the entries that were indexed in the meantime,
        or else as all entries before.
        """
        if measured.first is None or measured.last is None:
            return None
        (early, indexed_early), (late, indexed_late) = measured.first, measured.last
        an_entry = 1.0
        if not self.exact and late.before > early.before:
            an_entry = (indexed_late - indexed_early) / (late.before - early.before)
        elif not self.exact and late.before:
            an_entry = max(1.0, indexed_late / late.before)
        return max(1, round(late.behind * an_entry) - (indexed - indexed_late))

    def note(self, held: Collection[AssignedPartition], late: Collection[AssignedPartition]) -> None:
        """Every ``NOTE_SECONDS``: measure, and write what has changed. ``late`` are the partitions that have not reached their
        end.
        """
        moment = time.monotonic()
        if moment < self._note_at:
            return
        self._note_at = moment + NOTE_SECONDS
        found: dict[int, IndexProgress] = {}
        measured_now: dict[int, Measured] = {}
        for assigned in held:
            opened = assigned.opened  # read once: a reader thread may close it
            if opened is None:
                continue
            indexed = opened.writing.checkpoint.next_ordinal
            measured = self.measure(assigned.row, moment, indexed)
            measured_now[assigned.row] = measured
            found[assigned.row] = self._progress(measured, assigned, indexed, moment, assigned in late)
        self._measured = measured_now
        changed = {row: one for row, one in found.items() if self._measured[row].has_changed(one, moment)}
        progress.note(changed)
        for row, one in changed.items():
            self._measured[row].noted, self._measured[row].noted_at = one, moment
        self.now = progress.combined([_as_far_as_known(one, found.get(one.row), late=one in late) for one in held])

    def _progress(
        self, measured: Measured, assigned: AssignedPartition, indexed: int, moment: float, behind: bool
    ) -> IndexProgress:
        seconds = moment - measured.since
        if seconds > 0:
            lately = (indexed - measured.start) / seconds
            measured.rate = measured.rate * INERTIA + lately * (1 - INERTIA) if measured.rate else lately
            if measured.rate < 0.05:
                measured.rate = 0.0
            measured.since, measured.start = moment, indexed
        waiting = self.waiting(measured, indexed) if behind else 0
        return IndexProgress(
            partitions=1,
            caught_up=int(not behind),
            indexed=indexed,
            behind=waiting,
            exact=self.exact or not behind,
            rate=round(measured.rate, 1),
            caught_up_at=None,
            published=assigned.published if behind else None,
        )


def _as_far_as_known(assigned: AssignedPartition, measured: IndexProgress | None, *, late: bool) -> IndexProgress:
    if measured is not None and (late or assigned.end_known):
        return measured
    return IndexProgress(
        partitions=1,
        caught_up=0,
        indexed=measured.indexed if measured else 0,
        behind=None,
        exact=True,
        rate=measured.rate if measured else 0.0,
        caught_up_at=None,
        published=None,
    )
