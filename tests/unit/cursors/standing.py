"""A subscription of the embedded store that stands somewhere, with everything indexed."""

import threading
from collections.abc import Sequence

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType

TOPIC, NAME = "patients", "mailer"
SHARED = SubscriptionType.SHARED


def index_all(storage: DatabaseStorage) -> None:
    index_until_caught_up(
        Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None)
    )


def published(storage: DatabaseStorage, count: int, *, partitions: int = 1) -> Sequence[Position]:
    """So many events, and a subscription that stands at the first of them; indexed."""
    storage.log.create_topic(TOPIC, partitions=partitions)
    positions = storage.log.append(TOPIC, [NewMessage(payload=b"{}", key=f"k{number}") for number in range(count)])
    storage.subscriptions.create(TOPIC, NAME, type=SHARED, start=Edge.EARLIEST)
    index_all(storage)
    return positions


def handle(storage: DatabaseStorage, positions: Sequence[Position]) -> None:
    """The subscription receives everything that waits and acknowledges these."""
    with storage.subscriptions.consume(TOPIC, NAME, type=SHARED, consumer="worker-1") as consumer:
        received = {message.position for message in consumer.receive(limit=10_000, timeout=5)}
        for position in positions:
            assert position in received
            consumer.acknowledge(position)
