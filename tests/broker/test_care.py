"""Checking and rebuilding against the real broker: batches, chunks, empty payloads, several partitions, trimmed ledgers."""

import threading
from typing import Any
from uuid import uuid4

import httpx
import pytest

from eventstore.config.loading import Config
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.index.check.run import PartitionReport, check_topic
from eventstore.index.models import BlockRow, IndexedPartition
from eventstore.index.rebuild.run import rebuild_topic, remove_old
from eventstore.index.tables.blocks import decoded, encoded
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.log import Edge
from tests.broker.conftest import MakeTopic, roll_over

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]


def publish(client: Any, topic: str, count: int, *, batch: int) -> None:
    producer = client.create_producer(
        f"persistent://{topic}",
        batching_enabled=batch > 1,
        batching_max_messages=max(batch, 2),
        batching_max_publish_delay_ms=60_000,
        block_if_queue_full=True,
    )
    for number in range(count):
        properties = {"ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": "/p", "ce_type": "patient.moved"}
        properties |= {"ce_correlationid": str(uuid4()), "ce_aggregatetype": "patient"}
        producer.send_async(b"" if number % 5 == 4 else b"{}", None, properties=properties, partition_key=f"p{number % 13}")
    producer.flush()
    producer.close()


def publish_chunked(client: Any, topic: str) -> None:
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=False, chunking_enabled=True)
    properties = {"ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": "/p", "ce_type": "patient.scanned"}
    producer.send(b"x" * 6_000_000, properties=properties, partition_key="p1")
    producer.close()


def index(storage: PulsarStorage, name: str) -> None:
    """Index this topic alone, because the whole run shares the broker."""
    topic = storage.log.topic(name)
    for ends in storage.log.ends(name):
        writing = open_partition(topic, ends.partition, Memory())
        after = writing.checkpoint.position or Edge.EARLIEST
        with storage.log.open_reader(name, ends.partition, after=after) as reader:
            while ends.last and (writing.checkpoint.position is None or writing.checkpoint.position < ends.last):
                messages = reader.read(limit=300, timeout=10)
                assert messages
                write_batch(writing, [read_event(message) for message in messages])


def check(storage: PulsarStorage, name: str) -> list[PartitionReport]:
    return check_topic(storage, Config(), storage.log.topic(name), lambda events: None, threading.Event())


def rebuild(storage: PulsarStorage, name: str) -> bool:
    nothing = threading.Event()
    found = rebuild_topic(storage, Config(), storage.log.topic(name), lambda events: None, nothing, batch=200)
    return found.live and remove_old(name, lambda slices: None, nothing)


def test_batched_chunked_and_empty_events_check_clean_and_are_rebuilt(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic(partitions=4)
    publish(client, name, 700, batch=50)
    publish_chunked(client, name)
    publish(client, name, 30, batch=1)
    index(storage, name)
    reports = check(storage, name)
    assert [report.difference for report in reports] == [""] * 4
    assert sum(report.compared for report in reports) == 731
    assert rebuild(storage, name)
    assert [report.difference for report in check(storage, name)] == [""] * 4


def test_the_place_of_a_difference_is_named_as_the_broker_names_it(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    publish(client, name, 60, batch=20)
    index(storage, name)
    (block,) = BlockRow.objects.using("index").all()
    columns = decoded(bytes(block.data))
    columns.sizes[25] = 4711
    BlockRow.objects.using("index").update(data=encoded(columns))
    label = storage.log.position(name, 0, columns.tokens[25]).label
    (report,) = check(storage, name)
    assert report.difference == f"ordinal 25 ({label}): the size is 2 in the store and 4711 in the index"


def test_trimmed_ledgers_are_no_difference_and_a_rebuild_begins_behind_them(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    publish(client, name, 100, batch=10)
    index(storage, name)
    roll_over(admin, name)
    publish(client, name, 40, batch=10)
    index(storage, name)
    admin.delete(f"persistent/{name}/truncate").raise_for_status()
    (report,) = check(storage, name)
    assert (report.difference, report.compared) == ("", 140)
    assert report.trimmed >= 100
    publish(client, name, 10, batch=10)
    index(storage, name)
    assert check(storage, name)[0].difference == ""
    assert rebuild(storage, name)
    assert check(storage, name)[0].difference == ""
    rebuilt = IndexedPartition.objects.using("index").get(topic=name, live=True)
    assert rebuilt.next_ordinal == 150 - report.trimmed
