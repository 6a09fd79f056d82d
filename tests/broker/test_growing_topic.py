"""A topic that gets more partitions while somebody watches it."""

import httpx
import pytest

from eventstore.config.loading import Config
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.model.events import NewMessage
from eventstore.tail import Hub, Start, place_key
from tests.contract.helpers import eventually
from tests.namespaces import own_namespace
from tests.run_servers import BrokerAddress

pytestmark = pytest.mark.broker


@pytest.mark.usefixtures("desk_databases")
def test_an_open_tail_ends_and_the_next_one_follows_the_new_partitions_from_their_beginning(
    pulsar_broker: BrokerAddress,
) -> None:
    namespace = own_namespace(pulsar_broker)["EVENTSTORE_NAMESPACES"]
    storage = PulsarStorage(service_url=pulsar_broker.service_url, admin_url=pulsar_broker.admin_url, namespaces=(namespace,))
    hub = Hub(log=storage.log, read=lambda message: read_event(message, Config().mappings))
    try:
        topic = storage.log.create_topic("growing", partitions=2)
        places = Start(places={place_key(topic.name, 0): "", place_key(topic.name, 1): ""})
        subscriber = hub.open([topic], places, lambda: None)
        partitions = f"{pulsar_broker.admin_url}/admin/v2/persistent/{namespace}/growing/partitions"
        httpx.post(partitions, json=8, timeout=20).raise_for_status()
        assert eventually(lambda: subscriber.ended)

        grown = storage.log.topic("growing")
        assert grown.partitions == 8
        messages = [NewMessage(payload=str(number).encode(), key=f"key-{number}") for number in range(40)]
        positions = storage.log.append(grown.name, messages)
        assert any(position.partition >= 2 for position in positions)
        again = hub.open([grown], places, lambda: None)
        found: list[int] = []

        def all_are_there() -> bool:
            found.extend(int(entry.message.payload) for piece in again.take().pieces for entry in piece.entries)
            return len(found) >= 40

        assert eventually(all_are_there)
        assert sorted(found) == list(range(40))
    finally:
        hub.close()
        storage.close()
