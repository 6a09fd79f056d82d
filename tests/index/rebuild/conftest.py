"""A store whose index is built again, on each database."""

import pytest
from django.db import connections

from tests.databases import filled_once
from tests.index.check.checking import Shortened, publish
from tests.index.rebuild.rebuilding import COUNT, PARTITIONS, catch_up
from tests.parts import StorageOver


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], autouse=True)
def environment(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    """The index in either database; the value is where another process finds it."""
    if request.param == "postgres":
        return {**desk_databases, "INDEX_DATABASE_URL": request.getfixturevalue("index_on_postgres")}
    return desk_databases


@pytest.fixture
def storage(environment: dict[str, str]) -> StorageOver[Shortened]:
    """A store with a topic of several partitions, all of it indexed."""
    storage = StorageOver(Shortened())

    def fill() -> None:
        storage.log.create_topic("patients", partitions=PARTITIONS)
        publish(storage, COUNT)
        catch_up(storage)

    if connections["index"].vendor == "sqlite":
        filled_once("a topic of several partitions of which everything is indexed", fill)
    else:
        fill()
    return storage
