"""Skips on the real broker: batches, an exclusive subscription with its consumer on, and a partition that refuses."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventstore.actions import Ending, Running, subscription_resource
from eventstore.config.loading import Config
from eventstore.cursors import CLEAR, SKIP_BEFORE, SKIP_COUNT, SKIP_EVENT, Count, MovePlan
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.errors import NothingToMove
from eventstore.model.events import Message, NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.helpers import eventually, payloads, receive_until
from tests.namespaces import Broker

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

EXCLUSIVE, SHARED = SubscriptionType.EXCLUSIVE, SubscriptionType.SHARED


@pytest.fixture
def name(alone: PulsarStorage, broker: Broker) -> Iterator[str]:
    yield alone.log.create_topic("events", partitions=1).name


def index(storage: PulsarStorage) -> None:
    index_until_caught_up(Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda *_: None))


def publish_batch(client: Any, topic: str, bodies: list[bytes]) -> None:
    producer = client.create_producer(topic, batching_enabled=True, batching_max_publish_delay_ms=1_000)
    for body in bodies:
        producer.send_async(body, lambda *_: None)
    producer.flush()
    producer.close()


def carried_out(storage: PulsarStorage, topic: str, action: Any, aim: Any) -> tuple[MovePlan, Running]:
    act, resource = Running(lease=None), subscription_resource(topic, "s")
    plan: MovePlan = action.plan(storage, resource, aim)
    action.execute(storage, plan, act)
    return plan, act


def waiting(storage: PulsarStorage, topic: str, kind: SubscriptionType, count: int) -> list[bytes]:
    """What a new consumer is given: exactly so much, and then nothing."""
    with storage.subscriptions.consume(topic, "s", type=kind, consumer="later") as consumer:
        found: list[Message] = receive_until(consumer, count)
        return payloads([*found, *consumer.receive(limit=10, timeout=0.5)])


def test_batches_are_skipped_whole_and_the_plan_counts_all_of_it(alone: PulsarStorage, client: Any, name: str) -> None:
    for first in (0, 5, 10):
        publish_batch(client, name, [str(number).encode() for number in range(first, first + 5)])
    alone.subscriptions.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    index(alone)
    events = alone.log.read_forward(name, 0, limit=20)
    plan, _ = carried_out(alone, name, SKIP_COUNT, Count(events=2))
    assert plan.passed_over == 5, "two events of a batch of five cannot be skipped without the others"
    plan, _ = carried_out(alone, name, SKIP_EVENT, events[11].position)
    assert (plan.passed_over, plan.alone) == (5, True)
    assert waiting(alone, name, SHARED, 5) == [b"5", b"6", b"7", b"8", b"9"]
    plan, _ = carried_out(alone, name, SKIP_BEFORE, events[12].position)
    assert plan.passed_over == 5
    with pytest.raises(NothingToMove):
        carried_out(alone, name, SKIP_EVENT, events[12].position)


def test_beside_an_exclusive_consumer_the_next_event_and_the_backlog_are_skipped(alone: PulsarStorage, name: str) -> None:
    places = [alone.log.append(name, [NewMessage(payload=str(number).encode(), key="k")])[0] for number in range(6)]
    index(alone)
    with alone.subscriptions.consume(name, "s", type=EXCLUSIVE, consumer="c") as consumer:
        receive_until(consumer, 6)
        with pytest.raises(NothingToMove, match="stop the consumer first"):
            SKIP_EVENT.plan(alone, subscription_resource(name, "s"), places[3])
        plan, act = carried_out(alone, name, SKIP_EVENT, places[0])
        assert (plan.alone, [part.ending for part in act.parts]) == (False, [Ending.DONE])
        assert eventually(lambda: alone.subscriptions.named(name, "s").backlog == 5)
        preview: MovePlan = CLEAR.plan(alone, subscription_resource(name, "s"), None)
        alone.log.append(name, [NewMessage(payload=b"6", key="k")])
        index(alone)
        plan, _ = carried_out(alone, name, CLEAR, preview.ends_aimed)
        assert (plan.passed_over, plan.confirmed_by(preview.digest)) == (5, True)
        assert [one.name for one in alone.subscriptions.named(name, "s").consumers] == ["c"]
    assert waiting(alone, name, EXCLUSIVE, 1) == [b"6"]


def test_a_partition_that_refuses_is_told_by_its_name_and_the_others_are_done(
    alone: PulsarStorage, admin: httpx.Client
) -> None:
    name = alone.log.create_topic("parted", partitions=4).name
    alone.log.append(name, [NewMessage(payload=b"", key=f"k{number}") for number in range(40)])
    alone.subscriptions.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    index(alone)
    act, resource = Running(lease=None), subscription_resource(name, "s")
    plan: MovePlan = CLEAR.plan(alone, resource, None)
    assert plan.passed_over == 40
    admin.delete(f"persistent/{name}-partition-2/subscription/s").raise_for_status()
    CLEAR.execute(alone, plan, act)
    assert [(part.name, part.ending) for part in act.parts] == [
        ("partition 0", Ending.DONE),
        ("partition 1", Ending.DONE),
        ("partition 2", Ending.FAILED),
        ("partition 3", Ending.FAILED),
    ]
