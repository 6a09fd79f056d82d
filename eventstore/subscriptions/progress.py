"""How far a subscription is in each partition, by ordinals: few queries, however many partitions there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import Ranges, ordinals_in
from eventstore.index.models import IndexedPartition
from eventstore.model.subscriptions import Cursor, Subscription
from eventstore.subscriptions.counting import edges_of, handled_by, is_fresh


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What a cursor has acknowledged of its partition, and what waits, in ordinals."""

    partition: IndexedPartition
    cursor: Cursor
    acknowledged: Ranges
    waiting: Ranges


Reached = Mapping[int, Reach]
"""By number of partition, of those that are indexed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A cursor with its counts of events; ``None`` where the index does not know the partition.

    ``at_least``: the index has not caught up, so more may wait.
    """

    cursor: Cursor
    events: int | None
    acknowledged: int | None
    at_least: bool

    @property
    def waiting(self) -> int | None:
        return None if self.events is None or self.acknowledged is None else self.events - self.acknowledged

    @property
    def percent(self) -> int | None:
        """Rounded down: 100 means that nothing waits."""
        if self.events is None or self.acknowledged is None:
            return None
        return 100 * self.acknowledged // self.events if self.events else 100


def reach(subscription: Subscription) -> Reached:
    """Return what is acknowledged in each partition that is indexed, by number."""
    indexed = queries.partition_rows(subscription.topic)
    cursors = [cursor for cursor in subscription.cursors if cursor.partition in indexed]
    ordinals = ordinals_in((indexed[cursor.partition], edge) for cursor in cursors for edge in edges_of(cursor))
    found = {}
    for cursor in cursors:
        partition = indexed[cursor.partition]
        done = Ranges(handled_by(cursor, ordinals))
        waiting = done.left_out(partition.next_ordinal)
        found[cursor.partition] = Reach(partition=partition, cursor=cursor, acknowledged=done, waiting=waiting)
    return found


def progress(subscription: Subscription, reached: Reached, now: datetime) -> Sequence[Progress]:
    """Return each cursor with its counts, in order of partition."""
    return [_progress(cursor, reached.get(cursor.partition), now) for cursor in subscription.cursors]


def _progress(cursor: Cursor, there: Reach | None, now: datetime) -> Progress:
    if there is None:
        return Progress(cursor=cursor, events=None, acknowledged=None, at_least=True)
    events = there.partition.next_ordinal
    return Progress(
        cursor=cursor,
        events=events,
        acknowledged=events - len(there.waiting),
        at_least=not is_fresh(there.partition, now),
    )
