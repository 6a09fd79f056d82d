"""A consumer: a member of a durable subscription."""

import time
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import pulsar

from eventstore.drivers.pulsar.access.needs import reading
from eventstore.drivers.pulsar.client import closing
from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.pieces import patience_behind
from eventstore.drivers.pulsar.client.raw_readers import QUEUE
from eventstore.drivers.pulsar.connection import BrokerConnection, ConnectionWatch, closed
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Message, Position
from eventstore.model.log import READ_BYTES
from eventstore.model.subscriptions import SubscriptionType

TYPES = {
    SubscriptionType.EXCLUSIVE: pulsar.ConsumerType.Exclusive,
    SubscriptionType.FAILOVER: pulsar.ConsumerType.Failover,
    SubscriptionType.SHARED: pulsar.ConsumerType.Shared,
    SubscriptionType.KEY_SHARED: pulsar.ConsumerType.KeyShared,
}


class PulsarConsumer:
    """See ``storage.Consumer``. Every type acknowledges event by event, so that no earlier event is acknowledged with it.

    A batch that is acknowledged in part is delivered again to a later consumer. If the broker tracks inside batches
    (``acknowledgmentAtBatchIndexLevelEnabled``, off by default in Pulsar 4.0 and on in 4.2), only the rest is.
    """

    def __init__(
        self, connection: BrokerConnection, known: KnownTopic, name: str, type: SubscriptionType, consumer: str
    ) -> None:
        self._connection, self._known = connection, known
        self._settings: dict[str, Any] = {
            "subscription_name": name,
            "consumer_type": TYPES.get(type, pulsar.ConsumerType.Shared),
            "consumer_name": consumer,
            "initial_position": pulsar.InitialPosition.Earliest,
            "receiver_queue_size": QUEUE,
            "batch_index_ack_enabled": True,
        }
        self._messages: dict[int, Messages] = {}
        self._received: dict[Position, Any] = {}
        self._furthest: dict[int, str] = defaultdict(str)
        self._watch = ConnectionWatch(connection)
        self._closed = False
        self._consumer = self._subscribe()

    def receive(self, *, limit: int, timeout: float) -> Sequence[Message]:
        self._check_open()
        found: list[Message] = []
        deadline = time.monotonic() + timeout
        try:
            self._gather(found, limit, deadline)
        except pulsar.PulsarException as error:
            if not found:
                raise self._connection.translated(type(error).__name__) from error
        if not found:
            self._mend()
        return found

    def acknowledge(self, position: Position) -> None:
        self._check_open()
        message_id = self._received.get(position)
        if message_id is None:
            if position.token <= self._furthest[position.partition]:
                return  # already acknowledged
            raise InvalidPosition("This consumer has not received the event at this position: receive it first.")
        with self._connection.errors():
            self._consumer.acknowledge(message_id)
        del self._received[position]

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _subscribe(self) -> Any:
        client = self._connection.client()
        with self._connection.errors(reading(self._known.name)):
            return client.subscribe(self._known.name.uri, **self._settings)

    def _check_open(self) -> None:
        if self._closed:
            raise closed()
        self._connection.check_open()

    def _gather(self, found: list[Message], limit: int, deadline: float) -> None:
        room, first = READ_BYTES, 0.0
        while len(found) < limit and room > 0:
            patience = patience_behind(first) if found else max(1, int(1000 * (deadline - time.monotonic())))
            try:
                received = self._consumer.receive(patience)
            except pulsar.Timeout:
                return
            first = first or time.monotonic()
            found.append(self._noted(received))
            room -= len(found[-1].payload)

    def _noted(self, received: Any) -> Message:
        raw = received._message
        message_id = raw.message_id()
        partition = message_id.partition() if self._known.shards else 0
        message = self._messages.setdefault(partition, Messages(str(self._known.name), partition)).of(raw)
        self._received[message.position] = message_id
        self._furthest[partition] = max(self._furthest[partition], message.position.token)
        return message

    def _mend(self) -> None:
        """Nothing came. If the connection is gone while the broker answers, give the client a moment, and then reconnect."""
        if self._watch.gone_for_good(self._consumer.is_connected()):
            self._let_go()
            self._consumer = self._subscribe()

    def _let_go(self) -> None:
        closing.close_consumer(self._consumer)
