"""One suite over every driver: a test asks for ``storage`` and runs on each store in turn.

Where drivers may differ, a test asks the ``capabilities`` of the storage's parts and never the driver's name. The broker is
shared by the whole run, so every test makes topics of its own with ``topic``.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from eventstore.model.events import Topic
from eventstore.model.storage import Storage
from tests.contract.stores import storage_from
from tests.pulsar_stores import broker_of, on_each_pulsar

OpenStorage = Callable[[], Storage]
MakeTopic = Callable[..., Topic]


@pytest.fixture(
    params=["database-sqlite", pytest.param("database-postgres", marks=pytest.mark.postgres), *on_each_pulsar()],
)
def address(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    """Where the store is, as the environment of a process that is to use it."""
    if broker := broker_of(request):
        return {**desk_databases, "EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url}
    if request.param == "database-postgres":
        return {**desk_databases, "STORE_DATABASE_URL": request.getfixturevalue("store_on_postgres")}
    return desk_databases


@pytest.fixture
def open_storage(address: dict[str, str]) -> Iterator[OpenStorage]:
    """Opens one more storage of the same store; all are closed after the test."""
    opened: list[Storage] = []

    def open_one() -> Storage:
        opened.append(storage_from(address))
        return opened[-1]

    yield open_one
    for storage in opened:
        storage.close()


@pytest.fixture
def storage(open_storage: OpenStorage) -> Storage:
    return open_storage()


@pytest.fixture
def topic(storage: Storage) -> MakeTopic:
    """Makes a topic that no other test has: ``topic()``, ``topic(partitions=4)``, ``topic(suffix="-DLQ")``."""

    def make(*, partitions: int = 1, suffix: str = "") -> Topic:
        return storage.log.create_topic(f"contract-{uuid4().hex}{suffix}", partitions=partitions)

    return make
