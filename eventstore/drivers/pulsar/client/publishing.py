"""Appending: our own routing, and one producer for each partition and mode of sending, kept until the storage is closed.

To the broker a batch is one entry: it is acknowledged, reset and (by Key_Shared) delivered as a whole. So messages are
batched if that harms nobody or if there are many (batches are several times as fast to write and to read), and sent
singly if a few messages with different keys come together. Messages that are too large for the broker are sent in
chunks, and a producer that chunks cannot batch.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import count, groupby
from typing import Any

import _pulsar
import pulsar

from eventstore.drivers.pulsar.access.needs import publishing
from eventstore.drivers.pulsar.client.messages import EPOCH
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import Positions
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.drivers.routing import partition_of
from eventstore.model.errors import EventStoreError, InvalidMessage, StoreClosed, StoreRefused, StoreUnreachable
from eventstore.model.events import NewMessage, Position

MANY = 100
"""From this number of messages for one partition in one call, they are batched whatever their keys."""

CHUNKED_FROM = 4 * 1024 * 1024
"""Bytes of payload, key and properties. The broker's own limit for a whole entry is 5 MiB."""

SEND_SECONDS = 10
PENDING = 1000


class SendMode(StrEnum):
    SINGLE = "single"
    BATCHED = "batched"
    CHUNKED = "chunked"


Item = tuple[int, NewMessage, bool]
"""A message to send: its number in the call, and whether it is too large for one piece."""


class Publisher:
    """Appends messages. Thread-safe."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._producers: dict[tuple[str, SendMode], Any] = {}
        self._turn = count()

    def append(self, known: KnownTopic, messages: Sequence[NewMessage]) -> Sequence[Position]:
        """Return the positions in the order of the messages, once all of them are confirmed."""
        sizes = [size_of(message) for message in messages]
        call = _Call(self._connection, str(known.name), len(messages))
        shares: dict[int, list[Item]] = defaultdict(list)
        for place, (message, size) in enumerate(zip(messages, sizes, strict=True)):
            shares[self._partition(message, len(known.logs))].append((place, message, size > CHUNKED_FROM))
        try:
            used = [self._send(call, known, partition, share) for partition, share in shares.items()]
            for producer in used:
                call.settle(producer)
        except EventStoreError as error:
            raise call.counted(error) from error
        return call.confirmed()

    def _partition(self, message: NewMessage, partitions: int) -> int:
        if message.key is None:
            return next(self._turn) % partitions
        return partition_of(message.key, partitions)

    def _send(self, call: "_Call", known: KnownTopic, partition: int, share: Sequence[Item]) -> Any:
        """Send a partition's share, and return the producer that sends the last of it."""
        producer: Any = None
        for mode, items in _runs(share):
            if producer is not None:
                call.settle(producer)  # what another producer sends next must come after it
            producer = self._producer(known.logs[partition], mode)
            for item in items:
                call.send(producer, partition, item)
        return producer

    def _producer(self, log: TopicName, mode: SendMode) -> Any:
        client, uri = self._connection.client(), log.uri
        with self._lock, self._connection.errors(publishing(log)):
            producer = self._producers.get((uri, mode))
            if producer is None or not producer.is_connected():
                _let_go(producer)
                producer = client.create_producer(uri, **_settings(mode))
                self._producers[uri, mode] = producer
            return producer


