"""``PulsarStorage``: the storage protocol over one Pulsar cluster, composed of this package's parts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import pulsar

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.pulsar import cursor_reset
from eventstore.drivers.pulsar import subscriptions as subscribing
from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client.consumer import PulsarConsumer
from eventstore.drivers.pulsar.client.messages import Messages
from eventstore.drivers.pulsar.client.parallel import in_parallel
from eventstore.drivers.pulsar.client.partition_log import Shard, near_ones
from eventstore.drivers.pulsar.client.prefetch import FetchAhead
from eventstore.drivers.pulsar.client.publishing import Publisher
from eventstore.drivers.pulsar.client.reader import PulsarReader
from eventstore.drivers.pulsar.client.resuming import start_behind
from eventstore.drivers.pulsar.connection import Link
from eventstore.drivers.pulsar.ends import EndsFinder
from eventstore.drivers.pulsar.names import check_new_subscription, full_name
from eventstore.drivers.pulsar.positions import place_of, position_from, position_labelled
from eventstore.drivers.pulsar.topics import Known, Topics
from eventstore.model.errors import InvalidPosition, NotSupported, UnknownTopic
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.model.storage import (
    Amounts,
    Capabilities,
    Edge,
    Ends,
    OnMove,
    Schema,
    Subscription,
    SubscriptionType,
    ignore_move,
)

PARALLEL_READS = 4
"""Partitions of a topic's page that are read side by side."""

CAPABILITIES = Capabilities(
    driver="pulsar",
    expected_version=False,
    detects_known_ids=False,
    backlog_unit="entries",
    reset_disconnects=True,
    lists_consumers=True,
    namespaces=True,
    parallel_reads=PARALLEL_READS,
)


