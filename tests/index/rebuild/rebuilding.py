"""Rebuilding a topic in a test, and looking at its builds."""

import threading
from collections.abc import Callable

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild.run import Rebuilt, rebuild_topic

COUNT = 600
PARTITIONS = 3

Do = Callable[[], object]


def following(storage: DatabaseStorage, stop: threading.Event) -> Following:
    return Following(storage=storage, config=Config(), stop=stop, on_batch=lambda topic, partition, events: None)


def catch_up(storage: DatabaseStorage) -> None:
    index_until_caught_up(following(storage, threading.Event()))


def rebuild(
    storage: DatabaseStorage, meanwhile: Do = lambda: None, stop: threading.Event | None = None, batch: int = 50
) -> Rebuilt:
    """Rebuild in small steps, and do something after the first one."""
    done: list[int] = []

    def progressed(events: int) -> None:
        done.append(events)
        if len(done) == 1:
            meanwhile()

    topic = storage.log.topic("patients")
    return rebuild_topic(storage, Config(), topic, progressed, stop or threading.Event(), batch=batch)


def differences(storage: DatabaseStorage) -> list[str]:
    reports = check_topic(storage, Config(), storage.log.topic("patients"), lambda events: None, threading.Event())
    return [report.difference for report in reports if report.difference]


def events_shown() -> int:
    return sum(topic.events for topic in queries.indexed_topics())


def live() -> dict[int, int]:
    """The build that is live of each partition."""
    return dict(IndexedPartition.objects.using("index").filter(live=True).order_by("number").values_list("number", "build"))
