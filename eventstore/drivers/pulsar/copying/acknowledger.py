"""Acknowledges by position, through members of the subscription that ask for no message.

A consumer with ``receiver_queue_size=0`` takes nothing, and its acknowledgements count: seen for exclusive, shared and
key_shared subscriptions. It is a member of one partition, so there is one for each. The client collects acknowledgements for
100 milliseconds, or a thousand of them, and loses what it has collected if the process is killed.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import pulsar

from eventstore.drivers.pulsar.access.needs import reading
from eventstore.drivers.pulsar.client import closing
from eventstore.drivers.pulsar.client.consumer import TYPES
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.positions import entry_of
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.events import Position
from eventstore.model.subscriptions import SubscriptionType

MEMBER = "eventdesk"


class PulsarAcknowledger:
    """See ``eventstore.model.copying.Acknowledger``."""

    def __init__(self, connection: BrokerConnection, known: KnownTopic, subscription: str, type: SubscriptionType) -> None:
        self._connection, self._known = connection, known
        self._settings: dict[str, Any] = {
            "subscription_name": subscription,
            "consumer_type": TYPES.get(type, pulsar.ConsumerType.Shared),
            "consumer_name": MEMBER,
            "initial_position": pulsar.InitialPosition.Earliest,
            "receiver_queue_size": 0,
        }
        self._members: dict[int, Any] = {}

    def acknowledge(self, positions: Sequence[Position]) -> None:
        done: set[tuple[int, int, int]] = set()
        with self._connection.errors():
            for position in positions:
                ledger, entry = entry_of(position.token)
                if (position.partition, ledger, entry) in done:
                    continue
                done.add((position.partition, ledger, entry))
                member = self._members.get(position.partition) or self._join(position.partition)
                member._consumer.acknowledge(pulsar.MessageId(-1, ledger, entry, -1)._msg_id)

    def join(self, partitions: Sequence[int]) -> Self:
        """Become a member in these partitions now, so that a refusal comes before anything is sent."""
        try:
            for partition in partitions:
                self._join(partition)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        for member in self._members.values():
            closing.close_consumer(member)
        self._members.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _join(self, partition: int) -> Any:
        client = self._connection.client()
        with self._connection.errors(reading(self._known.name)):
            member = client.subscribe(self._known.log(partition).uri, **self._settings)
        self._members[partition] = member
        return member
