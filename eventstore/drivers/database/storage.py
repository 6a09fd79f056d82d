"""The embedded event store: the driver of ``database://``, on whatever database Django's alias ``store`` is."""

import itertools
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from weakref import WeakSet

from django.db import connections

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.database import appending, table_reads, topics
from eventstore.drivers.database.connection import STORE, answering, close_in_thread
from eventstore.drivers.database.positions import number_in, position_labelled, position_of
from eventstore.drivers.database.subscriptions import listing
from eventstore.drivers.database.subscriptions.consumer import TableConsumer, consume
from eventstore.model.errors import StoreClosed
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.model.storage import (
    Amounts,
    Capabilities,
    Consumer,
    Edge,
    Ends,
    OnMove,
    Reader,
    Schema,
    Subscription,
    SubscriptionType,
    ignore_move,
)

CAPABILITIES = Capabilities(
    driver="database",
    expected_version=True,
    detects_known_ids=True,
    backlog_unit="events",
    reset_disconnects=True,
    lists_consumers=True,
    namespaces=False,
)


class DatabaseStorage:
    """Fulfils ``eventstore.model.storage.Storage``; see there for what each call does."""

    capabilities = CAPABILITIES

    def __init__(self, kinds: TopicKinds = BY_NAME) -> None:
        self._kinds = kinds
        self._closed = threading.Event()
        self._turn = itertools.count()
        self._consumers: WeakSet[TableConsumer] = WeakSet()

    # -- topics

    def topics(self) -> Sequence[Topic]:
        with self._asked():
            return topics.topics(self._kinds)

    def topic(self, name: str) -> Topic:
        with self._asked():
            return topics.topic(name, self._kinds)

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        with self._asked():
            return topics.create_topic(name, partitions, self._kinds)

    def ends(self, topic: str) -> Sequence[Ends]:
        with self._asked():
            return topics.ends(topic)

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        with self._asked():
            return topics.amounts(topic, positions)

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        with self._asked():
            return appending.append(topic, messages, expected_version, self._turn.__next__)

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        with self._asked():
            return appending.known_ids(topic, ids)

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
        with self._asked():
            return table_reads.read_forward(topic, partition, after, limit, inclusive, most_bytes)

    def read_backward(
        self, topic: str, partition: int, *, before: Position | None = None, limit: int, most_bytes: int | None = None
    ) -> Sequence[Message]:
        with self._asked():
            return table_reads.read_backward(topic, partition, before, limit, most_bytes)

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        with self._asked():
            return table_reads.fetch(positions)

    def schema(self, topic: str, version: str) -> Schema | None:
        """There is no registry: payloads are what they are."""
        with self._asked():
            return None

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        with self._asked():
            return table_reads.first_since(topic, partition, when)

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        with self._asked():
            return table_reads.open_reader(topic, partition, after, self._closed)

    def position(self, topic: str, partition: int, token: str) -> Position:
        with self._asked():
            return position_of(topic, partition, number_in(token))

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        with self._asked():
            return position_labelled(topic, partition, label)

    # -- subscriptions

    def subscriptions(self, topic: str) -> Sequence[Subscription]:
        with self._asked():
            return listing.subscriptions(topic)

    def subscription(self, topic: str, name: str) -> Subscription:
        with self._asked():
            return listing.subscription(topic, name)

    def create_subscription(self, topic: str, name: str, *, type: SubscriptionType, start: Edge = Edge.LATEST) -> Subscription:
        with self._asked():
            return listing.create_subscription(topic, name, type, start)

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> Consumer:
        with self._asked():
            member = consume(topic, name, type, consumer, self._closed)
            self._consumers.add(member)
            return member

    def reset_cursor(
        self, topic: str, name: str, targets: Mapping[int, Position | Edge], *, on_move: OnMove = ignore_move
    ) -> None:
        """All of the partitions in one transaction, or none."""
        with self._asked():
            moves = listing.reset_cursor(topic, name, targets)
        for move in moves:
            on_move(move)

    # -- life

    def ping(self) -> str:
        with self._asked(), connections[STORE].cursor() as cursor:
            cursor.execute("SELECT 1")
            return f"embedded store on {_product()}"

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        for consumer in list(self._consumers):
            consumer.close()
        close_in_thread()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        if self._closed.is_set():
            raise StoreClosed("This event store was closed. Open it again.")
        with answering():
            yield


def _product() -> str:
    connection = connections[STORE]
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"{connection.display_name} {'.'.join(map(str, connection.get_database_version()))}"
