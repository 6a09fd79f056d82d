"""Events that are published one by one in quick succession are returned and indexed as they come, not when a limit is
full."""

import threading
import time
from typing import Any
from uuid import uuid4

import pytest

from eventstore.config.loading import Config
from eventstore.index.indexer.run import Following, run_until_stopped
from tests.broker.conftest import storage_of
from tests.namespaces import own_namespace
from tests.run_servers import BrokerAddress

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

EVENTS = 1_200
EVERY = 1 / 600


def trickle(client: Any, topic: str) -> None:
    """Publish each in an entry of its own, never two together, however late this thread is."""
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=False, block_if_queue_full=True)
    for _ in range(EVENTS):
        properties = {"ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": "/p", "ce_type": "patient.moved"}
        producer.send_async(b"{}", None, properties=properties, partition_key="p")
        time.sleep(EVERY)
    producer.flush()
    producer.close()


def test_quick_single_events_are_indexed_while_they_come(pulsar_broker: BrokerAddress, client: Any) -> None:
    """Gathered up to the batch's limit, all of them would be committed in one transaction after the last one."""
    namespace = own_namespace(pulsar_broker)["EVENTSTORE_NAMESPACES"]
    storage = storage_of(pulsar_broker, namespaces=(namespace,))
    topic = storage.log.create_topic(f"{namespace}/trickle").name
    commits: list[int] = []
    stop = threading.Event()

    def on_batch(topic: str, partition: int, events: int) -> None:
        commits.append(events)
        if sum(commits) == EVENTS:
            stop.set()

    publisher = threading.Thread(target=trickle, args=(client, topic))
    publisher.start()
    try:
        run_until_stopped(Following(storage=storage, config=Config(), stop=stop, on_batch=on_batch))
    finally:
        publisher.join()
        storage.close()
    assert len(commits) >= 5
