"""The newer version opens the older one's data folder, and the older one again: nothing that Eventdesk remembers changes."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.subscriptions import SubscriptionType
from scripts.pulsar_distribution import DEFAULT_VERSION, NEWER_VERSION
from tests.broker.conftest import storage_of
from tests.broker_fixture import started
from tests.contract.helpers import receive_until
from tests.contract.test_subscriptions import backlog_becomes

pytestmark = [pytest.mark.broker, pytest.mark.soak]

EVENTS = 10
HANDLED = (0, 1, 4, 7)
"""Two events at the beginning, and two holes."""
PENDING = [b"2", b"3", b"5", b"6", b"8", b"9"]


def test_positions_and_cursors_stay_on_the_way_to_the_newer_version_and_back(tmp_path: Path) -> None:
    with storage_on(DEFAULT_VERSION, tmp_path) as storage:
        topic = storage.log.create_topic("kept").name
        for number in range(EVENTS):
            storage.log.append(topic, [NewMessage(payload=str(number).encode())])
        with storage.subscriptions.consume(topic, "s", type=SubscriptionType.SHARED, consumer="c") as consumer:
            received = receive_until(consumer, EVENTS)
            for place in HANDLED:
                consumer.acknowledge(received[place].position)
        assert backlog_becomes(storage, topic, "s", EVENTS - len(HANDLED))
        before = events, acknowledged, holes = what_is_there(storage, topic)
    assert (list(events), len(holes)) == (received, 2)
    assert acknowledged is not None
    assert events[1].position <= acknowledged < events[2].position
    for version in (NEWER_VERSION, DEFAULT_VERSION):
        with storage_on(version, tmp_path) as storage:
            assert what_is_there(storage, topic) == before, version
            with storage.subscriptions.consume(topic, "s", type=SubscriptionType.SHARED, consumer="c") as consumer:
                assert [message.payload for message in receive_until(consumer, len(PENDING))] == PENDING


@contextmanager
def storage_on(version: str, data: Path) -> Iterator[PulsarStorage]:
    """A storage on a broker of this version with its data in the folder; the broker is stopped afterwards."""
    broker = started(data, version=version)
    try:
        with closing(storage_of(broker)) as storage:
            yield storage
    finally:
        broker.stop()


def what_is_there(
    storage: PulsarStorage, topic: str
) -> tuple[Sequence[Message], Position | None, Sequence[tuple[Position, Position]]]:
    """The topic's events with their positions, and how far the subscription ``s`` is: its cursor, and the holes behind it."""
    [cursor] = storage.subscriptions.named(topic, "s").cursors
    return storage.log.read_forward(topic, 0, limit=100), cursor.acknowledged, list(cursor.holes)
