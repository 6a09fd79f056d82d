"""The log of one Pulsar cluster: topics, publishing and reading."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

import pulsar

from eventstore.drivers.pulsar.admin import Json
from eventstore.drivers.pulsar.client.arrivals import Arrivals
from eventstore.drivers.pulsar.client.entry_batches import is_set_as_bytes
from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.parallel import group_near, in_parallel
from eventstore.drivers.pulsar.client.partition_log import PartitionLog
from eventstore.drivers.pulsar.client.prefetch import FetchAhead
from eventstore.drivers.pulsar.client.publishing import Publisher
from eventstore.drivers.pulsar.client.reader import PulsarReader
from eventstore.drivers.pulsar.client.resuming import Begin, start_after
from eventstore.drivers.pulsar.cluster import Cluster, checked
from eventstore.drivers.pulsar.ends import EndsFinder
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.positions import entry_at, place_of, position_from, position_labelled
from eventstore.model.errors import NotSupported, UnknownTopic
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.model.log import Amounts, Edge, Ends, LogCapabilities

PARALLEL_READS = 4
"""Partitions of a topic's page that are read in parallel."""


class PulsarLog:
    """Implements ``eventstore.drivers.unfolding.MessageLog``. ``eventstore.model.log.Log`` describes each call.

    A chunked message that has other publishers' messages between its chunks is delivered at its last chunk. A reader
    that is opened between its chunks gets it if it began not too long before (``resuming``).
    """

    capabilities = LogCapabilities(
        expected_version=False,
        detects_known_ids=False,
        amount_unit="entries",
        parallel_reads=PARALLEL_READS,
    )

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._publisher = Publisher(cluster.connection)
        self._ends = EndsFinder(cluster.admin)
        self._ahead = FetchAhead()
        self._arrivals = Arrivals(cluster.admin)

    def ping(self) -> str:
        self._cluster.check_open()
        return f"Pulsar {self._cluster.admin.version()} at {self._cluster.connection.where}"

    # -- topics

    def topics(self) -> Sequence[Topic]:
        self._cluster.check_open()
        return self._cluster.topics.all()

    def topic(self, name: str) -> Topic:
        return self._cluster.known(name).topic

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        self._cluster.check_open()
        return self._cluster.topics.create(name, partitions).topic

    def ends(self, topic: str) -> Sequence[Ends]:
        known = self._cluster.known(topic)
        return self._ends.of(known, [self._cluster.partition_log(known, number) for number in range(known.topic.partitions)])

    def incarnation(self, topic: str, partition: int) -> str:
        return self._cluster.incarnations.of(self._cluster.known(topic).log(partition)).incarnation

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        return self._ends.amounts(self._cluster.known(topic), positions)

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        known = self._cluster.known(topic)
        if expected_version is not None:
            raise NotSupported("Pulsar has no expected version: append without it.")
        return self._publisher.append(known, messages)

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        self._cluster.check_open()
        raise NotSupported("Pulsar does not know which event ids a topic holds: ask the index.")

    # -- reading

    def read_forward(
        self,
        topic: str,
        partition: int,
        *,
        after: Position | None = None,
        limit: int,
        inclusive: bool = False,
        most_bytes: int | None = None,
    ) -> Sequence[Message]:
        partition_log = self._cluster.partition_log(self._cluster.known(topic), partition)
        return partition_log.forward(
            after=checked(after, partition_log), limit=limit, inclusive=inclusive, most_bytes=most_bytes
        )

    def read_backward(
        self,
        topic: str,
        partition: int,
        *,
        before: Position | None = None,
        limit: int,
        most_bytes: int | None = None,
        inclusive: bool = False,
    ) -> Sequence[Message]:
        partition_log = self._cluster.partition_log(self._cluster.known(topic), partition)
        return partition_log.backward(
            before=checked(before, partition_log), limit=limit, most_bytes=most_bytes, inclusive=inclusive
        )

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        """Scattered positions cost a reader each, several of them in parallel. Close ones are read through with one
        reader."""
        self._cluster.check_open()
        ordered = sorted(set(positions), key=lambda position: (position.topic, position.partition, position.token))
        pieces: list[tuple[PartitionLog, Sequence[Position]]] = []
        for (topic, partition), group in groupby(ordered, key=lambda position: (position.topic, position.partition)):
            near = group_near(list(group))
            partition_log = self._partition_log_if_there(topic, partition)
            if partition_log is not None:
                pieces += [(partition_log, wanted) for wanted in near]
        parts = in_parallel(_fetch_near, pieces)
        return {position: message for part in parts for position, message in part.items()}

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        message = self.first_message_since(topic, partition, when)
        return message.position if message else None

    def first_message_since(self, topic: str, partition: int, when: datetime) -> Message | None:
        return self._cluster.partition_log(self._cluster.known(topic), partition).first_since(when)

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> PulsarReader:
        known = self._cluster.known(topic)
        partition_log = self._cluster.partition_log(known, partition)
        identity = self._cluster.incarnations.of(partition_log.log)
        identify = self._cluster.incarnations.follow(partition_log.log, identity)
        begin = self._begin(partition_log, after, identity.incarnation)
        news = self._arrivals.join(known.name, known.shards, partition, begin.internals)
        try:
            messages = Messages(partition_log.topic, partition_log.partition, identify, every_ledger=True)
            return PulsarReader(partition_log, messages, begin, self._ahead, news)
        except BaseException:
            news.leave()
            raise

    def position(self, topic: str, partition: int, token: str) -> Position:
        self._cluster.check_open()
        return position_from(topic, partition, token)

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        self._cluster.check_open()
        return position_labelled(topic, partition, label)

    def entry(self, position: Position) -> tuple[Position, Position]:
        return entry_at(position)

    def key_is_bytes(self, position: Position) -> bool | None:
        place = place_of(position.token)
        log = self._cluster.known(position.topic).log(position.partition)
        found = self._cluster.admin.entry(log, place.ledger, place.entry)
        return is_set_as_bytes(*found, place.batch) if found else None

    def _partition_log_if_there(self, topic: str, partition: int) -> PartitionLog | None:
        try:
            return self._cluster.partition_log(self._cluster.known(topic), partition)
        except UnknownTopic:
            return None

    def _begin(self, partition_log: PartitionLog, after: Position | Edge, incarnation: str) -> Begin:
        internals = partition_log.look_up()
        start, inclusive, token, drained = pulsar.MessageId.earliest, True, "", None
        if after is Edge.LATEST:
            drained, after = layout_of(internals).last, self._latest(partition_log, internals)
        if isinstance(after, Position):
            checked(after, partition_log)
            token = after.token
            start, inclusive = start_after(internals, token)
        return Begin(
            start=start,
            inclusive=inclusive,
            token=token,
            internals=internals,
            drained=drained,
            incarnation=incarnation,
            ask_incarnation=lambda: self._cluster.incarnations.of(partition_log.log).incarnation,
        )

    def _latest(self, partition_log: PartitionLog, internals: Json) -> Position | Edge:
        """Return the last event that can be read now; the earliest edge if there is none.

        What the broker calls the last id may lie behind events that an open transaction holds back, and says nothing of
        what there is once a terminated topic was loaded again.
        """
        return self._ends.last(partition_log, internals) or Edge.EARLIEST


def _fetch_near(piece: tuple[PartitionLog, Sequence[Position]]) -> Mapping[Position, Message]:
    partition_log, wanted = piece
    try:
        return partition_log.fetch_near(wanted)
    except UnknownTopic:
        return {}
