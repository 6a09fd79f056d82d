"""A topic that gets more partitions while somebody watches it."""

import httpx
import pytest

from eventstore.config import Config
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.events import NewMessage
from eventstore.tail import Hub
from scripts.local_pulsar import LocalPulsar
from tests.contract.helpers import eventually
from tests.namespaces import own_namespace

pytestmark = pytest.mark.broker


def test_an_open_tail_ends_and_the_next_one_follows_the_new_partitions_from_their_beginning(
    pulsar_broker: LocalPulsar,
) -> None:
    namespace = own_namespace(pulsar_broker)["EVENTSTORE_NAMESPACES"]
    storage = PulsarStorage(service_url=pulsar_broker.service_url, admin_url=pulsar_broker.admin_url, namespaces=(namespace,))
    hub = Hub(storage=storage, read=lambda message: read_event(message, Config().mappings))
    try:
        topic = storage.create_topic("growing", partitions=2)
        places = {0: "", 1: ""}
        viewer = hub.open(topic, places, lambda: None)
        partitions = f"{pulsar_broker.admin_url}/admin/v2/persistent/{namespace}/growing/partitions"
        httpx.post(partitions, json=8, timeout=20).raise_for_status()
        assert eventually(lambda: viewer.ended)

        grown = storage.topic("growing")
        assert grown.partitions == 8
        messages = [NewMessage(payload=str(number).encode(), key=f"key-{number}") for number in range(40)]
        positions = storage.append(grown.name, messages)
        assert any(position.partition >= 2 for position in positions)
        again = hub.open(grown, places, lambda: None)
        assert sorted(int(entry.event.message.payload) for entry in again.take(100).entries) == list(range(40))
    finally:
        hub.close()
        storage.close()
