"""The subscribers of a tail."""

from collections.abc import Callable

import pytest

from eventstore.model.events import Topic
from eventstore.tail import Hub, Start
from tests.unit.tail.subscribers.watching import Watching


@pytest.fixture
def watch(hub: Hub) -> Callable[..., Watching]:
    def opened(topics: Topic | list[Topic], start: Start, **options: object) -> Watching:
        watched = topics if isinstance(topics, list) else [topics]
        return Watching(hub.open(watched, start, lambda: None, **options))  # type: ignore[arg-type]

    return opened
