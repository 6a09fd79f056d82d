"""Reads parts of a partition's log: forward, backward, single positions, and from a time on.

A new reader costs about 5 milliseconds, most of them waiting for the broker, and each message about 10 microseconds. So
messages that lie close together are read through with one reader. A reader for few messages has a small queue: the
broker sends as many entries at once as fit into the queue, and each entry may be a batch of a thousand unwanted
messages.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Any, TypeVar

import pulsar

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.messages import EPOCH, Messages
from eventstore.drivers.pulsar.client.prefetch import FEWEST
from eventstore.drivers.pulsar.client.reader import QUEUE, close_raw, next_within, open_raw, until_the_end
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.incarnations import Identify
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import Place, order_of, place_of, whole_entry
from eventstore.model.errors import UnknownTopic
from eventstore.model.events import Message, Position
from eventstore.model.log import READ_BYTES

T = TypeVar("T")

FIRST_STEP = 4
"""Entries that backward reading goes back at first. Each further step is four times as long."""

NEAR, NEAR_FIRSTS, NEAR_BATCHED = 32, 4, 1
"""Entries from one wanted message to the next up to which reading through is cheaper than a new reader: for messages
without batches, for the first messages of a batch (which may hold one message, or a thousand), and for other messages
in batches."""

FETCH_QUEUE = 16
"""The largest queue of a reader that fetches a group. Eight readers are open at the same time, and each message may have 5
MB."""

EXPECTED_SECONDS = 0.5
"""How long to wait for a message that should exist before the broker is asked whether it does."""


class PartitionLog:
    """One partition's log, with its names in the store and on the broker."""

    def __init__(
        self,
        connection: BrokerConnection,
        admin: Admin,
        log: TopicName,
        topic: str,
        partition: int,
        identify: Identify | None = None,
    ) -> None:
        self.connection, self.admin, self.log, self.topic, self.partition = connection, admin, log, topic, partition
        self._identify = identify

    def internals(self) -> Json:
        """Return what the broker tells of this log; empty if the partition has no log yet because nobody has used it."""
        return self._unless_absent(lambda: self.admin.log_internals(self.log), {})

    def last_id(self) -> tuple[int, int, int]:
        """As ``Admin.last_message_id``."""
        return self._unless_absent(lambda: self.admin.last_message_id(self.log), (-1, -1, -1))

    def forward(
        self, *, after: Position | None, limit: int, inclusive: bool = False, most_bytes: int | None = None
    ) -> Sequence[Message]:
        """Return at most ``limit`` messages after a position or from the first, up to the one that fills ``most_bytes``."""
        found: list[Message] = []
        if limit <= 0:
            return found
        place = place_of(after.token) if after else None
        messages, room = self._messages(), inf if most_bytes is None else most_bytes
        for raw in self._from(place, inclusive=inclusive, queue=limit if most_bytes is None else min(limit, FETCH_QUEUE)):
            if place is not None and not _is_behind(raw, place, inclusive=inclusive):
                continue
            found.append(messages.of(raw))
            room -= len(found[-1].payload)
            if len(found) == limit or room <= 0:
                break
        return found

    def backward(self, *, before: Position | None, limit: int, most_bytes: int | None = None) -> Sequence[Message]:
        """Return at most ``limit`` messages, newest first, up to the one that fills ``most_bytes``.

        Readers go forward only. So the log is read from some entries before the place up to it, and then from further
        back until there are enough, each range once. A chunked message that begins in one range and ends in the next
        comes with the earlier range, so a range ends at the first known message, not at an entry.
        """
        internals = self.internals()
        layout, messages = layout_of(internals), self._messages()
        if layout.last is None:
            return []
        queue = _queue_for(internals)
        before = before or whole_entry(self.topic, self.partition, *layout.last)
        place = place_of(before.token)
        upper = layout.count_up_to(place.ledger, place.entry)
        found: list[Any] = []
        room = inf if most_bytes is None else most_bytes
        step = 1 if place.batch > 0 else FIRST_STEP
        bound: tuple[int, int, float] = place.order
        while len(found) < limit and room > 0 and upper > 0:
            lower = max(0, upper - step)
            ledger, entry = layout.at(lower)
            kept = _Newest(limit - len(found), room)
            oldest = None
            for raw in self._from_id(pulsar.MessageId(-1, ledger, entry, -1), inclusive=True, queue=queue):
                order = order_of(raw.message_id())
                if order >= bound:
                    break
                kept.append(raw)
                oldest = oldest or order
            found = [*kept.raws, *found]
            room -= kept.size
            bound, upper, step = oldest or bound, lower, step * 4
        return [messages.of(raw) for raw in reversed(found)]

    def fetch_near(self, wanted: Sequence[Position]) -> Mapping[Position, Message]:
        """Return the messages that exist at these positions, one of ``group_near``' groups, with one reader."""
        places = [place_of(position.token) for position in wanted]
        by_order = {place.order: position for place, position in zip(places, wanted, strict=True)}
        messages, last = self._messages(), places[-1].order
        found: dict[Position, Message] = {}
        for raw in self._expected_from(_start_of(places), queue=_entries_of(places)):
            order = order_of(raw.message_id())
            if order in by_order:
                message = messages.of(raw)
                if message.position == by_order[order]:
                    found[message.position] = message
            if order >= last:
                break
        return found

    def first_since(self, when: datetime) -> Position | None:
        """Return the position of the first message published at or after the instant.

        The broker finds the entry by bisection, which needs publish times that do not run backwards. If publishers'
        clocks differ, it is one of the places where the time is passed. All messages of a batch have the same publish
        time.
        """
        milliseconds = max(0, -((EPOCH - when) // timedelta(milliseconds=1)))
        ledger, entry = self._unless_absent(lambda: self.admin.entry_since(self.log, milliseconds), (-1, -1))
        if ledger < 0:
            return None
        start = pulsar.MessageId(-1, ledger, entry, -1)
        for raw in self._from_id(start, inclusive=True, queue=1):
            if raw.publish_timestamp() >= milliseconds:
                return self._messages().of(raw).position
        return None

    def first(self) -> Position | None:
        found = self.forward(after=None, limit=1)
        return found[0].position if found else None

    def last(self) -> Position | None:
        found = self.backward(before=None, limit=1)
        return found[0].position if found else None

    def _unless_absent(self, ask: Callable[[], T], empty: T) -> T:
        """Return the result, or ``empty`` if the partition's log does not exist yet.

        The broker creates a partition's log when it is first used, and until then says that there is none. For an
        unpartitioned topic, ``UnknownTopic`` means what it says.
        """
        try:
            return ask()
        except UnknownTopic:
            if str(self.log) == self.topic:
                raise
            return empty

    def _messages(self) -> Messages:
        return Messages(self.topic, self.partition, self._identify)

    def _from(self, place: Place | None, *, inclusive: bool, queue: int) -> Iterator[Any]:
        if place is None:
            return self._from_id(pulsar.MessageId.earliest, inclusive=True, queue=queue)
        return self._from_id(place.message_id(), inclusive=inclusive, queue=queue)

    def _from_id(self, start: Any, *, inclusive: bool, queue: int) -> Iterator[Any]:
        reader = open_raw(self.connection, self.log, start, inclusive=inclusive, queue=min(queue, QUEUE))
        try:
            with self.connection.errors():
                yield from until_the_end(self.connection, reader)
        finally:
            close_raw(reader)

    def _expected_from(self, start: Any, *, queue: int) -> Iterator[Any]:
        """As ``_from_id``, inclusive, for messages that should exist: waits for them first, and asks the broker
        afterwards."""
        reader = open_raw(self.connection, self.log, start, inclusive=True, queue=min(queue, FETCH_QUEUE))
        try:
            with self.connection.errors():
                while (raw := next_within(reader, EXPECTED_SECONDS)) is not None:
                    yield raw
                yield from until_the_end(self.connection, reader)
        finally:
            close_raw(reader)


class _Newest:
    """Keeps the last ``limit`` of the appended messages, or as many of the last ones as fill ``room`` bytes."""

    def __init__(self, limit: int, room: float) -> None:
        self.raws: deque[Any] = deque()
        self.size = 0
        self._limit, self._room = limit, room
        self._sizes: deque[int] = deque()

    def append(self, raw: Any) -> None:
        size = raw.length()
        self.raws.append(raw)
        self._sizes.append(size)
        self.size += size
        while len(self.raws) > self._limit or self.size - self._sizes[0] >= self._room:
            self.raws.popleft()
            self.size -= self._sizes.popleft()


def _queue_for(internals: Mapping[str, Any]) -> int:
    """Return how many messages to fetch ahead, by the size of the entries in ``internalStats``; at least a few."""
    entries, size = int(internals.get("numberOfEntries", 0)), int(internals.get("totalSize", 0))
    return max(FEWEST, min(QUEUE, READ_BYTES * entries // max(1, size)))


def _is_behind(raw: Any, place: Place, *, inclusive: bool) -> bool:
    order = order_of(raw.message_id())
    return order >= place.order if inclusive else order > place.order


def _start_of(places: Sequence[Place]) -> Any:
    """Return where to start reading for these places. A chunked message among them may begin before all of them."""
    begin = min(place.first_entry for place in places)
    if begin < (places[0].ledger, places[0].entry) and not places[0].chunk:
        return pulsar.MessageId(-1, *begin, -1)
    return places[0].message_id()


def _entries_of(places: Sequence[Place]) -> int:
    """Return how many entries these places span: what the broker is to send without being asked again."""
    return places[-1].entry - min(place.first_entry for place in places)[1] + 1


def group_near(positions: Sequence[Position]) -> Sequence[Sequence[Position]]:
    """Group the sorted positions of one partition so that each group is worth reading through with one reader."""
    groups: list[list[Position]] = []
    before: Place | None = None
    for position in positions:
        place = place_of(position.token)
        if before is not None and _is_near(before, place):
            groups[-1].append(position)
        else:
            groups.append([position])
        before = place
    return groups


def _is_near(one: Place, other: Place) -> bool:
    furthest = max(one.batch, other.batch)
    reach = NEAR if furthest < 0 else NEAR_FIRSTS if furthest == 0 else NEAR_BATCHED
    return one.ledger == other.ledger and other.first_entry[1] - one.entry <= reach
