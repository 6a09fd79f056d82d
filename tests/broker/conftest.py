"""What the tests of the real broker share: a storage, the bare client, and topics of their own."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pulsar
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoreUnreachable
from tests.namespaces import Broker, own_namespace

T = TypeVar("T")
MakeTopic = Callable[..., str]
PATIENCE = 30
"""Seconds."""


def storage_of(broker: Broker, **settings: Any) -> PulsarStorage:
    return PulsarStorage(service_url=broker.service_url, admin_url=broker.admin_url, **settings)


@pytest.fixture
def broker(pulsar_broker: Broker) -> Broker:
    """The broker of these tests; a module may put another in its place."""
    return pulsar_broker


@pytest.fixture
def storage(broker: Broker) -> Iterator[PulsarStorage]:
    one = storage_of(broker)
    yield one
    one.close()


@pytest.fixture
def alone(broker: Broker) -> Iterator[PulsarStorage]:
    """A storage that watches a namespace of its own: the index follows all that is watched, and other tests publish a lot."""
    one = storage_of(broker, namespaces=(own_namespace(broker)["EVENTSTORE_NAMESPACES"],))
    yield one
    one.close()


@pytest.fixture
def client(broker: Broker) -> Iterator[Any]:
    """The bare client, as other publishers and services use it."""
    one = pulsar.Client(broker.service_url, logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/stderr"))
    yield one
    one.close()


@pytest.fixture
def admin(broker: Broker) -> Iterator[httpx.Client]:
    """The bare admin API, as an operator uses it."""
    with httpx.Client(base_url=f"{broker.admin_url}/admin/v2/", timeout=10, verify=False) as one:
        yield one


@pytest.fixture
def topic(storage: PulsarStorage) -> MakeTopic:
    """Creates a topic that no other test has, and returns its canonical name."""

    def make(*, partitions: int = 1) -> str:
        name = f"broker-{uuid4().hex}"
        return patiently(lambda: storage.log.create_topic(name, partitions=partitions)).name

    return make


def patiently(make: Callable[[], T]) -> T:
    """Make something in the store, again and again while it says that it is away.

    Some seconds after it was killed, a broker may lose sight of its bookie again, for five seconds (4.0.8, on a busy machine).
    """
    for _ in range(PATIENCE):
        try:
            return make()
        except StoreUnreachable:
            time.sleep(1.0)
    return make()


def publish_batch(client: Any, topic: str, payloads: list[bytes]) -> None:
    """Publish the messages as one batch, which is one entry to the broker."""
    producer = client.create_producer(
        f"persistent://{topic}", batching_enabled=True, batching_max_messages=1000, batching_max_publish_delay_ms=60_000
    )
    for payload in payloads:
        producer.send_async(payload, None)
    producer.flush()
    producer.close()


def roll_over(admin: httpx.Client, topic: str) -> None:
    """Close the topic's ledger, as a restart of its broker does. The next event goes into a new one."""
    admin.put(f"persistent/{topic}/unload").raise_for_status()
