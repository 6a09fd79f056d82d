"""The first and last events of partitions, asked for often: entries never change, so what was found once is remembered."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.ledgers import Layout, layout_of
from eventstore.drivers.pulsar.positions import batched, place_of
from eventstore.drivers.pulsar.reading import Shard
from eventstore.drivers.pulsar.topics import Known
from eventstore.events import Position
from eventstore.storage import Amounts, Ends

REMEMBERED = 10_000

Key = tuple[str, str, int, int]


class EndsFinder:
    """Thread-safe. One request a topic where nothing has changed since the last time."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, Position] = OrderedDict()

    def of(self, known: Known, shards: Sequence[Shard]) -> Sequence[Ends]:
        internals = self._admin.internals(known.name, known.shards)
        return [self._of_one(shard, told) for shard, told in zip(shards, internals, strict=True)]

    def amounts(self, known: Known, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        """In entries, which hold an event each or a batch of them."""
        layouts = [layout_of(told) for told in self._admin.internals(known.name, known.shards)]
        return {
            partition: _amounts(layouts[partition], position)
            for partition, position in positions.items()
            if partition < len(layouts)
        }

    def _of_one(self, shard: Shard, told: Json) -> Ends:
        layout = layout_of(told)
        first: Position | None = None
        last: Position | None = None
        if layout.last is not None:
            log = shard.log.uri
            first = self._remembered((log, "first", *layout.at(0)), shard.first)
            last = self._remembered((log, "last", *layout.last), lambda: self._last(shard))
        return Ends(topic=shard.topic, partition=shard.partition, first=first, last=last)

    def _last(self, shard: Shard) -> Position | None:
        """The broker tells the last place in a batch; what is in no batch may be a chunk or no message at all: read it."""
        ledger, entry, batch = self._admin.last_message_id(shard.log)
        if batch < 0:
            return shard.last()
        return batched(shard.topic, shard.partition, ledger, entry, batch)

    def _remembered(self, key: Key, find: Callable[[], Position | None]) -> Position | None:
        with self._lock:
            if key in self._found:
                return self._found[key]
        position = find()
        if position is None:
            return None  # the first piece of something that is still being written, perhaps
        with self._lock:
            self._found[key] = position
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        return position


def _amounts(layout: Layout, position: Position | None) -> Amounts:
    """The entry of the position counts as before it: what is left of a batch is not worth a look inside."""
    place = place_of(position.token) if position else None
    before = layout.count_up_to(place.ledger, place.entry) if place else 0
    return Amounts(before=before, behind=layout.entries - before)
