"""The embedded store on each of its databases."""

from collections.abc import Iterator

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.model.storage import Storage


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgres)])
def product(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> str:
    if request.param == "PostgreSQL":
        request.getfixturevalue("store_on_postgres")
    return str(request.param)


@pytest.fixture
def storage(product: str) -> Iterator[Storage]:
    own = DatabaseStorage()
    yield own
    own.close()


@pytest.fixture
def topic(storage: Storage) -> str:
    return storage.log.create_topic("documents").name
