"""How far behind each subscription is, in events, and what state that amounts to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone

from eventstore.giving_way import in_portions
from eventstore.model.events import NO_TIME, Position
from eventstore.model.subscriptions import Cursor, Subscription, SubscriptionCapabilities
from eventstore.subscriptions.counting import Behind, Waits, count_behind, is_fresh
from eventstore.subscriptions.past import NO_PAST, Past, grows
from eventstore.subscriptions.samples import NOTHING_SEEN, Seen, Setback, Standing, first_connected
from eventstore.subscriptions.state import PHANTOMS, Signs, State, judge

IsExternal = Callable[[Subscription], bool]
"""Whether the configuration says that a subscription's consumers keep their positions elsewhere."""


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
    """Since when the cursor that has stood longest has not moved, of those that let an event wait for too long: of a
    subscription that is stuck or blocked, or has no consumers."""
    stuck_partitions: frozenset[int]
    as_of: datetime
    delayed_until: datetime | None = None
    """When the next delayed event is to be delivered, as far as the store was asked; of a delayed subscription only."""
    held_since: datetime | None = None
    """When the open transaction published its first event, where known; of a subscription that is held back only."""
    setbacks: Sequence[Setback] = ()
    standing: Mapping[int, Standing] = field(default_factory=dict)
    """Since when each partition's cursor stands, as far as it was watched."""
    past: Past = NO_PAST
    events: int | None = None
    """How many events of the topic are indexed; ``None`` where the index does not know a partition."""


def backlog_of(
    subscription: Subscription,
    capabilities: SubscriptionCapabilities,
    stuck_after: timedelta,
    seen: Seen = NOTHING_SEEN,
) -> Backlog:
    """Count what waits behind the subscription's cursors, now. ``seen`` is what was seen of them before."""
    return backlogs_of([(subscription, seen)], capabilities, stuck_after)[0]


def none_external(subscription: Subscription) -> bool:
    """For an installation that declares none."""
    return False


def backlogs_of(
    told: Sequence[tuple[Subscription, Seen]],
    capabilities: SubscriptionCapabilities,
    stuck_after: timedelta,
    is_external: IsExternal = none_external,
) -> Sequence[Backlog]:
    """Do as ``backlog_of`` for each of these, by a handful of queries for all of them together."""
    now = timezone.now()
    counts_events = capabilities.backlog_unit == "events"
    behind = count_behind([subscription for subscription, _ in told], counts_events=counts_events)
    return [
        _backlog(
            subscription, capabilities, seen, found, _signs(subscription, capabilities, stuck_after, seen, is_external, now)
        )
        for (subscription, seen), found in in_portions(zip(told, behind, strict=True))
    ]


def _signs(
    subscription: Subscription,
    capabilities: SubscriptionCapabilities,
    stuck_after: timedelta,
    seen: Seen,
    is_external: IsExternal,
    now: datetime,
) -> Signs:
    """What is known before anything is counted."""
    return Signs(
        now=now,
        limit=stuck_after,
        lists_consumers=capabilities.lists_consumers,
        external=is_external(subscription),
        grows=grows(seen.past, stuck_after, now),
        passed_over=seen.past.passed_over,
    )


def _backlog(
    subscription: Subscription, capabilities: SubscriptionCapabilities, seen: Seen, behind: Behind, signs: Signs
) -> Backlog:
    waiting, counted = _waiting(subscription, capabilities, behind, signs.now)
    first = behind.first if waiting else {}
    timed = [waits[0] for waits in first.values() if waits[0].published != NO_TIME]
    oldest = min(timed, key=lambda one: one.published, default=None)
    heads = {} if signs.external or _is_nobodys(subscription) else _heads(subscription, first)
    stuck = _standing_still(subscription, heads, signs.now - signs.limit, seen)
    waits_since = oldest.published if oldest else None
    state = judge(subscription, replace(signs, waiting=waiting, oldest=waits_since, stands=bool(stuck)))
    stuck = stuck if state is not State.PHANTOM else {}
    return Backlog(
        subscription=subscription,
        waiting=waiting,
        counted=counted,
        state=state,
        entries=None if capabilities.backlog_unit == "events" else subscription.backlog,
        oldest=waits_since,
        oldest_position=oldest.position if oldest else None,
        stuck_since=min(stuck.values(), default=None),
        stuck_partitions=frozenset(stuck),
        as_of=signs.now,
        delayed_until=_delayed_until(subscription) if state is State.DELAYED else None,
        held_since=_held_since(subscription) if state is State.HELD_BACK else None,
        setbacks=seen.setbacks,
        standing=seen.standing,
        events=_events(subscription, behind),
        past=seen.past,
    )


