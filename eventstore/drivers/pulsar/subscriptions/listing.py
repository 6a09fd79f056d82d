"""Durable subscriptions: their types, members and cursors, and the broker's own cursors beside them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import unquote_plus

from eventstore.drivers.meanwhile import meanwhile
from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.messages import time_of
from eventstore.drivers.pulsar.client.raw_readers import READER_NAME
from eventstore.drivers.pulsar.ends import has_small_entries
from eventstore.drivers.pulsar.ledgers import Entry, Layout, Places, layout_of, ledger_and_entry
from eventstore.drivers.pulsar.names import unknown_subscription
from eventstore.drivers.pulsar.positions import unbatched, whole_entry
from eventstore.drivers.pulsar.subscriptions.kinds import kind_of, own_kind
from eventstore.drivers.pulsar.subscriptions.waiting import Entries, instant
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.giving_way import in_portions
from eventstore.model.cursor_moves import CursorPlace
from eventstore.model.errors import StoresOwn, StoreUnreachable
from eventstore.model.events import Position
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, SubscriptionType

TYPE_NAMES = {
    "Exclusive": SubscriptionType.EXCLUSIVE,
    "Failover": SubscriptionType.FAILOVER,
    "Shared": SubscriptionType.SHARED,
    "Key_Shared": SubscriptionType.KEY_SHARED,
}
SILENT = "The broker tells nothing of {} of the partitions of {}, which has {}. It may have just started: try again soon."
RANGE = re.compile(r"\((\d+):(-?\d+)\.\.(\d+):(-?\d+)\]")


def all_of(admin: Admin, entries: Entries, known: KnownTopic, *, sought: str = "") -> Sequence[Subscription]:
    """Return the topic's durable subscriptions by name, from two requests at once: one for the rates, one for the cursors.

    Entries that a partition delays or that a transaction holds back cost a request each, when they are first seen.

    Raises ``StoreUnreachable`` where no partition tells of the subscription ``sought``, and some tell nothing at all: a broker
    leaves partitions out that it cannot ask, for instance while it starts.
    """
    internals = meanwhile(partial(admin.internals, known.name, known.shards))
    statistics = admin.statistics(known.name, known.shards)
    if sought and not own_kind(sought) and sought not in _names(statistics) and not all(statistics):
        silent = sum(not told for told in statistics)
        raise StoreUnreachable(SILENT.format(silent, known.name, known.shards))
    return as_told(entries, known, statistics, internals())


def members(admin: Admin, known: KnownTopic) -> Sequence[Subscription]:
    """Return the topic's durable subscriptions by name, without their cursors."""
    statistics = admin.statistics(known.name, known.shards, exact=False)
    return [_subscription(known, name, statistics, ()) for name in sorted(_names(statistics))]


def as_told(
    entries: Entries, known: KnownTopic, statistics: Sequence[Json], internals: Sequence[Json]
) -> Sequence[Subscription]:
    """Return the subscriptions that each partition's ``stats`` and ``internalStats`` tell of."""
    names = _names(statistics) | {name for inside in internals for name in cursors_in(inside) if own_kind(name)}
    parts = [
        _Partition(entries, known, number, told, inside)
        for number, (told, inside) in enumerate(zip(statistics, internals, strict=True))
    ]
    portions = in_portions(sorted(names))
    return [_subscription(known, name, statistics, [part.cursor(name) for part in parts]) for name in portions]


def named(told: Sequence[Subscription], known: KnownTopic, name: str) -> Subscription:
    """Return the one of the topic's subscriptions that has this name. Raises ``UnknownSubscription``."""
    for subscription in told:
        if subscription.name == name:
            return subscription
    raise unknown_subscription(known.name)


def check_movable(admin: Admin, known: KnownTopic, name: str) -> None:
    """Raise ``StoresOwn`` for one of the broker's own cursors, and ``UnknownSubscription`` for a name that is not there."""
    own = own_kind(name)
    if own is not None:
        raise StoresOwn(f"{name} is the broker's own cursor, for {own.value}: it is left alone.")
    if name not in _names(admin.statistics(known.name, known.shards)):
        raise unknown_subscription(known.name)


def _names(statistics: Sequence[Json]) -> set[str]:
    return {
        name for partition in statistics for name, told in partition.get("subscriptions", {}).items() if _durable(name, told)
    }


def _durable(name: str, told: Json) -> bool:
    return bool(told.get("isDurable", told.get("durable", True))) and not name.startswith(f"{READER_NAME}-")


