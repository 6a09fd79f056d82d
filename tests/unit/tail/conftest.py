"""A hub over the storage of the test."""

from collections.abc import Iterator

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.envelope import read_event
from eventstore.tail import Hub


@pytest.fixture
def storage(desk_databases: object) -> DatabaseStorage:
    return DatabaseStorage()


@pytest.fixture
def hub(storage: DatabaseStorage) -> Iterator[Hub]:
    made = Hub(storage=storage, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()
