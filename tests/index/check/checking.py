"""A topic whose index tests damage and check."""

import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from django.db import connections

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import PartitionReport, check_topic
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.models import BlockRow
from eventstore.index.tables.blocks import FULL, Columns, decoded, encoded
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Edge, Ends, Reader
from eventstore.model.tokens import encode

COUNT = 2 * FULL + 40
PATIENTS = 7


class Shortened(DatabaseLog):
    """A log whose retention has taken the beginning away, and that does not deliver some events."""

    gone = 0
    lost: frozenset[int] = frozenset()

    def ends(self, topic: str) -> Sequence[Ends]:
        found, lost = [], self.tokens_lost()
        for ends in super().ends(topic):
            there = self.read_forward(topic, ends.partition, limit=10_000)[self.gone :]
            left = [message for message in there if message.position.token not in lost]
            first, last = (left[0].position, left[-1].position) if left else (None, None)
            found.append(Ends(topic=topic, partition=ends.partition, first=first, last=last))
        return found

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        if after is Edge.EARLIEST and self.gone:
            after = self.read_forward(topic, partition, limit=self.gone)[-1].position
        reader = super().open_reader(topic, partition, after=after)
        read = reader.read

        def there(**how: Any) -> Sequence[Message]:
            lost = self.tokens_lost()
            return [one for one in read(**how) if one.position.token not in lost]

        reader.read = there  # type: ignore[method-assign]
        return reader

    def tokens_lost(self) -> set[str]:
        return {encode(number) for number in self.lost}


def publish(storage: DatabaseStorage, count: int, topic: str = "patients") -> None:
    storage.log.append(topic, [message(number) for number in range(count)])


def message(number: int) -> NewMessage:
    properties = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": "/patients",
        "ce_type": f"patient.{('registered', 'moved', 'left')[number % 3]}",
        "ce_time": f"2024-05-01T09:{number // 60 % 60:02}:{number % 60:02}Z",
        "ce_aggregatetype": "patient",
        "ce_correlationid": str(uuid4()),
    }
    if number % 2:
        properties["ce_causationid"] = str(uuid4())
    if number == 100:
        del properties["ce_type"]  # fits no envelope
    return NewMessage(payload=b'{"secret": 1}', key=f"p{number % PATIENTS}", properties=properties)


def catch_up(storage: DatabaseStorage) -> None:
    nothing: Callable[[str, int, int], None] = lambda topic, partition, events: None  # noqa: E731
    index_until_caught_up(Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=nothing))


def check(storage: DatabaseStorage, topic: str = "patients", stop: threading.Event | None = None) -> list[PartitionReport]:
    done: list[int] = []
    known = storage.log.topic(topic)
    return check_topic(storage, Config(), known, done.append, stop or threading.Event())


def difference(storage: DatabaseStorage) -> str:
    (report,) = check(storage)
    return report.difference


def change_block(first: int, change: Callable[[Columns], None]) -> None:
    block = BlockRow.objects.using("index").get(first_ordinal=first)
    columns = decoded(bytes(block.data))
    change(columns)
    rows = BlockRow.objects.using("index").filter(first_ordinal=first)
    rows.update(data=encoded(columns), first_token=columns.tokens[0])


def sql(statement: str) -> int:
    with connections["index"].cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def other(name: str, place: int, value: object) -> Callable[[Columns], None]:
    return lambda columns: getattr(columns, name).__setitem__(place, value)