class _Partition:
    """One partition as the broker told it: ``stats`` and ``internalStats``."""

    def __init__(self, entries: Entries, known: KnownTopic, number: int, told: Json, inside: Json) -> None:
        self.number, self.told, self.inside = number, told, inside
        self.layout, self._cursors = layout_of(inside), cursors_in(inside)
        self._entries, self._topic, self._log = entries, str(known.name), known.log(number)

    def subscription(self, name: str) -> Json:
        found: Json = self.told.get("subscriptions", {}).get(name, {})
        return found

    def cursor(self, name: str) -> Cursor:
        told = self.subscription(name)
        standing: Json = self._cursors.get(name, {})
        mark, holes = ledger_and_entry(standing.get("markDeletePosition", "")), holes_in(standing)
        done = self.layout.acknowledged(mark, holes)
        delayed = _count(told, "msgDelayed")
        backlog = _count(told, "msgBacklog") if told else self._entries_after(done) if standing else 0
        waits = bool(backlog) and not own_kind(name)
        acknowledged = _acknowledged(self._topic, self.number, mark, self.layout)
        return Cursor(
            partition=self.number,
            acknowledged=acknowledged,
            beginning=whole_entry(self._topic, self.number, mark[0], -1) if acknowledged is None and mark[0] >= 0 else None,
            backlog=backlog,
            holes=list(_holes(self._topic, self.number, holes, self.layout)),
            moved=_latest([told], "lastMarkDeleteAdvancedTimestamp"),
            placed=instant(str(standing.get("lastLedgerSwitchTimestamp", ""))),
            delayed=delayed,
            due=self._due(done) if waits and delayed else {},
            behind=self._entries.behind(self._log, self.layout, done) if waits and self._has_open_transaction else None,
            log=self.layout.newest if self.layout.newest[1][:4] > "1970" else None,
            counters=(_count(self.inside, "entriesAddedCounter"), _count(told, "msgOutCounter")),
            end=self._end,
            active=str(told.get("activeConsumerName") or ""),
            start=self._start,
            held=_held(told),
            entries=self.layout.entries,
            done=self.layout.entries - self._entries_after(done),
            told=bool(standing),
        )

    @property
    def _end(self) -> Position | None:
        return whole_entry(self._topic, self.number, *self.layout.last) if self.layout.last else None

    @property
    def _start(self) -> Position | None:
        ledger = self.layout.ledgers[0][0] if self.layout.ledgers else self.layout.newest[0]
        return whole_entry(self._topic, self.number, ledger, -1) if ledger >= 0 else None

    @property
    def _has_open_transaction(self) -> bool:
        return _count(self.told, "ongoingTxnCount") > 0

    def _due(self, done: Places) -> dict[Position, datetime]:
        if not has_small_entries(self.inside):
            return {}
        due = self._entries.due(self._log, self.layout, done)
        return {unbatched(self._topic, self.number, *entry): when for entry, when in due.items()}

    def _entries_after(self, done: Places) -> int:
        return self.layout.entries - sum(end - first for first, end in done)


def _subscription(known: KnownTopic, name: str, statistics: Sequence[Json], cursors: Sequence[Cursor]) -> Subscription:
    told: Sequence[Json] = [partition.get("subscriptions", {}).get(name, {}) for partition in statistics]
    return Subscription(
        topic=str(known.name),
        name=name,
        type=next((TYPE_NAMES[each["type"]] for each in told if each.get("type") in TYPE_NAMES), SubscriptionType.UNKNOWN),
        cursors=cursors,
        consumers=[
            _consumer(consumer, number if known.shards else None)
            for number, each in enumerate(told)
            for consumer in each.get("consumers", ())
        ],
        moved=_latest(told, "lastMarkDeleteAdvancedTimestamp", "lastAckedTimestamp"),
        delivered=_latest(told, "lastConsumedTimestamp"),
        unacked=sum(_count(each, "unackedMessages") for each in told),
        kind=kind_of(name, told),
        replicated=any(each.get("isReplicated", each.get("replicated", False)) for each in told),
        expired_held=sum(_expired_held(each) for each in told),
        acked=_latest(told, "lastAckedTimestamp"),
        expired=sum(_count(each, "totalMsgExpired") for each in told),
        blocked=any(each.get("blockedSubscriptionOnUnackedMsgs", False) for each in told),
        rate_in=_rate(statistics, "msgRateIn"),
        rate_out=_rate(told, "msgRateOut"),
        rate_redelivered=_rate(told, "msgRateRedeliver"),
        properties=_texts(next((each["subscriptionProperties"] for each in told if each.get("subscriptionProperties")), {})),
        out_of_order=any(each.get("allowOutOfOrderDelivery", False) for each in told),
    )


