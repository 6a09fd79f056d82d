"""Copying in the embedded store.

A transaction holds the counter of a partition while it appends, and looks first whether somebody else has appended with the
same mark. So of two publishers of one name, the second to send finds the other's copies, and sends nothing.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from django.db import transaction

from eventstore.drivers.database.appending import append_to
from eventstore.drivers.database.connection import STORE, Session
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import MessageRow, PartitionRow
from eventstore.drivers.database.names import partition_row, subscription_row
from eventstore.drivers.database.positions import position_of
from eventstore.drivers.database.subscriptions import moving
from eventstore.model.copying import Copy, Start
from eventstore.model.errors import LeaseLost
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Edge, Reader
from eventstore.model.schema_registry import Schema
from eventstore.model.subscriptions import SubscriptionType

ANOTHER = "Another worker has sent copies for this job. Nothing more is sent by this one."
DAMAGED = "Its row in the store is damaged."


class TableCopying:
    """Fulfils ``eventstore.model.copying.Copying``; see there for what each call does."""

    def __init__(self, session: Session, log: DatabaseLog) -> None:
        self._session, self._log = session, log

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        return self._log.open_reader(topic, partition, after=after)

    def fetch(self, positions: Sequence[Position]) -> Mapping[Position, Message]:
        return self._log.fetch(positions)

    def begin_fetch(self, positions: Sequence[Position]) -> Callable[[], Mapping[Position, Message]]:
        return partial(self.fetch, positions)

    def refusal(self, message: Message, *, acknowledged: bool = True) -> str:
        return DAMAGED if message.problem else ""

    def schema_refusal(self, schema: Schema) -> str:
        return ""

    def get_ready(self, topic: str) -> None:
        return

    def open_publisher(
        self, topic: str, *, partitions: Sequence[int], mark: tuple[str, str], schemas: Mapping[str, Schema | None]
    ) -> "TablePublisher":
        with self._session.use():
            rows = {number: partition_row(topic, number) for number in partitions}
        return TablePublisher(self._session, topic, rows, mark)

    def is_held(self, topic: str, partition: int, held: Sequence[str]) -> bool:
        return False

    def open_acknowledger(
        self, topic: str, subscription: str, *, type: SubscriptionType, partitions: Sequence[int]
    ) -> "TableAcknowledger":
        with self._session.use():
            subscription_row(topic, subscription)  # which must be there
            return TableAcknowledger(self._session, topic, subscription)


class _Open:
    def close(self) -> None:
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class TablePublisher(_Open):
    """``_seen``: the number in each partition before which every copy with the mark is known to whoever sends."""

    def __init__(self, session: Session, topic: str, rows: Mapping[int, PartitionRow], mark: tuple[str, str]) -> None:
        self._session, self._topic, self._rows = session, topic, rows
        self._seen = {number: row.next_number for number, row in rows.items()}
        self.starts = {number: _start(topic, number, row.next_number) for number, row in rows.items()}
        self._mark = ": ".join(map(json.dumps, mark))

    def send(self, copies: Sequence[Copy]) -> "TableSent":
        """All of them in one transaction, or none."""
        shares: dict[int, list[NewMessage]] = defaultdict(list)
        for copy in copies:
            shares[copy.partition].append(_new(copy))
        ends: dict[int, int] = {}
        with self._session.use(), transaction.atomic(using=STORE):
            for number, messages in sorted(shares.items()):
                row = PartitionRow.objects.select_for_update().get(pk=self._rows[number].pk)
                self._check_alone(row)
                ends[number] = append_to(row, messages)
        self._seen.update(ends)
        return TableSent({number: position_of(self._topic, number, end - 1) for number, end in ends.items()})

    def _check_alone(self, row: PartitionRow) -> None:
        since = MessageRow.objects.filter(partition=row, number__gte=self._seen[row.number])
        if since.filter(properties__contains=self._mark).exists():
            raise LeaseLost(ANOTHER)


def _start(topic: str, partition: int, count: int) -> Start:
    return Start(place=position_of(topic, partition, count - 1).token if count else "", empty=not count)


class TableSent:
    def __init__(self, places: Mapping[int, Position]) -> None:
        self._places = places

    def settle(self) -> Mapping[int, Position]:
        return self._places


class TableAcknowledger(_Open):
    def __init__(self, session: Session, topic: str, subscription: str) -> None:
        self._session, self._topic, self._subscription = session, topic, subscription

    def acknowledge(self, positions: Sequence[Position]) -> None:
        wanted: dict[int, list[tuple[Position, Position]]] = defaultdict(list)
        for position in positions:
            wanted[position.partition].append((position.beginning, position.message))
        if wanted:
            with self._session.use():
                moving.acknowledge(self._topic, self._subscription, wanted)


def _new(copy: Copy) -> NewMessage:
    return NewMessage(
        payload=copy.message.payload, key=copy.message.key, properties=copy.properties, event_time=copy.event_time
    )
