"""Copying on one Pulsar cluster."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from eventstore.drivers.meanwhile import meanwhile
from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.cluster import Cluster
from eventstore.drivers.pulsar.copying.acknowledger import PulsarAcknowledger
from eventstore.drivers.pulsar.copying.connected_once import SpareClient
from eventstore.drivers.pulsar.copying.held import one_is_held, standing
from eventstore.drivers.pulsar.copying.publisher import PulsarPublisher
from eventstore.drivers.pulsar.copying.schemas import refusal_of
from eventstore.drivers.pulsar.ledgers import last_written, layout_of
from eventstore.drivers.pulsar.log import PulsarLog
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import place_of, whole_entry
from eventstore.model.copying import Start
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import UNREADABLE_KEY, Message, Position
from eventstore.model.log import Edge, Reader
from eventstore.model.schema_registry import Schema
from eventstore.model.subscriptions import SubscriptionType

IN_PIECES = "It was published in pieces, which cannot be acknowledged together."
ENCRYPTED = "Its publisher encrypted it, and a copy would lose what is needed to decrypt it."
UNREADABLE = "The store's client cannot read all of it."


PENDING_SECONDS = 10.0
LOOK_SECONDS = 0.02


class PulsarCopying:
    """Fulfils ``eventstore.model.copying.Copying``; see there for what each call does."""

    def __init__(self, cluster: Cluster, log: PulsarLog) -> None:
        self._cluster, self._log = cluster, log
        self._spare = SpareClient(cluster.connection)

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        return self._log.open_reader(topic, partition, after=after)

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        return self._log.fetch(positions)

    def begin_fetch(self, positions: Sequence[Position]) -> Callable[[], Mapping[Position, Message]]:
        return meanwhile(partial(self.fetch, positions))

    def refusal(self, message: Message, *, acknowledged: bool = True) -> str:
        if message.problem or UNREADABLE_KEY in (message.key, message.ordering_key) or UNREADABLE_KEY in message.properties:
            return UNREADABLE
        if message.encrypted:
            return ENCRYPTED
        return IN_PIECES if acknowledged and place_of(message.position.token).chunk else ""

    def schema_refusal(self, schema: Schema) -> str:
        return refusal_of(schema)

    def get_ready(self, topic: str) -> None:
        self._spare.get_ready(self._cluster.known_lately(topic).log(0).uri)

    def close(self) -> None:
        """Close what was made ready and is not used."""
        self._spare.close()

    def open_publisher(
        self, topic: str, *, partitions: Sequence[int], mark: tuple[str, str], schemas: Mapping[str, Schema | None]
    ) -> PulsarPublisher:
        known = self._cluster.known(topic)
        publisher = PulsarPublisher(self._spare.take(), known, partitions, "-".join(mark), schemas)
        try:
            for partition in partitions:
                told = await_pending(self._cluster.admin, known.log(partition))
                publisher.starts[partition] = start_of(publisher.topic, partition, told)
        except BaseException:
            publisher.close()
            raise
        return publisher

    def is_held(self, topic: str, partition: int, held: Sequence[str]) -> bool:
        return one_is_held(self._cluster.admin, self._cluster.known(topic).log(partition), held)

    def open_acknowledger(
        self, topic: str, subscription: str, *, type: SubscriptionType, partitions: Sequence[int]
    ) -> PulsarAcknowledger:
        known = self._cluster.known(topic)
        return PulsarAcknowledger(self._cluster.connection, known, subscription, type).join(partitions)


def start_of(topic: str, partition: int, told: Json) -> Start:
    """Return where a partition with this ``internalStats`` ends."""
    last = layout_of(told).last
    place = whole_entry(topic, partition, *last).token if last else last_written(told)
    return Start(place=place, empty=last is None, held=tuple(standing(told)))


def await_pending(admin: Admin, log: TopicName) -> Json:
    """Wait until the broker has stored what it was storing for this log when this was called; return the ``internalStats``
    of then.

    A publisher that was killed may have left something on its way, which a look at the end of the log would not find.
    """
    told = admin.partition_internals(log)
    until = _number(told, "entriesAddedCounter") + _number(told, "pendingAddEntriesCount")
    deadline = time.monotonic() + PENDING_SECONDS
    while _number(told, "pendingAddEntriesCount") and _number(told, "entriesAddedCounter") < until:
        if time.monotonic() > deadline:
            raise StoreUnreachable("The broker does not get through with what it is storing. Trying again.")
        time.sleep(LOOK_SECONDS)
        told = admin.partition_internals(log)
    return told


def _number(told: Json, name: str) -> int:
    return int(told.get(name) or 0)
