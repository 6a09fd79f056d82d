"""How far behind each subscription is, in events, and what state that amounts to."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone

from eventstore.events import Position
from eventstore.index import queries
from eventstore.index.models import IndexedPartition
from eventstore.index.pointers import Pointer
from eventstore.storage import Capabilities, Cursor, Subscription

INDEX_IS_FRESH = timedelta(seconds=10)

MOST_LOOKS = 20
"""Looks into a partition for its first waiting events: enough unless thousands beyond the cursor are acknowledged."""

PHANTOMS = frozenset({"liiklus-end-offsets-reader"})
"""Subscriptions that a gateway keeps and nobody ever acknowledges: their backlog means nothing."""


Indexed = Mapping[int, IndexedPartition]
"""A topic's partitions that the index follows, by number."""


class Counted(StrEnum):
    """Where a number of waiting events comes from."""

    STORE = "store"
    """The store's own exact count of events."""
    INDEX = "index"
    """The index's ordinals behind the cursor."""
    INDEX_BEHIND = "index_behind"
    """As above, but the index has not caught up: at least so many."""
    ENTRIES = "entries"
    """The broker's entries, where a batch of events is one: the index does not know the topic yet."""


class State(StrEnum):
    HEALTHY = "healthy"
    CATCHING_UP = "catching up"
    STUCK = "stuck"
    PHANTOM = "phantom"


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """A subscription with its waiting events. ``oldest`` is the first of them that waits (publish time), where known."""

    subscription: Subscription
    waiting: int
    counted: Counted
    state: State
    entries: int | None
    """The broker's own figure, where it counts entries."""
    oldest: datetime | None
    oldest_position: Position | None
    stuck_since: datetime | None
    """Since when the cursor that has stood longest has not moved; of a stuck subscription only."""
    stuck_partitions: frozenset[int]
    as_of: datetime


def backlog_of(subscription: Subscription, capabilities: Capabilities, stuck_after: timedelta) -> Backlog:
    """Count what waits behind the subscription's cursors, now."""
    now = timezone.now()
    indexed = queries.partition_rows(subscription.topic)
    waiting, counted = _waiting(subscription, capabilities, indexed, now)
    heads = _heads(subscription, indexed) if waiting else {}
    oldest = min(heads.values(), key=lambda pointer: pointer.published, default=None)
    stuck = {} if subscription.name in PHANTOMS else _standing_still(subscription, heads, now - stuck_after)
    return Backlog(
        subscription=subscription,
        waiting=waiting,
        counted=counted,
        state=_state(subscription, waiting, stuck=bool(stuck)),
        entries=None if capabilities.backlog_unit == "events" else subscription.backlog,
        oldest=oldest.published if oldest else None,
        oldest_position=oldest.position if oldest else None,
        stuck_since=min(stuck.values(), default=None),
        stuck_partitions=frozenset(stuck),
        as_of=now,
    )


def is_fresh(partition: IndexedPartition, now: datetime) -> bool:
    """Whether the index had everything of this partition a moment ago."""
    return partition.caught_up_at is not None and now - partition.caught_up_at <= INDEX_IS_FRESH


def first_waiting(subscription: Subscription, limit: int, partitions: Set[int] | None = None) -> list[Pointer]:
    """The events that wait and are received next, of all or of these partitions, as the index knows them; at most ``limit``.

    The next one of each partition comes first (oldest of those first), then each one's second, and so on: where a partition
    stands still, its first is what holds it.
    """
    indexed = queries.partition_rows(subscription.topic)
    found: list[tuple[int, Pointer]] = []
    for cursor in subscription.cursors:
        partition = indexed.get(cursor.partition)
        wanted = partitions is None or cursor.partition in partitions
        if partition is not None and cursor.backlog and wanted:
            found += enumerate(_first_waiting_in(partition, cursor, limit))
    return [pointer for _, pointer in sorted(found, key=lambda ranked: (ranked[0], ranked[1].published))[:limit]]


def _first_waiting_in(partition: IndexedPartition, cursor: Cursor, limit: int) -> list[Pointer]:
    found: list[Pointer] = []
    ordinal = _first_waiting(partition, cursor)
    for _ in range(MOST_LOOKS):
        batch = queries.pointers_from(partition, ordinal, limit)
        found += [p for p in batch if not any(start < p.position <= end for start, end in cursor.holes)]
        if len(found) >= limit or len(batch) < limit:
            break
        ordinal = batch[-1].ordinal + 1
    return found[:limit]


def _waiting(subscription: Subscription, capabilities: Capabilities, indexed: Indexed, now: datetime) -> tuple[int, Counted]:
    if capabilities.backlog_unit == "events":
        return subscription.backlog, Counted.STORE
    partitions = [indexed.get(cursor.partition) for cursor in subscription.cursors]
    total, fresh = 0, True
    for partition, cursor in zip(partitions, subscription.cursors, strict=True):
        if partition is None:
            return max(0, subscription.backlog), Counted.ENTRIES
        waiting = _waiting_in(partition, cursor)
        if is_fresh(partition, now):
            total += waiting
        else:
            # What the index has not seen yet waits as well: each of the broker's entries holds at least one event.
            total, fresh = total + max(waiting, cursor.backlog), False
    return total, Counted.INDEX if fresh else Counted.INDEX_BEHIND


def _waiting_in(partition: IndexedPartition, cursor: Cursor) -> int:
    behind = partition.next_ordinal - queries.ordinal_after(partition, cursor.acknowledged)
    for start, end in cursor.holes:
        behind -= queries.ordinal_after(partition, end) - queries.ordinal_after(partition, start)
    return max(0, behind)


def _heads(subscription: Subscription, indexed: Indexed) -> dict[int, Pointer]:
    """The event that each partition's cursor stands before, as the index knows it: the one there that has waited longest."""
    found: dict[int, Pointer] = {}
    for cursor in subscription.cursors:
        partition = indexed.get(cursor.partition)
        if partition is not None and cursor.backlog:
            pointer = queries.at_ordinal(partition, _first_waiting(partition, cursor))
            if pointer is not None:
                found[cursor.partition] = pointer
    return found


def _standing_still(subscription: Subscription, heads: Mapping[int, Pointer], limit: datetime) -> dict[int, datetime]:
    """Partition → since when its cursor stands, of those that have let an event wait since before ``limit``.

    Each partition is judged alone: one bad event stops its own partition, while the others go on.
    """
    standing: dict[int, datetime] = {}
    for cursor in subscription.cursors:
        head = heads.get(cursor.partition)
        if not cursor.backlog:
            continue
        # An event that came just now has not been kept waiting, however long the cursor stood still before it.
        waits_since = head.published if head else None
        since = max((moment for moment in (cursor.moved, waits_since) if moment), default=None)
        if since is not None and since < limit:
            standing[cursor.partition] = since
    return standing


def _first_waiting(partition: IndexedPartition, cursor: Cursor) -> int:
    """The ordinal behind the cursor, and behind the holes that follow it without a gap."""
    ordinal = queries.ordinal_after(partition, cursor.acknowledged)
    for start, end in cursor.holes:
        if queries.ordinal_after(partition, start) > ordinal:
            break
        ordinal = max(ordinal, queries.ordinal_after(partition, end))
    return ordinal


def _state(subscription: Subscription, waiting: int, *, stuck: bool) -> State:
    if subscription.name in PHANTOMS:
        return State.PHANTOM
    if not waiting:
        return State.HEALTHY
    return State.STUCK if stuck else State.CATCHING_UP