def _events(subscription: Subscription, behind: Behind) -> int | None:
    """How many events of the topic are indexed; ``None`` where a partition is not."""
    rows = [behind.indexed.get(cursor.partition) for cursor in subscription.cursors]
    known = [row.next_ordinal for row in rows if row is not None]
    return sum(known) if len(known) == len(rows) else None


def _waiting(
    subscription: Subscription, capabilities: SubscriptionCapabilities, behind: Behind, now: datetime
) -> tuple[int, Counted]:
    if capabilities.backlog_unit == "events":
        return subscription.backlog, Counted.STORE
    total, fresh = 0, True
    for cursor in subscription.cursors:
        partition = behind.indexed.get(cursor.partition)
        if partition is None:
            return max(0, subscription.backlog), Counted.ENTRIES
        handled = behind.handled[cursor.partition]
        waiting = max(0, partition.next_ordinal - sum(end - start for start, end in handled))
        if is_fresh(partition, now):
            total += waiting
        else:
            # What the index has not seen yet waits as well: each of the broker's entries holds at least one event.
            total, fresh = total + max(waiting, cursor.backlog), False
    return total, Counted.INDEX if fresh else Counted.INDEX_BEHIND


def _heads(subscription: Subscription, first: Mapping[int, Sequence[Waits]]) -> dict[int, Waits]:
    """The event that each partition's cursor stands before: the one there that has waited longest and is due.

    A partition has none where everything that waits is delayed, or where more is delayed than the times are known of: it
    cannot be told then whether the next event is due. Of events without a publish time nobody knows how long they have waited:
    the next one that has it counts.
    """
    found: dict[int, Waits] = {}
    for cursor in subscription.cursors:
        if cursor.delayed and (cursor.delayed >= cursor.backlog or cursor.delayed > len(cursor.due)):
            continue
        due = [one for one in first.get(cursor.partition, ()) if one.position.message not in cursor.due]
        if due:
            found[cursor.partition] = next((one for one in due if one.published != NO_TIME), due[0])
    return found


def _standing_still(
    subscription: Subscription, heads: Mapping[int, Waits], limit: datetime, seen: Seen
) -> dict[int, datetime]:
    """Partition → since when its cursor stands, of those that have let an event wait since before ``limit``.

    Each partition is judged alone: one bad event stops its own partition, while the others go on. Where the index does not
    know the event that waits, nobody knows how long it has: a subscription that was idle for hours has a cursor as old as
    one that hangs. It is then not called stuck (while the index is missing or behind, that has a warning of its own).

    A consumer that works through one partition after the other has not come yet to one of which it holds nothing, as long as
    another one moves.
    """
    stands = {cursor.partition: _stands_since(cursor, seen.standing.get(cursor.partition)) for cursor in subscription.cursors}
    works = bool(subscription.consumers) and any(since is not None and since >= limit for since in stands.values())
    standing: dict[int, datetime] = {}
    for cursor in subscription.cursors:
        head, since = heads.get(cursor.partition), stands[cursor.partition]
        if head is None or head.published == NO_TIME or since is None or (works and cursor.held == 0):
            continue
        # An event that came just now has not been kept waiting, however long the cursor stood still before it.
        if max(since, head.published) < limit and _had_time(subscription, cursor, limit, seen):
            standing[cursor.partition] = max(since, head.published)
    return standing


def _had_time(subscription: Subscription, cursor: Cursor, limit: datetime, seen: Seen) -> bool:
    """Whether a consumer was there before ``limit``, while the cursor stood. One that came just now is not to blame for what
    waited before it. Where nobody is connected, nobody needs time."""
    connected = first_connected(subscription, cursor.partition, NO_TIME)
    known = seen.standing.get(cursor.partition)
    attended = known.attended if known else None
    return connected is None or min(connected, attended or connected) < limit


def _stands_since(cursor: Cursor, seen: Standing | None) -> datetime | None:
    """Since when the cursor has certainly stood where it stands; ``None`` if nothing tells.

    The store tells when it last moved, or when it was placed if it never has. If it tells neither, the time counts from this
    process's first look. What this process saw move counts as well: the store's clock may be behind.
    """
    told = cursor.moved or cursor.placed
    if seen is None:
        return told
    return max(told, seen.since) if told and seen.moved else told or seen.since


def _is_nobodys(subscription: Subscription) -> bool:
    """Whether no consumer of people's is behind it, who could be stuck."""
    return subscription.name in PHANTOMS or subscription.kind.of_the_store


def _delayed_until(subscription: Subscription) -> datetime | None:
    return min((due for cursor in subscription.cursors for due in cursor.due.values()), default=None)


def _held_since(subscription: Subscription) -> datetime | None:
    behind = [cursor.behind.since for cursor in subscription.cursors if cursor.behind]
    return min((since for since in behind if since), default=None)
