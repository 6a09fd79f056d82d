"""Compare one partition, block by block, with the log and with itself, up to the first difference."""

import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from eventstore.index.check.anomalies import AnomalyCheck, anomalies_differ
from eventstore.index.check.blocks import blocks_of
from eventstore.index.check.counts import Counted, check_counts
from eventstore.index.check.events import Comparison, Difference, compared
from eventstore.index.check.keys import KeyCheck, check_keys, finish
from eventstore.index.check.log import Log
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.blocks import Columns
from eventstore.model.events import Event

OnProgress = Callable[[int], object]
"""Called with the number of events that were compared since the last call; negative if a partition starts again."""


@dataclass(kw_only=True, slots=True)
class PartitionCheck:
    """One partition's check in progress. ``done`` and ``trimmed`` count events."""

    row: IndexedPartition
    log: Log
    events: Comparison
    keys: KeyCheck
    anomalies: AnomalyCheck
    counted: Counted = field(default_factory=Counted)
    last_token: str = ""
    done: int = 0
    trimmed: int = 0


def first_difference(check: PartitionCheck, on_progress: OnProgress, stop: threading.Event) -> str:
    """Return the first difference as text for people; empty if there is none, or if the check was stopped."""
    for first, segment, columns in blocks_of(check.row):
        if isinstance(columns, str):
            return columns
        differences = _block_differences(check, first, segment, columns)
        if differences:
            return _text(check, columns, first, min(differences, key=lambda one: one.ordinal))
        if stop.is_set():
            return ""
        check.done += len(columns)
        on_progress(len(columns))
    return "" if stop.is_set() else _end_difference(check)


def _end_difference(check: PartitionCheck) -> str:
    """Compare what describes the partition as a whole: number of events, checkpoint, leftover keys and counts."""
    row = check.row
    if check.done != row.next_ordinal:
        return f"the index says that it has {row.next_ordinal:,} events, and has {check.done:,}"
    if check.last_token != row.checkpoint:
        label = check.log.label
        return f"the checkpoint is {label(row.checkpoint)}, and the last event lies at {label(check.last_token)}"
    if extra := finish(check.keys):
        return _text(check, Columns(), 0, Difference(*min(extra)))
    return check_counts(row.pk, check.counted, row.next_ordinal)


def _block_differences(check: PartitionCheck, first: int, segment: int, columns: Columns) -> list[Difference]:
    """Return the first difference of each kind in one block, the most telling kind first; none if the check was stopped."""
    events: list[Event | None] = []
    found = _store_differences(check, first, columns, events)
    if found is None:
        return []
    found += _own_differences(check, first, columns)
    found += anomalies_differ(check.anomalies, first, columns, events)
    found += [Difference(*one) for one in check_keys(check.keys, columns, first, segment)]
    check.counted.add_hours(columns)
    return found


def _own_differences(check: PartitionCheck, first: int, columns: Columns) -> list[Difference]:
    """Check the order, streams and versions of a block, which needs no store."""
    found = []
    tokens = [check.last_token, *columns.tokens]
    for place, (before, after) in enumerate(pairwise(tokens)):
        if before >= after:
            found.append(Difference(first + place, "its position does not lie behind that of the ordinal before it"))
            break
    check.last_token = columns.tokens[-1]
    counted = check.counted.versions(columns.streams)
    for place, (version, indexed) in enumerate(zip(counted, columns.versions, strict=True)):
        if version != indexed:
            found.append(Difference(first + place, f"its version is {version:,} by count, and {indexed:,} in the index"))
            break
    return found


def _store_differences(
    check: PartitionCheck, first: int, columns: Columns, events: list[Event | None]
) -> list[Difference] | None:
    """Compare a block with the next messages of the log; ``None`` if the check was stopped.

    Appends the block's events to ``events``, ``None`` for each that the store has trimmed.
    """
    place = 0
    while place < len(columns):
        head = check.log.head()
        if check.log.stopped:
            return None
        token = columns.tokens[place]
        if head is None or head > token:
            if not check.log.trimmed(token):
                return [Difference(first + place, _not_in_store(check, head))]
            place = _skip_trimmed(check, columns, place, head, events)
        elif head < token:
            return [Difference(first + place, _not_next(check, head, columns.tokens[place:]))]
        else:
            run = check.log.take_equal(columns.tokens[place:])
            read, found = compared(check.events, first + place, columns.part(place, place + len(run)), run)
            events += read
            if found:
                return found
            place += len(run)
    return []


def _skip_trimmed(check: PartitionCheck, columns: Columns, place: int, head: str | None, events: list[Event | None]) -> int:
    """Count the events from ``place`` on that the store has trimmed; return the place of the first that it may have."""
    begins = [token for token in (head, check.log.first) if token is not None]
    end = max(place + 1, bisect_left(columns.tokens, min(begins), place) if begins else len(columns))
    check.trimmed += end - place
    events += [None] * (end - place)
    return end


def _not_in_store(check: PartitionCheck, head: str | None) -> str:
    goes_on = f"continues with {check.log.label(head)}" if head else "ends before it"
    return f"the index has it, and the store does not: the store {goes_on}"


def _not_next(check: PartitionCheck, head: str, tokens: list[str]) -> str:
    if head in tokens:
        return f"the index has it before the event at {check.log.label(head)}, and the store behind it"
    return f"before it the store has an event at {check.log.label(head)} that the index does not have"


def _text(check: PartitionCheck, columns: Columns, first: int, difference: Difference) -> str:
    """Name the event that differs, by ordinal and position, and say what differs."""
    place = difference.ordinal - first
    at = f" ({check.log.label(columns.tokens[place])})" if 0 <= place < len(columns) else ""
    return f"ordinal {difference.ordinal:,}{at}: {difference.words}"
