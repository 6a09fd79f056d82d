"""One suite over every driver: a test asks for ``storage`` and runs on each store in turn.

Where drivers may differ, a test asks the ``capabilities`` of the storage's parts and never the driver's name. The broker is
shared by the whole run, so every test makes topics of its own with ``topic``.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from eventstore.model.events import Topic
from eventstore.model.storage import Storage
from tests.contract.stores import storage_from
from tests.pulsar_stores import broker_of, on_each_pulsar

JOBS = {
    "test_generations",
    "test_redriving",
    "test_replay_consumption",
    "test_replay_ways",
    "test_replaying",
    "test_replays_whole",
}
"""Tests of long jobs. Other tests here try what a driver does for them on every store."""
ON_EACH_PULSAR = {"test_acknowledging", "test_append", "test_cursor_reset", "test_read", "test_subscriptions"}
"""What an event's way through a broker is made of: these run on both of its versions in ``make test`` too."""
LONG = pytest.mark.soak

OpenStorage = Callable[[], Storage]
MakeTopic = Callable[..., Topic]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave jobs on the second database, and most on the second version of Pulsar, to ``make soak``: they took minutes."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent != here:
            continue
        newer = "4.2.4" in item.name and item.path.stem not in ON_EACH_PULSAR
        if newer or (item.path.stem in JOBS and item.name.endswith("-postgres]")):
            item.add_marker(LONG)


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
