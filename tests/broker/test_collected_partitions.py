"""A tail of many partitions in which events come one by one: the sealing thread reads them, and nothing is lost or doubled."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from eventstore.config.loading import Config
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.model.events import Message
from eventstore.tail import Hub, Start, TailSubscriber
from tests.broker.conftest import MakeTopic, roll_over
from tests.contract.helpers import eventually, soon, whole_log

pytestmark = pytest.mark.broker

PARTITIONS = 24
TICK = 0.02
AT_ONCE = 12
"""Events that are published in a tick, of a document each."""


@pytest.fixture
def hub(storage: PulsarStorage) -> Iterator[Hub]:
    made = Hub(log=storage.log, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()


class Publisher:
    """Publishes numbered events in a thread, a few at a time, until it is left."""

    def __init__(self, client: Any, topic: str) -> None:
        self.sent = 0
        self._producer = client.create_producer(topic, batching_max_publish_delay_ms=2, send_timeout_millis=0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush()

    def _publish(self) -> None:
        while not self._stop.wait(TICK):
            for _ in range(AT_ONCE):
                self._producer.send_async(b"%d" % self.sent, None, partition_key=f"d{self.sent % 500}")
                self.sent += 1


class Follower:
    """A subscriber of all events, and what it got."""

    def __init__(self, subscriber: TailSubscriber) -> None:
        self.subscriber = subscriber
        self.found: list[Message] = []

    def has(self, count: int) -> bool:
        for piece in self.subscriber.take().pieces:
            self.found += [entry.message for entry in piece.entries]
        return len(self.found) >= count

    def is_collected(self) -> bool:
        """Whether the sealing thread reads most partitions now."""
        (tail,) = self.subscriber.tails
        self.has(0)
        return len(tail._buffer.collecting._left) > PARTITIONS // 2


def test_events_that_come_one_by_one_in_many_partitions_come_once_and_in_order_whatever_happens_to_the_connections(
    storage: PulsarStorage, topic: MakeTopic, client: Any, admin: httpx.Client, hub: Hub
) -> None:
    name = topic(partitions=PARTITIONS)
    follower = Follower(hub.open([storage.log.topic(name)], Start(), lambda: None, complete=True))
    with Publisher(client, f"persistent://{name}") as publisher:
        assert eventually(follower.is_collected)
        for partition in (0, 7):
            roll_over(admin, f"{name}-partition-{partition}")
        sent = publisher.sent
        assert eventually(lambda: follower.has(sent))
        assert eventually(follower.is_collected)
    # The publisher sends again what was not confirmed when its connection was lost: there may be more than it has numbered.
    logs = {number: whole_log(storage, name, number) for number in range(PARTITIONS)}
    count = sum(map(len, logs.values()))
    assert count >= publisher.sent
    assert eventually(lambda: follower.has(count))
    (tail,) = follower.subscriber.tails
    assert soon(lambda: not tail._buffer.collecting), "all are read by their own threads again"
    found = defaultdict(list)
    for message in follower.found:
        found[message.position.partition].append(message.position)
    assert found == {number: [message.position for message in log] for number, log in logs.items()}