class PulsarStorage:
    """See ``storage.Storage``. Nothing is contacted before the first call, and each process has connections of its own.

    ``namespaces`` are ``tenant/namespace`` patterns (``*``, ``?``, ``[…]``); ``tls_…`` are paths of PEM files. A chunked
    message that another publisher's messages are woven into is delivered at its last chunk; a reader that is opened between
    its chunks gets it where it began not too long before (``resuming``).
    """

    def __init__(
        self,
        *,
        service_url: str,
        admin_url: str,
        namespaces: Sequence[str] = ("public/default",),
        kinds: TopicKinds = BY_NAME,
        token: str = "",
        tls_trust_certs: str = "",
        tls_certificate: str = "",
        tls_key: str = "",
    ) -> None:
        credentials = {"token": token, "trust_certs": tls_trust_certs, "certificate": tls_certificate, "key": tls_key}
        self._link = Link(service_url=service_url, **credentials)
        self._admin = Admin(url=admin_url, **credentials)
        self._topics = Topics(self._admin, namespaces, kinds)
        self._publisher = Publisher(self._link)
        self._ends = EndsFinder(self._admin)
        self._ahead = FetchAhead()

    def __repr__(self) -> str:
        return f"PulsarStorage({self._link.where})"

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    # -- topics

    def topics(self) -> Sequence[Topic]:
        self._link.check_open()
        return self._topics.all()

    def topic(self, name: str) -> Topic:
        return self._known(name).topic

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        self._link.check_open()
        return self._topics.create(name, partitions).topic

    def ends(self, topic: str) -> Sequence[Ends]:
        known = self._known(topic)
        return self._ends.of(known, [self._shard(known, number) for number in range(known.topic.partitions)])

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        return self._ends.amounts(self._known(topic), positions)

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        known = self._known(topic)
        if expected_version is not None:
            raise NotSupported("Pulsar has no expected version: append without it.")
        return self._publisher.append(known, messages)

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        self._link.check_open()
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
        shard = self._shard(self._known(topic), partition)
        return shard.forward(after=_checked(after, shard), limit=limit, inclusive=inclusive, most_bytes=most_bytes)

    def read_backward(
        self, topic: str, partition: int, *, before: Position | None = None, limit: int, most_bytes: int | None = None
    ) -> Sequence[Message]:
        shard = self._shard(self._known(topic), partition)
        return shard.backward(before=_checked(before, shard), limit=limit, most_bytes=most_bytes)

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        """Scattered positions cost a reader each, some of them open side by side; near ones are read through together."""
        self._link.check_open()
        ordered = sorted(set(positions), key=lambda position: (position.topic, position.partition, position.token))
        pieces: list[tuple[Shard, Sequence[Position]]] = []
        for (topic, partition), group in groupby(ordered, key=lambda position: (position.topic, position.partition)):
            near = near_ones(list(group))
            shard = self._shard_if_there(topic, partition)
            if shard is not None:
                pieces += [(shard, wanted) for wanted in near]
        parts = in_parallel(lambda piece: piece[0].fetch_near(piece[1]), pieces)
        return {position: message for part in parts for position, message in part.items()}

    def schema(self, topic: str, version: str) -> Schema | None:
        self._link.check_open()
        return self._admin.schema(full_name(topic) or self._known(topic).name, version)

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        return self._shard(self._known(topic), partition).first_since(when)

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> PulsarReader:
        shard = self._shard(self._known(topic), partition)
        start, inclusive, token = pulsar.MessageId.earliest, True, ""
        internals = shard.internals()
        if after is Edge.LATEST:
            start, inclusive = self._latest(shard)
        elif isinstance(after, Position):
            _checked(after, shard)
            token = after.token
            start, inclusive = _start_behind(internals, token)
        share = self._ahead.join(internals)
        try:
            return PulsarReader(
                self._link,
                shard.log,
                Messages(shard.topic, shard.partition),
                start,
                inclusive=inclusive,
                after=token,
                ahead=self._ahead,
                share=share,
                resume=lambda token: _start_behind(shard.internals(), token),
            )
        except BaseException:
            self._ahead.leave(share)
            raise

    def position(self, topic: str, partition: int, token: str) -> Position:
        self._link.check_open()
        return position_from(topic, partition, token)

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        self._link.check_open()
        return position_labelled(topic, partition, label)

    # -- subscriptions

    def subscriptions(self, topic: str) -> Sequence[Subscription]:
        return subscribing.all_of(self._admin, self._known(topic))

    def subscription(self, topic: str, name: str) -> Subscription:
        return subscribing.named(self._admin, self._known(topic), name)

    def create_subscription(self, topic: str, name: str, *, type: SubscriptionType, start: Edge = Edge.LATEST) -> Subscription:
        """The broker learns the type from the consumers that connect, so that ``type`` says nothing to it."""
        known = self._known(topic)
        check_new_subscription(name)
        self._admin.create_subscription(known.name, name, start.value)
        return subscribing.named(self._admin, known, name)

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> PulsarConsumer:
        known = self._known(topic)
        check_new_subscription(name)
        return PulsarConsumer(self._link, known, name, type, consumer)

    def reset_cursor(
        self, topic: str, name: str, targets: Mapping[int, Position | Edge], *, on_move: OnMove = ignore_move
    ) -> None:
        """The broker's cursor stands between entries: at an event inside a batch, its whole batch comes again."""
        known = self._known(topic)
        for partition, target in targets.items():
            if isinstance(target, Position):
                _checked(target, self._shard(known, partition))
        cursor_reset.reset(self._admin, known, name, targets, on_move)

    # -- life

    def ping(self) -> str:
        self._link.check_open()
        return f"Pulsar {self._admin.version()} at {self._link.where}"

    def close(self) -> None:
        self._link.close()
        self._admin.close()

    def _known(self, topic: str) -> Known:
        self._link.check_open()
        return self._topics.find(topic)

    def _shard(self, known: Known, partition: int) -> Shard:
        return Shard(self._link, self._admin, known.log(partition), str(known.name), partition)

    def _shard_if_there(self, topic: str, partition: int) -> Shard | None:
        try:
            return self._shard(self._known(topic), partition)
        except UnknownTopic:
            return None

    def _latest(self, shard: Shard) -> tuple[Any, bool]:
        """The place of the last event now, as a fixed id."""
        ledger, entry, batch = shard.last_id()
        if entry < 0:
            return pulsar.MessageId.earliest, True
        return pulsar.MessageId(-1, ledger, entry, batch), False


def _start_behind(internals: Json, token: str) -> tuple[Any, bool]:
    """Where the client's reader begins for what lies behind this position, and whether inclusively."""
    place = place_of(token)
    earlier = start_behind(internals, place)
    return (pulsar.MessageId(-1, *earlier, -1), True) if earlier else (place.message_id(), False)


def _checked(position: Position | None, shard: Shard) -> Position | None:
    """``InvalidPosition`` for a position of another partition, and for what is none."""
    if position is None:
        return None
    place_of(position.token)
    if (position.topic, position.partition) != (shard.topic, shard.partition):
        raise InvalidPosition("This position belongs to another partition. Open the event again from a list.")
    return position
