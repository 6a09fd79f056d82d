"""The broker goes away and comes back: calls say so soon, nothing is lost or doubled, and nothing has to be restarted."""

from collections.abc import Callable, Iterator

import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.errors import StoreClosed, StoreUnreachable
from eventstore.events import NewMessage
from eventstore.storage import Edge, SubscriptionType
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import MakeTopic, storage_of
from tests.contract.helpers import eventually, payloads, texts

pytestmark = pytest.mark.broker

SHARED = SubscriptionType.SHARED
CALLS: dict[str, Callable[[PulsarStorage, str], object]] = {
    "ping": lambda storage, topic: storage.ping(),
    "topics": lambda storage, topic: storage.topics(),
    "ends": lambda storage, topic: storage.ends(topic),
    "amounts": lambda storage, topic: storage.amounts(topic, {0: None}),
    "append": lambda storage, topic: storage.append(topic, [NewMessage(payload=b"lost?")]),
    "read_forward": lambda storage, topic: storage.read_forward(topic, 0, limit=1),
    "read_backward": lambda storage, topic: storage.read_backward(topic, 0, limit=1),
    "open_reader": lambda storage, topic: storage.open_reader(topic, 0, after=Edge.EARLIEST),
    "subscriptions": lambda storage, topic: storage.subscriptions(topic),
    "consume": lambda storage, topic: storage.consume(topic, "s", type=SHARED, consumer="c"),
    "reset_cursor": lambda storage, topic: storage.reset_cursor(topic, "s", {0: Edge.EARLIEST}),
}


@pytest.fixture
def broker(pulsar_broker: LocalPulsar) -> Iterator[LocalPulsar]:
    """The broker of the whole run, which is up again after the test whatever happens in it."""
    yield pulsar_broker
    if not pulsar_broker.running():
        pulsar_broker.start()


def test_an_outage_is_told_and_then_over(broker: LocalPulsar, storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    storage.append(name, [NewMessage(payload=text, key="k") for text in texts(3)])
    reader = storage.open_reader(name, 0, after=Edge.EARLIEST)
    seen = payloads(reader.read(limit=2, timeout=10))
    assert seen == texts(2)
    consumer = storage.consume(name, "s", type=SHARED, consumer="c")
    assert payloads(consumer.receive(limit=10, timeout=10)) == texts(3)

    broker.stop()

    for call, ask in CALLS.items():
        with pytest.raises(StoreUnreachable, match=r"does not answer.*try again"):
            ask(storage, name)
            pytest.fail(f"{call} found a broker that is away")
    for read in (
        lambda: seen.extend(payloads(reader.read(limit=9, timeout=0.1))),
        lambda: consumer.receive(limit=9, timeout=0.1),
    ):
        with pytest.raises(StoreUnreachable):
            for _ in range(3):
                read()  # what had arrived before may still be handed out

    broker.start()

    assert storage.ping().startswith("Pulsar 4")
    assert payloads(storage.read_forward(name, 0, limit=10)) == texts(3)
    storage.append(name, [NewMessage(payload=text, key="k") for text in texts(2, start=3)])
    assert payloads(storage.read_backward(name, 0, limit=10)) == texts(5)[::-1]

    def all_read() -> bool:
        seen.extend(payloads(reader.read(limit=10, timeout=0.5)))
        return len(seen) >= 5

    assert eventually(all_read)
    assert seen == texts(5), "neither a gap nor a double"
    again: set[bytes] = set()

    def all_received() -> bool:
        again.update(payloads(consumer.receive(limit=10, timeout=0.5)))
        return again == set(texts(5))

    assert eventually(all_received)


def test_in_an_outage_one_storage_is_closed_and_another_made(
    broker: LocalPulsar, storage: PulsarStorage, topic: MakeTopic
) -> None:
    name = topic()
    storage.append(name, [NewMessage(payload=b"0")])
    reader = storage.open_reader(name, 0, after=Edge.EARLIEST)
    broker.stop()
    reader.close()
    storage.close()
    with pytest.raises(StoreClosed):
        storage.topics()
    later = storage_of(broker)
    with pytest.raises(StoreUnreachable):
        later.topic(name)
    broker.start()
    later.append(name, [NewMessage(payload=b"1")])
    assert payloads(later.read_forward(name, 0, limit=10)) == texts(2), "a power cut loses nothing that was confirmed"
    later.close()


def test_a_broker_that_has_just_started_tells_the_ends_of_every_partition(
    broker: LocalPulsar, storage: PulsarStorage, topic: MakeTopic
) -> None:
    name = topic(partitions=3)
    storage.append(name, [NewMessage(payload=text, key=f"k{number}") for number, text in enumerate(texts(20))])
    before = storage.ends(name)
    positions = {end.partition: end.last for end in before}
    amounts = storage.amounts(name, positions)
    broker.stop()
    broker.start()
    assert storage.ends(name) == before
    assert storage.amounts(name, positions) == amounts
