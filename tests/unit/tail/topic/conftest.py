"""A hub over a store that fails as a test says."""

import pytest

from eventstore.model.events import Topic
from tests.unit.tail.topic.faulty import Faulty


@pytest.fixture
def log() -> Faulty:
    return Faulty()


@pytest.fixture
def topic(log: Faulty) -> Topic:
    return log.create_topic("documents", partitions=2)