class _Call:
    """What one call of ``append`` has sent, and what of it is confirmed.

    The client's thread records the confirmations, and the caller's thread waits until there are as many as were sent.
    Lists that only grow need no lock for that, which matters at 10,000 confirmations a second.
    """

    def __init__(self, connection: BrokerConnection, topic: str, size: int) -> None:
        self._connection, self._topic = connection, topic
        self._positions: list[Position | None] = [None] * size
        self._makers: dict[int, Positions] = {}
        self._sent = 0
        self._answers: list[bool] = []
        self._failures: list[str] = []

    def send(self, producer: Any, partition: int, item: Item) -> None:
        place, message, _ = item
        maker = self._makers.setdefault(partition, Positions(self._topic, partition))

        def answered(result: Any, message_id: Any) -> None:
            if result == pulsar.Result.Ok:
                self._positions[place] = maker.of(message_id)
            else:
                self._failures.append(str(result).rpartition(".")[2])
            self._answers.append(True)

        try:
            built = client_message(message.payload, message.properties, message.key or None, message.event_time)
            producer._producer.send_async(built, answered)
            self._sent += 1
        except pulsar.PulsarException as error:
            self._failures.append(type(error).__name__)

    def settle(self, producer: Any) -> None:
        """Wait until everything sent is confirmed or refused, and raise what failed. A producer gives up by itself after a
        while."""
        try:
            producer.flush()
        except pulsar.PulsarException as error:
            self._failures.append(type(error).__name__)
        deadline = time.monotonic() + SEND_SECONDS + 5
        while len(self._answers) < self._sent and not self._failures and time.monotonic() < deadline:
            time.sleep(0.0005)
        if self._failures or len(self._answers) < self._sent:
            raise self._connection.translated(self._failures[0] if self._failures else "Timeout", publishing(self._topic))

    def confirmed(self) -> Sequence[Position]:
        return [position for position in self._positions if position is not None]

    def counted(self, error: EventStoreError) -> EventStoreError:
        """Add to the error how much of the call is known to have arrived, once anything was sent.

        The client refuses a message only when others of the call are already sent. Such a refusal is no longer
        ``InvalidMessage``: that error says that nothing was written, and a caller that sent the rest again would
        duplicate it.
        """
        if not self._sent:
            return error
        kind = type(error) if isinstance(error, StoreUnreachable | StoreClosed) else StoreRefused
        done, size = len(self.confirmed()), len(self._positions)
        return kind(f"{error} Of {size} messages {done} are confirmed; the others may have arrived or not.")


def size_of(message: NewMessage) -> int:
    """Return the bytes of payload, key and properties. Raises ``InvalidMessage`` for what Pulsar cannot hold."""
    try:
        size = len("".join((*message.properties, *message.properties.values(), message.key or "")).encode())
    except UnicodeEncodeError as error:
        raise InvalidMessage("A key or property holds half a character (a lone surrogate): leave it out.") from error
    if size > CHUNKED_FROM:
        raise InvalidMessage("Key and properties of a message are larger than 4 MiB together: put the rest into the payload.")
    if message.event_time is not None and message.event_time <= EPOCH:
        raise InvalidMessage("Pulsar keeps no event time of 1970 or earlier: leave it out, or put it into the payload.")
    return size + len(message.payload)


def _runs(share: Sequence[Item]) -> Iterator[tuple[SendMode, Sequence[Item]]]:
    """Yield the messages in order, cut where the mode of sending changes."""
    batched = len(share) >= MANY or (len(share) > 1 and len({message.key for _, message, _ in share}) == 1)
    for large, items in groupby(share, lambda item: item[2]):
        yield SendMode.CHUNKED if large else SendMode.BATCHED if batched else SendMode.SINGLE, list(items)


def _settings(mode: SendMode) -> dict[str, Any]:
    settings = {
        "send_timeout_millis": SEND_SECONDS * 1000,
        "max_pending_messages": PENDING,
        "block_if_queue_full": True,
        "batching_enabled": mode is SendMode.BATCHED,
        "chunking_enabled": mode is SendMode.CHUNKED,
    }
    if mode is SendMode.BATCHED:
        settings |= {"batching_max_messages": 1000, "batching_max_publish_delay_ms": 5}
    return settings


def client_message(
    payload: bytes | None,
    properties: Mapping[str, str],
    key: str | None,
    event_time: datetime | None,
    ordering_key: str | None = None,
) -> Any:
    """Return the client's own message; without a payload one that deletes its key. The client's Python wrapper would check
    each part again, which takes a third of the time."""
    builder = _pulsar.MessageBuilder()
    if payload is None:
        builder.set_null_value()
    else:
        builder.content(payload)
    builder.properties(dict(properties))
    if key is not None:
        builder.partition_key(key)
    if ordering_key is not None:
        builder.ordering_key(ordering_key)
    if event_time is not None:
        builder.event_timestamp(_milliseconds(event_time))
    return builder.build()


def _milliseconds(when: datetime) -> int:
    since = when - EPOCH  # integers only: a float would lose the last millisecond of some instants
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _let_go(producer: Any) -> None:
    if producer is not None:
        try:
            producer.close()
        except pulsar.PulsarException:
            return  # its connection is gone, and the broker has forgotten it
