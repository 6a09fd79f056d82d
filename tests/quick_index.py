"""Indexes what tests publish in the thread of the test, without the threads and leases of an indexer.

These took two thirds of the time, and each test of pages indexes some events. ``tests/index`` tries what an indexer does.
"""

from collections.abc import Mapping

from django.utils import timezone

from eventstore.config.loading import Config
from eventstore.config.searchable_values import ValuesOf
from eventstore.index.models import IndexedPartition
from eventstore.index.writing.envelope import events_in
from eventstore.index.writing.guarding import prepare_events
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_prepared
from eventstore.model.events import Topic
from eventstore.model.storage import Storage
from eventstore.schemas import Schemas

MOST = 5_000
"""Messages in a batch."""


def quickly_indexed(storage: Storage, config: Config, values_of: ValuesOf | None) -> bool:
    """Index everything that is there, and return True; or False, with nothing done, where that takes an indexer."""
    moment = timezone.now()
    topics = {topic.name: topic for topic in storage.log.topics()}
    if not all(_goes_on(storage, row, topics) for row in IndexedPartition.objects.all()):
        return False
    memory, decode = Memory(values_of=values_of), Schemas(storage.schemas).decoded
    for topic in topics.values():
        for number in range(topic.partitions):
            partition = open_partition(topic, number, memory)
            partition.incarnation = storage.log.incarnation(topic.name, number)
            while messages := storage.log.read_forward(topic.name, number, after=partition.checkpoint.position, limit=MOST):
                events = events_in(messages, config.mappings, decode)
                write_prepared(partition, prepare_events(topic, partition.key, events, values_of))
    IndexedPartition.objects.update(caught_up_at=moment)
    return True


def _goes_on(storage: Storage, row: IndexedPartition, topics: Mapping[str, Topic]) -> bool:
    """Whether the row is of a live partition that nobody has, and of the log that the store has now."""
    topic = topics.get(row.topic)
    odd = row.ended_at or row.gone_at or row.owner or row.trouble or not row.live
    if topic is None or odd or row.kind != topic.kind.value or row.number >= topic.partitions:
        return False
    return row.incarnation in ("", storage.log.incarnation(row.topic, row.number))
