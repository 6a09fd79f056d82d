"""The log of the embedded store: topics, publishing and reading. ``eventstore.model.log.Log`` describes each call."""

import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connections

from eventstore.config.topic_kinds import BY_NAME, TopicKinds
from eventstore.drivers.database import appending, table_reads, topics
from eventstore.drivers.database.connection import STORE, Session
from eventstore.drivers.database.models import TopicRow
from eventstore.drivers.database.positions import number_in, position_labelled, position_of
from eventstore.drivers.database.unchanged import while_unchanged
from eventstore.model.events import Message, NewMessage, Position, Topic
from eventstore.model.log import Amounts, Edge, Ends, LogCapabilities, Reader


class DatabaseLog:
    """Implements ``eventstore.drivers.unfolding.MessageLog``."""

    capabilities = LogCapabilities(expected_version=True, detects_known_ids=True, amount_unit="events")

    def __init__(self, session: Session | None = None, kinds: TopicKinds = BY_NAME) -> None:
        """``session`` is what it shares with the other parts of a storage; without it, it has its own."""
        self._session, self._kinds = session or Session(), kinds
        self._turn = itertools.count()

    def ping(self) -> str:
        with self._session.use():
            TopicRow.objects.using(STORE).exists()  # and not "SELECT 1": a file that was removed comes back without tables
            return f"embedded store on {_product()}"

    # -- topics

    def topics(self) -> Sequence[Topic]:
        with self._session.use():
            return while_unchanged(("topics", self._kinds), lambda: topics.topics(self._kinds))

    def topic(self, name: str) -> Topic:
        with self._session.use():
            return topics.topic(name, self._kinds)

    def create_topic(self, name: str, *, partitions: int = 1) -> Topic:
        with self._session.use():
            return topics.create_topic(name, partitions, self._kinds)

    def ends(self, topic: str) -> Sequence[Ends]:
        with self._session.use():
            return while_unchanged(("ends", topic), lambda: topics.ends(topic))

    def incarnation(self, topic: str, partition: int) -> str:
        with self._session.use():
            return topics.incarnation(topic, partition)

    def amounts(self, topic: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
        with self._session.use():
            return topics.amounts(topic, positions)

    # -- writing

    def append(self, topic: str, messages: Sequence[NewMessage], *, expected_version: int | None = None) -> Sequence[Position]:
        with self._session.use():
            return appending.append(topic, messages, expected_version, self._turn.__next__)

    def known_ids(self, topic: str, ids: Sequence[str]) -> set[str]:
        with self._session.use():
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
        with self._session.use():
            return table_reads.read_forward(topic, partition, after, limit, inclusive, most_bytes)

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
        with self._session.use():
            return table_reads.read_backward(topic, partition, before, limit, most_bytes, inclusive)

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        with self._session.use():
            return table_reads.fetch(positions)

    def first_since(self, topic: str, partition: int, when: datetime) -> Position | None:
        message = self.first_message_since(topic, partition, when)
        return message.position if message else None

    def first_message_since(self, topic: str, partition: int, when: datetime) -> Message | None:
        with self._session.use():
            return table_reads.first_since(topic, partition, when)

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        with self._session.use():
            return table_reads.open_reader(topic, partition, after, self._session.closed)

    def position(self, topic: str, partition: int, token: str) -> Position:
        with self._session.use():
            return position_of(topic, partition, number_in(token))

    def labelled(self, topic: str, partition: int, label: str) -> Position | None:
        with self._session.use():
            return position_labelled(topic, partition, label)

    def entry(self, position: Position) -> tuple[Position, Position]:
        return position.beginning, position.message

    def key_is_bytes(self, position: Position) -> bool | None:
        return False


def _product() -> str:
    connection = connections[STORE]
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"{connection.display_name} {'.'.join(map(str, connection.get_database_version()))}"
