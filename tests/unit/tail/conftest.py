"""A hub over the log of the test."""

from collections.abc import Iterator

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.envelope import read_event
from eventstore.tail import Hub, topic_tail


@pytest.fixture(autouse=True)
def soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tail that is stopped ends with its readers' wait of half a second, more than most of these tests take."""
    monkeypatch.setattr(topic_tail, "WAIT", 0.05)


@pytest.fixture
def log(desk_databases: object) -> DatabaseLog:
    return DatabaseLog()


@pytest.fixture
def hub(log: DatabaseLog) -> Iterator[Hub]:
    made = Hub(log=log, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()
