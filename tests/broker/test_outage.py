"""The broker goes away and comes back: calls report it soon, nothing is lost or duplicated, and nothing must be restarted."""

import time
from collections.abc import Callable, Generator
from typing import TypeVar

import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoreClosed, StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge, Reader
from eventstore.model.subscriptions import Consumer, SubscriptionType
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import MakeTopic, storage_of
from tests.contract.helpers import PATIENCE, eventually, payloads, texts

pytestmark = pytest.mark.broker

T = TypeVar("T")
SHARED = SubscriptionType.SHARED
CALLS: dict[str, Callable[[PulsarStorage, str], object]] = {
    "ping": lambda storage, topic: storage.log.ping(),
    "topics": lambda storage, topic: storage.log.topics(),
    "ends": lambda storage, topic: storage.log.ends(topic),
    "amounts": lambda storage, topic: storage.log.amounts(topic, {0: None}),
    "append": lambda storage, topic: storage.log.append(topic, [NewMessage(payload=b"lost?")]),
    "read_forward": lambda storage, topic: storage.log.read_forward(topic, 0, limit=1),
    "read_backward": lambda storage, topic: storage.log.read_backward(topic, 0, limit=1),
    "open_reader": lambda storage, topic: storage.log.open_reader(topic, 0, after=Edge.EARLIEST),
    "subscriptions": lambda storage, topic: storage.subscriptions.of_topic(topic),
    "consume": lambda storage, topic: storage.subscriptions.consume(topic, "s", type=SHARED, consumer="c"),
    "reset_cursor": lambda storage, topic: storage.subscriptions.reset_cursor(topic, "s", {0: Edge.EARLIEST}),
}


Course = Generator[None, None, None]
"""A course through an outage: before it, during it (after the first ``yield``), and after it (after the second)."""


@pytest.fixture
def broker(own_pulsar_broker: LocalPulsar) -> LocalPulsar:
    """One that may be stopped."""
    return own_pulsar_broker


def test_what_goes_through_an_outage_says_so_and_goes_on_after_it(broker: LocalPulsar, topic: MakeTopic) -> None:
    """All share one outage, since a broker takes half a minute to come back."""
    courses = [course(broker, topic()) for course in (what_is_open_goes_on, another_storage_is_made)]
    courses.append(the_ends_are_told(broker, topic(partitions=3)))
    for course in courses:
        next(course)
    broker.stop()
    try:
        for course in courses:
            next(course)
    finally:
        broker.start()
    for course in courses:
        assert next(course, "over") == "over"


def what_is_open_goes_on(broker: LocalPulsar, name: str) -> Course:
    storage = storage_of(broker)
    storage.log.append(name, [NewMessage(payload=text, key="k") for text in texts(3)])
    reader = storage.log.open_reader(name, 0, after=Edge.EARLIEST)
    seen = payloads(reader.read(limit=2, timeout=10))
    assert seen == texts(2)
    consumer = storage.subscriptions.consume(name, "s", type=SHARED, consumer="c")
    assert payloads(consumer.receive(limit=10, timeout=10)) == texts(3)

    yield

    assert_calls_say_that_the_broker_is_away(storage, name)
    assert_reading_says_so_too(lambda: seen.extend(payloads(reader.read(limit=9, timeout=0.1))))
    assert_reading_says_so_too(lambda: consumer.receive(limit=9, timeout=0.1))

    yield

    assert storage.log.ping().startswith("Pulsar 4")
    assert once_it_serves(lambda: payloads(storage.log.read_forward(name, 0, limit=10))) == texts(3)
    once_it_serves(lambda: storage.log.append(name, [NewMessage(payload=text, key="k") for text in texts(2, start=3)]))
    assert payloads(storage.log.read_backward(name, 0, limit=10)) == texts(5)[::-1]
    assert_the_reader_goes_on(reader, seen)
    assert_everything_is_received(consumer)
    storage.close()


def assert_calls_say_that_the_broker_is_away(storage: PulsarStorage, name: str) -> None:
    for call, ask in CALLS.items():
        with pytest.raises(StoreUnreachable, match=r"does not answer.*try again"):
            ask(storage, name)
            pytest.fail(f"{call} found a broker that is away")


def assert_reading_says_so_too(read: Callable[[], object]) -> None:
    with pytest.raises(StoreUnreachable):
        for _ in range(3):
            read()  # what had arrived before may still be returned


def assert_the_reader_goes_on(reader: Reader, seen: list[bytes]) -> None:
    def all_read() -> bool:
        seen.extend(payloads(reader.read(limit=10, timeout=0.5)))
        return len(seen) >= 5

    assert eventually(all_read)
    assert seen == texts(5), "neither a gap nor a double"


def assert_everything_is_received(consumer: Consumer) -> None:
    again: set[bytes] = set()

    def all_received() -> bool:
        again.update(payloads(consumer.receive(limit=10, timeout=0.5)))
        return again == set(texts(5))

    assert eventually(all_received)


def another_storage_is_made(broker: LocalPulsar, name: str) -> Course:
    """One storage is closed while the broker is away, and another is opened."""
    storage = storage_of(broker)
    storage.log.append(name, [NewMessage(payload=b"0")])
    reader = storage.log.open_reader(name, 0, after=Edge.EARLIEST)

    yield

    reader.close()
    storage.close()
    with pytest.raises(StoreClosed):
        storage.log.topics()
    later = storage_of(broker)
    with pytest.raises(StoreUnreachable):
        later.log.topic(name)

    yield

    once_it_serves(lambda: later.log.append(name, [NewMessage(payload=b"1")]))
    assert payloads(later.log.read_forward(name, 0, limit=10)) == texts(2), "what was confirmed is not lost"
    later.close()


def the_ends_are_told(broker: LocalPulsar, name: str) -> Course:
    """A broker that has just started tells the ends of every partition."""
    storage = storage_of(broker)
    storage.log.append(name, [NewMessage(payload=text, key=f"k{number}") for number, text in enumerate(texts(20))])
    before = storage.log.ends(name)
    positions = {end.partition: end.last for end in before}
    amounts = storage.log.amounts(name, positions)

    yield

    with pytest.raises(StoreUnreachable):
        storage.log.ends(name)

    yield

    assert once_it_serves(lambda: storage.log.ends(name)) == before
    assert storage.log.amounts(name, positions) == amounts
    storage.close()


def once_it_serves(ask: Callable[[], T]) -> T:
    """Ask until the broker serves its topics again, and return the result. It reports itself healthy before that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except StoreUnreachable:
            assert time.monotonic() < deadline, "the broker is healthy and does not serve"
