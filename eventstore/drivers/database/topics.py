"""Topics and their partitions."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from eventstore.config.topic_kinds import TopicKinds
from eventstore.drivers.database.connection import STORE
from eventstore.drivers.database.models import PartitionRow, TopicRow
from eventstore.drivers.database.names import checked_name, topic_row
from eventstore.drivers.database.positions import number_of, position_of
from eventstore.model.errors import InvalidName
from eventstore.model.events import Position, Topic
from eventstore.model.log import Amounts, Ends

MOST_PARTITIONS = 1_000


def topics(kinds: TopicKinds) -> Sequence[Topic]:
    # Sorted here, because PostgreSQL would sort by its own collation.
    return sorted((_topic(row, kinds) for row in TopicRow.objects.all()), key=lambda topic: topic.name)


def topic(name: str, kinds: TopicKinds) -> Topic:
    return _topic(topic_row(name), kinds)


def create_topic(name: str, partitions: int, kinds: TopicKinds) -> Topic:
    checked_name(name, "topic")
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise InvalidName(f"A topic has 1 to {MOST_PARTITIONS} partitions, not {partitions}.")
    with transaction.atomic(using=STORE):
        row, made = TopicRow.objects.get_or_create(name=name, defaults={"partitions": partitions})
        if made:
            PartitionRow.objects.bulk_create(PartitionRow(topic=row, number=number) for number in range(partitions))
    return _topic(row, kinds)


def ends(name: str) -> Sequence[Ends]:
    rows = PartitionRow.objects.filter(topic=topic_row(name)).order_by("number")
    return [_ends(name, row.number, row.next_number) for row in rows]


def amounts(name: str, positions: Mapping[int, Position | None]) -> Mapping[int, Amounts]:
    counts = PartitionRow.objects.filter(topic=topic_row(name)).values_list("number", "next_number")
    found: dict[int, Amounts] = {}
    for partition, count in counts:
        if partition in positions:
            position = positions[partition]
            before = 0 if position is None else number_of(position, name, partition) + 1
            found[partition] = Amounts(before=min(before, count), behind=max(0, count - before))
    return found


def incarnation(name: str, partition: int) -> str:
    row = topic_row(name)
    return row.incarnation if partition < row.partitions else ""


def _topic(row: TopicRow, kinds: TopicKinds) -> Topic:
    return Topic(name=row.name, partitions=row.partitions, kind=kinds.of(row.name))


def _ends(name: str, partition: int, count: int) -> Ends:
    if not count:
        return Ends(topic=name, partition=partition, first=None, last=None)
    return Ends(
        topic=name,
        partition=partition,
        first=position_of(name, partition, 0),
        last=position_of(name, partition, count - 1),
        written=position_of(name, partition, count - 1).token,
    )
