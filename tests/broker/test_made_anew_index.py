"""The index while topics of a broker are deleted and made anew, one by one or all together with the broker's data."""

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.config.loading import Config
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.check.run import check_topic
from eventstore.index.lookup import progress, queries
from eventstore.index.models import IndexedPartition
from eventstore.schemas import Schemas
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import storage_of
from tests.broker.made_anew import delete, make_partitioned, publish
from tests.contract.helpers import eventually
from tests.index.running_indexers import running
from tests.namespaces import Broker, own_namespace

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

OLD, NEW = 30, 40


@pytest.fixture
def namespace(broker: Broker) -> str:
    return own_namespace(broker)["EVENTSTORE_NAMESPACES"]


@pytest.fixture
def watching(broker: Broker, namespace: str) -> Iterator[PulsarStorage]:
    """A storage that watches this test's topics alone."""
    one = storage_of(broker, namespaces=(namespace,))
    yield one
    one.close()


def differences(storage: PulsarStorage) -> list[str]:
    reports = [
        report
        for topic in storage.log.topics()
        for report in check_topic(storage, Config(), topic, lambda events: None, threading.Event())
    ]
    return [f"{report.topic} {report.partition}: {report.difference}" for report in reports if report.difference]


def lives(topic: str) -> tuple[int, int]:
    """Return how many events the index has of the topics of this name that are gone, and of the present one."""
    rows = list(IndexedPartition.objects.filter(topic=topic, live=True))
    gone = [row for row in rows if row.ended_at is not None or row.gone_at is not None]
    return sum(row.next_ordinal for row in gone), sum(row.next_ordinal for row in rows if row not in gone)


def texts(storage: PulsarStorage, schemas: Schemas, topic: str) -> set[bytes]:
    """Return what the schemas make of the payloads of a topic, each once."""
    partitions = range(storage.log.topic(topic).partitions)
    messages = [message for number in partitions for message in storage.log.read_forward(topic, number, limit=1_000)]
    return {found.data for message in messages if (found := schemas.decoded(message)) is not None}


@pytest.mark.parametrize("topics", [4, pytest.param(20, marks=pytest.mark.soak)])
def test_topics_made_anew_at_once_are_read_by_their_own_schemas_and_indexed_beside_the_old_ones(
    watching: PulsarStorage, client: Any, admin: httpx.Client, namespace: str, topics: int
) -> None:
    """Every other one is partitioned, with another number of partitions afterwards."""
    names = {f"{namespace}/anew-{number}": 2 * (number % 2) for number in range(topics)}
    schemas = Schemas(watching.schemas)
    for name, partitions in names.items():
        if partitions:
            make_partitioned(admin, name, partitions)
        publish(client, name, "customer", events=OLD, keys=10)
    with running(watching):
        assert eventually(lambda: all(lives(name) == (0, OLD) for name in names))
        assert {text for name in names for text in texts(watching, schemas, name)} == {b'{"customer":"Ada","n":1}'}
        for name, partitions in names.items():
            delete(admin, name, partitions=partitions)
        for name, partitions in names.items():
            if partitions:
                make_partitioned(admin, name, partitions + 1)
            publish(client, name, "mother", events=NEW, keys=10)
        assert eventually(lambda: all(lives(name) == (OLD, NEW) for name in names))
    assert {text for name in names for text in texts(watching, schemas, name)} == {b'{"mother":"Ada","n":1}'}
    assert differences(watching) == []
    assert {one.topic for one in progress.made_anew()} == set(names)
    new = [pointer for pointer in queries.by_event_id("mother-0") if pointer.ended_at is None]
    assert [pointer.version for pointer in new] == [1] * topics


def test_a_broker_that_comes_back_with_an_empty_data_folder_has_only_new_topics(own_pulsar_broker: LocalPulsar) -> None:
    """The new topics have higher, equal and lower ledgers than the old ones, and more, as many and fewer events."""
    names = [f"public/default/{letter}" for letter in "abc"]
    events = dict(zip(names, (60, OLD, 10), strict=True))
    storage = storage_of(own_pulsar_broker)
    try:
        with running(storage):
            publish_all(own_pulsar_broker, dict.fromkeys(names, OLD), "customer")
            assert eventually(lambda: all(lives(name) == (0, OLD) for name in names))
            own_pulsar_broker.kill()
            shutil.rmtree(own_pulsar_broker.setup.data)
            own_pulsar_broker.start()
            publish_all(own_pulsar_broker, dict(reversed(list(events.items()))), "mother")
            assert eventually(lambda: all(lives(name) == (OLD, events[name]) for name in names))
        assert differences(storage) == []
        assert {one.topic: one.events for one in progress.made_anew()} == dict.fromkeys(names, OLD)
        assert {text for name in names for text in texts(storage, Schemas(storage.schemas), name)} == {
            b'{"mother":"Ada","n":1}'
        }
    finally:
        storage.close()


def publish_all(broker: LocalPulsar, events: dict[str, int], field: str) -> None:
    client = pulsar.Client(broker.service_url, logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/stderr"))
    for name, count in events.items():
        publish(client, name, field, events=count)
    client.close()
