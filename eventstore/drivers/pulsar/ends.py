"""Finds the first and last events of partitions. They are needed often, and entries never change, so they are remembered."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.partition_log import PartitionLog
from eventstore.drivers.pulsar.ledgers import Entry, Layout, last_written, layout_of
from eventstore.drivers.pulsar.positions import batched, entry_of, place_of, unbatched, whole_entry
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Position
from eventstore.model.log import Amounts, Ends

REMEMBERED = 10_000
TOLD_SECONDS = 60.0
"""How long to believe that a broker has transactions, or has none: an operator restarts it to change that."""
LARGE = 64 * 1024
"""Average bytes of an entry above which a reader is cheaper: asking the broker what an entry is returns all of its
payload."""
BATCH = "x-pulsar-num-batch-message"
NOT_GIVEN = (
    "x-pulsar-num-chunks-from-msg",
    "x-pulsar-marker-type",
    "x-pulsar-txn-aborted",
    "x-pulsar-txn-uncommitted",
)
"""Headers of an entry that readers do not get, or not now, or not by itself."""

Key = tuple[str, str, int, int, tuple[int, str]]
"""A log, which end, the ledger and entry there, and ``Layout.newest``: a broker that lost its data gives the same numbers
again."""
Found = tuple[Position | None, bool]
"""An event, and whether that is certain. What rests on a reader's silence alone is not remembered."""


class EndsFinder:
    """Thread-safe. One request per topic if nothing has changed since the last time."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, Position] = OrderedDict()
        self._transactions: tuple[float, bool] = (-TOLD_SECONDS, False)

    def of(self, known: KnownTopic, logs: Sequence[PartitionLog]) -> Sequence[Ends]:
        internals = self._admin.internals(known.name, known.shards)
        return [self._of_one(partition_log, told) for partition_log, told in zip(logs, internals, strict=True)]

    def amounts(self, known: KnownTopic, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        """Count entries. Each holds an event or a batch of events."""
        layouts = [layout_of(told) for told in self._admin.internals(known.name, known.shards)]
        return {
            partition: _amounts(layouts[partition], position)
            for partition, position in positions.items()
            if partition < len(layouts)
        }

    def last(self, partition_log: PartitionLog, told: Json) -> Position | None:
        """Return the position of the last event that readers get now; ``told`` is the partition's ``internalStats``."""
        layout = layout_of(told)
        if layout.last is None:
            return None
        end, small = layout.last, has_small_entries(told)
        key = (partition_log.log.uri, "last", *end, layout.newest)
        return self._remembered(key, lambda: self._last(partition_log, end, small=small))

    def _of_one(self, partition_log: PartitionLog, told: Json) -> Ends:
        topic, partition = partition_log.topic, partition_log.partition
        layout, written = layout_of(told), last_written(told)
        if layout.last is None:
            return Ends(topic=topic, partition=partition, first=None, last=None, written=written)
        begin = (partition_log.log.uri, "first", *layout.at(0), layout.newest)
        first = self._remembered(begin, lambda: (partition_log.first(), True))
        last = self.last(partition_log, told)
        bound = whole_entry(topic, partition, *layout.last)
        return Ends(topic=topic, partition=partition, first=first, last=last, bound=bound, written=written)

    def _last(self, partition_log: PartitionLog, end: Entry, *, small: bool) -> Found:
        """Return the position of the last message. ``end`` is the log's last entry.

        The broker tells the last place in a batch, even of one that an open transaction holds back. An entry without a
        batch may be a piece of a message, or no message at all; what it is, the broker tells together with its payload. A
        reader is used only if the entry is not plain, or is large. If it gives nothing of the last entry, the broker is asked
        what that is: a reader that is given nothing for some seconds may just have met a silent broker.
        """
        ledger, entry, batch = self._admin.last_message_id(partition_log.log)
        if batch >= 0 and not self._is_held_back(partition_log, ledger, entry):
            return batched(partition_log.topic, partition_log.partition, ledger, entry, batch), True
        told = self._headers(partition_log, ledger, entry) if batch < 0 <= entry and small else None
        if told and (event := _event_in(partition_log, ledger, entry, told)) is not None:
            return event, True
        read = partition_log.last()
        if read is not None and entry_of(read.token) >= end:
            return read, True
        headers = self._headers(partition_log, *end)
        return (read, False) if headers is None else (_event_in(partition_log, *end, headers) or read, True)

    def _is_held_back(self, partition_log: PartitionLog, ledger: int, entry: int) -> bool:
        """Whether an open transaction keeps the entry from readers. Without transactions this costs no request."""
        now = time.monotonic()
        if now - self._transactions[0] >= TOLD_SECONDS:
            self._transactions = (now, self._admin.has_transactions())
        last = self._admin.last_delivered(partition_log.log) if self._transactions[1] else None
        return last is not None and (ledger, entry) > last

    def _headers(self, partition_log: PartitionLog, ledger: int, entry: int) -> Mapping[str, str] | None:
        """Return what the broker tells of the entry; ``None`` if it cannot."""
        try:
            headers = self._admin.headers_of(partition_log.log, ledger, entry)
        except StoreUnreachable:  # perhaps the headers were too large for the connection; a reader will show
            return None
        return headers if headers and headers.get("x-pulsar-message-id") == f"{ledger}:{entry}" else None

    def _remembered(self, key: Key, find: Callable[[], Found]) -> Position | None:
        with self._lock:
            if key in self._found:
                return self._found[key]
        position, certain = find()
        if position is None or not certain:
            return position  # perhaps the first piece of a message that is still being written
        with self._lock:
            self._found[key] = position
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        return position


def _event_in(partition_log: PartitionLog, ledger: int, entry: int, headers: Mapping[str, str]) -> Position | None:
    """Return the last event of an entry with these headers; ``None`` if it has none that readers get."""
    topic, partition = partition_log.topic, partition_log.partition
    if any(headers.get(name, "false") != "false" for name in NOT_GIVEN):
        return None
    if headers.get(BATCH, "").isdigit():
        return batched(topic, partition, ledger, entry, int(headers[BATCH]) - 1)
    return unbatched(topic, partition, ledger, entry)


def has_small_entries(told: Json) -> bool:
    return int(told.get("totalSize", 0)) <= LARGE * int(told.get("numberOfEntries", 0))


def _amounts(layout: Layout, position: Position | None) -> Amounts:
    """Count the entry of the position as before it. What is left of its batch is not worth reading."""
    place = place_of(position.token) if position else None
    before = layout.count_up_to(place.ledger, place.entry) if place else 0
    return Amounts(before=before, behind=layout.entries - before)
