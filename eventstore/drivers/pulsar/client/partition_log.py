"""Reads parts of a partition's log: forward, backward, single positions, and from a time on.

A new reader costs about 5 milliseconds, most of them waiting for the broker, and each message about 10 microseconds. So
messages that lie close together are read through with one reader, and those of a single batch are taken from the admin
API. A reader for few messages has a small queue: the broker sends as many entries at once as fit into the queue, and each
entry may be a batch of a thousand unwanted messages.

Opening a reader creates a log that does not exist, so the log is looked up before, by REST, which creates nothing.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import Any, TypeVar

import pulsar

from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.entry_batches import fetch_batch
from eventstore.drivers.pulsar.client.messages import EPOCH, Messages, time_of
from eventstore.drivers.pulsar.client.prefetch import FEWEST
from eventstore.drivers.pulsar.client.raw_readers import (
    QUEUE,
    SETTLE_SECONDS,
    LostReader,
    close_raw,
    has_sent_all,
    is_over,
    open_raw,
    until_the_end,
)
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.incarnations import Identify
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import Place, order_of, place_of, whole_entry
from eventstore.model.errors import StoreUnreachable, UnknownTopic
from eventstore.model.events import Message, Position
from eventstore.model.log import READ_BYTES

T = TypeVar("T")

FIRST_STEP = 4
"""Entries that backward reading goes back at first. Each further step is four times as long."""

FETCH_QUEUE = 16
"""The largest queue of a reader that fetches a group. Eight readers are open at the same time, and each message may have 5
MB."""

LOOKED_UP_SECONDS, LONGEST_LOOKED_UP_SECONDS = 0.02, 0.04
"""For this long a log that was looked up counts as there, and while another thread looks it up again. A page may read many
short stretches of one log: if each of eight threads looked it up, that took a quarter of the page's time."""
BEING_CLOSED = ("FencedForDeletion", "Fenced", "Closed")
"""States of a log that is being deleted, or moved to another broker. A reader that asks for it now waits in vain for seconds,
or creates it anew."""
MOST_LOSSES = 3
"""How often in a row a short-lived reader may be disconnected without having delivered anything."""


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
        self._looked_up: tuple[float, Json] = (-inf, {})
        self._looking_up = threading.Lock()

    def look_up(self) -> Json:
        """Return the log's ``internalStats``, immediately before a reader is opened; empty if the partition has no log yet.

        If the broker begins and ends to delete the topic in between, the reader creates it anew. To delete a topic takes the
        broker 10 milliseconds or more. So nothing else may take time here: the client is made ready before the question.
        Raises ``UnknownTopic`` if the topic is gone, ``StoreUnreachable`` while the log is being deleted or moved.
        """
        self.connection.client()
        internals = self.internals()
        if not internals and not self._topic_is_there():
            raise UnknownTopic(f"The broker has no topic {self.topic} any more: go back to the list of topics.")
        if internals.get("state") in BEING_CLOSED:
            raise StoreUnreachable(f"The broker is deleting or moving {self.topic} at this moment. Try again.")
        self._looked_up = (time.monotonic(), internals)
        return internals

    def looked_up(self) -> Json:
        """Return what ``look_up`` returned a moment ago, or now. Several threads may ask: one of them looks it up."""
        when, internals = self._looked_up
        age = time.monotonic() - when
        if age <= LOOKED_UP_SECONDS or not self._looking_up.acquire(blocking=age > LONGEST_LOOKED_UP_SECONDS):
            return internals
        try:
            return self._looked_up[1] if self._looked_up[0] > when else self.look_up()
        finally:
            self._looking_up.release()

    def internals(self) -> Json:
        """Return what the broker tells of this log; empty if the partition has no log yet because nobody has used it."""
        return self._unless_absent(lambda: self.admin.log_internals(self.log), {})

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

    def backward(
        self, *, before: Position | None, limit: int, most_bytes: int | None = None, inclusive: bool = False
    ) -> Sequence[Message]:
        """Return at most ``limit`` messages before a position (``inclusive``: or at it), newest first, up to the one that
        fills ``most_bytes``.

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
        bound: tuple[int, int, float] = (place.ledger, place.entry, place.order[2] + 0.5) if inclusive else place.order
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
        if (in_one := fetch_batch(self.admin, self.log, self._messages(), places, wanted)) is not None:
            return in_one
        by_order = {place.order: position for place, position in zip(places, wanted, strict=True)}
        messages, last, found = self._messages(), places[-1].order, dict[Position, Message]()
        queue = min(_entries_of(places), FETCH_QUEUE)
        for raw in self._from_id(_start_of(places), inclusive=True, queue=queue, expected=True):
            order = order_of(raw.message_id())
            if order in by_order and (message := messages.of(raw)).position == by_order[order]:
                found[message.position] = message
            if order >= last:
                break
        return found

    def first_since(self, when: datetime) -> Message | None:
        """Return the first message published at or after the instant.

        The broker finds the entry by bisection, which needs publish times that do not run backwards. If publishers'
        clocks differ, it is one of the places where the time is passed. All messages of a batch have the same publish
        time. A message whose publish time is unknown is none of them.
        """
        milliseconds = max(0, -((EPOCH - when) // timedelta(milliseconds=1)))
        ledger, entry = self._unless_absent(lambda: self.admin.entry_since(self.log, milliseconds), (-1, -1))
        if ledger < 0:
            return None
        start = pulsar.MessageId(-1, ledger, entry, -1)
        for raw in self._from_id(start, inclusive=True, queue=1):
            if raw.publish_timestamp() >= milliseconds and time_of(raw.publish_timestamp()) is not None:
                return self._messages().of(raw)
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

    def _topic_is_there(self) -> bool:
        folded = self.log.folded()
        return folded is None or self.admin.partitions(folded[0]) is not None

    def _has_sent_all(self) -> bool:
        return has_sent_all(self.internals())

    def _messages(self) -> Messages:
        return Messages(self.topic, self.partition, self._identify)

    def _from(self, place: Place | None, *, inclusive: bool, queue: int) -> Iterator[Any]:
        if place is None:
            return self._from_id(pulsar.MessageId.earliest, inclusive=True, queue=queue)
        return self._from_id(place.message_id(), inclusive=inclusive, queue=queue)

    def _from_id(self, start: Any, *, inclusive: bool, queue: int, expected: bool = False) -> Iterator[Any]:
        """Yield the messages from there to the end. A reader that is disconnected on the way is opened again."""
        losses, last = 0, None
        while losses < MOST_LOSSES:
            internals = self.look_up() if losses or last is not None else self.looked_up()
            if is_over(internals, last, losses):
                return
            losses += 1
            reader = open_raw(self.connection, self.log, start, inclusive=inclusive, queue=min(queue, QUEUE))
            try:
                for raw in until_the_end(self.connection, reader, all_sent=self._has_sent_all, expected=expected):
                    losses, last = 0, raw
                    yield raw
                return
            except LostReader:
                self.connection.lost()
            finally:
                close_raw(reader)
            time.sleep(SETTLE_SECONDS)
            if last is not None:
                start, inclusive = last.message_id(), False
        raise self.connection.unreachable()


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
