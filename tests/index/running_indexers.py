"""Indexers that run in threads of a test, and stores that fail or fall silent."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer.run import Following, run_until_stopped
from eventstore.index.models import IndexedPartition
from eventstore.model.errors import StoreRefused
from eventstore.model.events import NewMessage, Topic
from eventstore.model.storage import Storage

ENVELOPE = {"ce_id": "e-1", "ce_type": "document.read", "ce_source": "/tests", "ce_specversion": "1.0"}


class RefusingAtFirst(DatabaseLog):
    """A log whose administration answers 500 a few times, as a broker does while it starts."""

    refusals = 2

    def topics(self) -> Sequence[Topic]:
        if self.refusals:
            self.refusals -= 1
            raise StoreRefused("The broker answered 500.")
        return super().topics()


def following(storage: Storage, stop: threading.Event, **more: Any) -> Following:
    settings = {"on_batch": lambda topic, partition, events: None, **more}
    return Following(storage=storage, config=Config(), stop=stop, **settings)


def published(storage: DatabaseStorage, count: int, *, topic: str = "documents", partitions: int = 1) -> None:
    storage.log.create_topic(topic, partitions=partitions)
    storage.log.append(topic, [NewMessage(payload=b"{}", key=f"k{n % 40}", properties=ENVELOPE) for n in range(count)])


def indexed(topic: str = "documents") -> int:
    """Events of the topic in the index."""
    return sum(IndexedPartition.objects.filter(topic=topic).values_list("next_ordinal", flat=True))


def owners() -> dict[int, str]:
    """Who has which partition."""
    return dict(IndexedPartition.objects.values_list("number", "owner"))


@contextmanager
def running(storage: Storage, owner: str = "one", **more: Any) -> Iterator[threading.Event]:
    """An indexer that follows everything, in a thread of its own; the value ends it."""
    stop = threading.Event()
    thread = threading.Thread(target=run_until_stopped, args=(following(storage, stop, owner=owner, **more),))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()
