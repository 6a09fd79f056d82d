"""Reads the message table by position and by time, and follows a partition."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from django.db import connections
from django.db.models import Max, QuerySet, Sum
from django.db.models.functions import Length

from eventstore.drivers.database.connection import STORE, close_in_thread, store_errors
from eventstore.drivers.database.models import MessageRow, PartitionRow
from eventstore.drivers.database.names import partition_row
from eventstore.drivers.database.news import News, news_here
from eventstore.drivers.database.positions import number_in, number_of, position_of
from eventstore.model.errors import StoreClosed, reported
from eventstore.model.events import NO_TIME, Message, Position
from eventstore.model.log import READ_BYTES, Edge

NUMBERS_A_STATEMENT = 500
SHORTEST_PAUSE = 0.01
LONGEST_PAUSE = 0.15
"""Seconds between two looks at an idle partition. Each look is one indexed query."""

_COLUMNS = ("number", "key", "properties", "payload", "published", "event_time")


def read_forward(
    topic: str, partition: int, after: Position | None, limit: int, inclusive: bool, most_bytes: int | None
) -> Sequence[Message]:
    row = partition_row(topic, partition)
    start = 0 if after is None else number_of(after, topic, partition) + (not inclusive)
    rows = _from(row, start)
    if most_bytes is not None and (last := fitting_up_to(rows, limit, most_bytes)[0]) is not None:
        rows = rows.filter(number__lte=last)
    return _messages(topic, partition, rows[: max(limit, 0)])


def read_backward(
    topic: str, partition: int, before: Position | None, limit: int, most_bytes: int | None, inclusive: bool
) -> Sequence[Message]:
    row = partition_row(topic, partition)
    rows = MessageRow.objects.filter(partition=row).order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=number_of(before, topic, partition) + inclusive)
    if most_bytes is not None and (first := fitting_down_to(rows, limit, most_bytes)) is not None:
        rows = rows.filter(number__gte=first)
    return _messages(topic, partition, rows[: max(limit, 0)])


def fetch(positions: Sequence[Position]) -> Mapping[Position, Message]:
    wanted: dict[tuple[str, int], list[int]] = defaultdict(list)
    for position in positions:
        wanted[position.topic, position.partition].append(number_in(position.token))
    shards = _known_partitions({topic for topic, _ in wanted})
    return {
        message.position: message
        for shard, numbers in wanted.items()
        if shard in shards
        for message in messages_at(*shard, shards[shard], numbers)
    }


def first_since(topic: str, partition: int, when: datetime) -> Message | None:
    rows = MessageRow.objects.filter(partition=partition_row(topic, partition), published__gte=when)
    found = _messages(topic, partition, rows.order_by("published", "number")[:1])
    return found[0] if found else None


def messages_at(topic: str, partition: int, partition_id: int, numbers: Sequence[int]) -> list[Message]:
    """Return those of these numbers that exist, in order."""
    ordered = sorted(set(numbers))
    found: list[Message] = []
    for start in range(0, len(ordered), NUMBERS_A_STATEMENT):
        piece = ordered[start : start + NUMBERS_A_STATEMENT]
        found.extend(_messages(topic, partition, _at(partition_id, piece)))
    return found


def fitting_up_to(rows: QuerySet[MessageRow], limit: int, room: int) -> tuple[int | None, int]:
    """Return the number up to which the first ``limit`` of these rows fill ``room`` bytes, and how much room is left.

    The number is ``None`` if there are no rows. Neither database reads a payload to find its length. Usually all rows
    fit, so the sum is queried first: looking at every size each time made reading a third slower.
    """
    sizes = rows.annotate(size=Length("payload")).values_list("number", "size")[: max(limit, 0)]
    told = sizes.aggregate(last=Max("number"), size_of_all=Sum("size"))
    if told["last"] is None or told["size_of_all"] <= room:
        return told["last"], room - (told["size_of_all"] or 0)
    last = None
    for number, size in sizes:
        last, room = number, room - size
        if room <= 0:
            break
    return last, room


def fitting_down_to(rows: QuerySet[MessageRow], limit: int, room: int) -> int | None:
    """Return the number of the first of these rows, in their order, that fills ``room`` bytes, or of the last of ``limit``
    rows."""
    last = None
    for number, size in rows.annotate(size=Length("payload")).values_list("number", "size")[: max(limit, 0)]:
        last, room = number, room - size
        if room <= 0:
            break
    return last


def fitting(partition_id: int, numbers: Sequence[int], room: int) -> tuple[list[int], int]:
    """Return those of these numbers, lowest first, whose messages fill ``room`` bytes, and how much room is left."""
    ordered = sorted(numbers)
    found: list[int] = []
    for start in range(0, len(ordered), NUMBERS_A_STATEMENT):
        if room <= 0:
            break
        piece = ordered[start : start + NUMBERS_A_STATEMENT]
        last, room = fitting_up_to(_at(partition_id, piece), len(piece), room)
        found += [number for number in piece if last is not None and number <= last]
    return found, room


def open_reader(topic: str, partition: int, after: Position | Edge, closed: threading.Event) -> "TableReader":
    row = partition_row(topic, partition)
    if after is Edge.EARLIEST:
        start = 0
    elif after is Edge.LATEST:
        start = row.next_number
    else:
        start = number_of(after, topic, partition) + 1
    return TableReader(topic, row, start, closed)


class TableReader:
    """Follows one partition from a number on."""

    def __init__(self, topic: str, row: PartitionRow, start: int, storage_closed: threading.Event) -> None:
        self._topic, self._row, self._next = topic, row, start
        self.incarnation = row.topic.incarnation
        self._storage_closed = storage_closed
        self._closed = False
        self._first_pause = SHORTEST_PAUSE
        self._told: tuple[News, Callable[[], None]] | None = None

    def read(self, *, limit: int, timeout: float) -> Sequence[Message]:
        found = poll(lambda: self._look(limit), timeout, self._storage_closed, first_pause=self._first_pause)
        # A follower of a quiet partition calls again and again; a new call is no reason to look more often.
        self._first_pause = SHORTEST_PAUSE if found else LONGEST_PAUSE
        return found

    def call_on_news(self, call: Callable[[], None]) -> bool:
        news = news_here()
        self._told = (news, call)
        with store_errors():
            return news.join(self._row.pk, call)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._told is not None:
                news, call = self._told
                news.leave(self._row.pk, call)
            close_in_thread()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _look(self, limit: int) -> Sequence[Message]:
        if self._closed or self._storage_closed.is_set():
            raise StoreClosed("This reader was closed. Open another one.")
        with store_errors():
            if not _is_anything(self._row, self._next):
                return []
            rows = _from(self._row, self._next)
            last, _ = fitting_up_to(rows, limit, READ_BYTES)
            found = [] if last is None else _messages(self._topic, self._row.number, rows.filter(number__lte=last))
        self._next += len(found)
        return found


def poll(
    look: Callable[[], Sequence[Message]], timeout: float, closed: threading.Event, *, first_pause: float = SHORTEST_PAUSE
) -> Sequence[Message]:
    """Call ``look`` until it returns something or ``timeout`` seconds are over; less and less often, and not at all once
    closed."""
    end = time.monotonic() + timeout
    pause = first_pause
    while not (found := look()):
        left = end - time.monotonic()
        if left <= 0:
            break
        closed.wait(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return found


def _is_anything(row: PartitionRow, number: int) -> bool:
    """Whether there are messages from this number on.

    An indexer asks this about hundreds of quiet partitions twice a second. The ORM would cost ten times as much as the
    query.
    """
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT 1 FROM store_message WHERE partition_id = %s AND number >= %s LIMIT 1", [row.pk, number])
        return cursor.fetchone() is not None


def _from(row: PartitionRow, number: int) -> QuerySet[MessageRow]:
    return MessageRow.objects.filter(partition=row, number__gte=number).order_by("number")


def _at(partition_id: int, numbers: Sequence[int]) -> QuerySet[MessageRow]:
    return MessageRow.objects.filter(partition_id=partition_id, number__in=numbers).order_by("number")


def _messages(topic: str, partition: int, rows: QuerySet[MessageRow]) -> list[Message]:
    return [_message(topic, partition, values) for values in rows.values_list(*_COLUMNS)]


def _message(topic: str, partition: int, values: Iterable[Any]) -> Message:
    number, key, properties, payload, published, event_time = values
    position = position_of(topic, partition, number)
    try:
        return Message(
            position=position,
            payload=bytes(payload),
            published=published.astimezone(UTC),
            key=key,
            properties=json.loads(properties),
            event_time=event_time,
        )
    except Exception as error:  # noqa: BLE001 -- whatever one row holds, the others go on
        problem = f"cannot be read: its row in the store is damaged ({reported(error, position.where)})"
        return Message(position=position, payload=b"", published=NO_TIME, problem=problem)


def _known_partitions(topics: set[str]) -> dict[tuple[str, int], int]:
    rows = PartitionRow.objects.filter(topic__name__in=topics).values_list("topic__name", "number", "id")
    return {(topic, number): pk for topic, number, pk in rows}