def _held(told: Json) -> int | None:
    """How many events its consumers hold. The broker counts them of shared and key_shared subscriptions alone. Of the others
    it is known where nothing was delivered to those who are connected."""
    if TYPE_NAMES.get(str(told.get("type"))) in (SubscriptionType.SHARED, SubscriptionType.KEY_SHARED):
        return _count(told, "unackedMessages")
    return None if any(_count(consumer, "msgOutCounter") for consumer in told.get("consumers", ())) else 0


def _expired_held(told: Json) -> int:
    """Count what a consumer holds although nothing waits, where something has expired.

    The broker moves the cursor, and then counts what has expired: in between, this is 0. 4.2.4 then forgets at once that
    consumers hold it (apache/pulsar#25592), and this is 0 again.
    """
    if _count(told, "msgBacklog") or not _count(told, "totalMsgExpired"):
        return 0
    return _count(told, "unackedMessages")


def _acknowledged(topic: str, partition: int, mark: Entry, layout: Layout) -> Position | None:
    """Return the mark-delete position. Before the first entry of a ledger means after the ledgers before it, if there are
    any."""
    ledger, entry = mark
    if entry >= 0:
        return whole_entry(topic, partition, ledger, entry)
    earlier = [(number, entries) for number, entries in layout.ledgers if number < ledger]
    if not earlier:
        return None
    return whole_entry(topic, partition, earlier[-1][0], earlier[-1][1] - 1)


def cursors_in(inside: Json) -> Mapping[str, Json]:
    """Return the cursors of ``internalStats`` by the names of their subscriptions.

    The broker writes the names there as in a form: ``public%2Fdefault%2Fecho`` (seen on 4.0.8 and 4.2.4).
    """
    return {unquote_plus(name): cursor for name, cursor in inside.get("cursors", {}).items()}


def holes_in(cursor: Json) -> Sequence[tuple[Entry, Entry]]:
    """Parse ``[(118:3..118:5],(118:8..120:-1]]``."""
    written = RANGE.finditer(str(cursor.get("individuallyDeletedMessages", "")))
    return [((int(match[1]), int(match[2])), (int(match[3]), int(match[4]))) for match in written]


def place_of_cursor(
    topic: str, partition: int, mark: Entry, holes: Sequence[tuple[Entry, Entry]], layout: Layout
) -> CursorPlace:
    """Return where a cursor stands, as ``Cursor`` tells it."""
    return CursorPlace(
        acknowledged=_acknowledged(topic, partition, mark, layout), holes=list(_holes(topic, partition, holes, layout))
    )


def _holes(
    topic: str, partition: int, holes: Sequence[tuple[Entry, Entry]], layout: Layout
) -> Iterator[tuple[Position, Position]]:
    """Yield the holes as positions. A range without an entry is left out."""
    for first, last in holes:
        start = whole_entry(topic, partition, *first)
        end = _acknowledged(topic, partition, last, layout)
        if end is not None and start < end:
            yield start, end


def _count(told: Json, field: str) -> int:
    """A count of the broker's, 0 where it is negative.

    Seen: ``msgBacklog`` after faults; ``unackedMessages`` down to -81 on 4.2, which keeps track inside batches by default. A
    consumer had acknowledged some events of a batch and refused others.
    """
    return max(0, int(told.get(field, 0)))


def _consumer(told: Json, partition: int | None) -> ConnectedConsumer:
    return ConnectedConsumer(
        name=str(told.get("consumerName", "")),
        address=str(told.get("address", "")).removeprefix("/"),
        client=str(told.get("clientVersion", "")),
        connected_since=instant(str(told.get("connectedSince", ""))),
        unacked=_count(told, "unackedMessages"),
        partition=partition,
        permits=int(told["availablePermits"]) if "availablePermits" in told else None,
        blocked=bool(told.get("blockedConsumerOnUnackedMsgs", False)),
        delivered_events=_count(told, "msgOutCounter") if "msgOutCounter" in told else None,
        delivered=_latest([told], "lastConsumedTimestamp"),
        acked=_latest([told], "lastAckedTimestamp"),
        rate_out=_rate([told], "msgRateOut"),
        rate_redelivered=_rate([told], "msgRateRedeliver"),
        key_ranges=[(int(first), int(last)) for first, last in told.get("keyHashRangeArrays") or ()],
        metadata=_texts(told.get("metadata") or {}),
    )


def _rate(told: Sequence[Json], field: str) -> float | None:
    """The sum of a rate that the broker measures over the last minute; ``None`` where it tells none."""
    rates = [float(each[field]) for each in told if field in each]
    return max(0.0, sum(rates)) if rates else None


def _texts(told: Json) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in told.items()}


def _latest(told: Sequence[Json], *fields: str) -> datetime | None:
    return time_of(max((int(each.get(field) or 0) for each in told for field in fields), default=0))
