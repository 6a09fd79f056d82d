"""What the supported versions of Pulsar do differently, and what not: the table in docs/pulsar-versions.md."""

import time
from collections.abc import Sequence
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.events import Message
from eventstore.model.subscriptions import SubscriptionType
from scripts.pulsar_distribution import DEFAULT_VERSION, VERSIONS
from tests.broker.conftest import MakeTopic, publish_batch, roll_over
from tests.namespaces import Broker
from tests.pulsar_stores import broker_of, on_each_pulsar

pytestmark = pytest.mark.broker

BATCH = [b"0", b"1", b"2"]
MIDDLE = 1
LONGEST_WAIT = 30.0
"""Seconds that a test waits for what has to come."""


@pytest.fixture(params=on_each_pulsar())
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each version in turn."""
    found = broker_of(request)
    assert found is not None
    return found


@pytest.fixture
def version(admin: httpx.Client) -> str:
    found = admin.get("brokers/version").text
    assert found in VERSIONS
    return found


def receive(storage: PulsarStorage, topic: str, *, acknowledge: Sequence[int] = ()) -> list[bytes]:
    """What a new consumer of the subscription ``s`` receives; it acknowledges those of these places."""
    with storage.subscriptions.consume(topic, "s", type=SubscriptionType.SHARED, consumer="c") as consumer:
        found: list[Message] = list(consumer.receive(limit=100, timeout=LONGEST_WAIT))
        while more := consumer.receive(limit=100, timeout=0.5):
            found += more
        for place in acknowledge:
            consumer.acknowledge(found[place].position)
    return [message.payload for message in found]


def test_it_says_its_version(storage: PulsarStorage, version: str) -> None:
    assert storage.log.ping().startswith(f"Pulsar {version} at ")


def test_of_a_batch_acknowledged_in_part_4_0_gives_all_again_and_4_2_the_rest(
    storage: PulsarStorage, client: Any, topic: MakeTopic, version: str
) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    receive(storage, name, acknowledge=[MIDDLE])
    rest = BATCH if version == DEFAULT_VERSION else [BATCH[0], BATCH[2]]
    assert receive(storage, name) == rest


def test_no_figure_shows_what_is_acknowledged_inside_a_batch(
    storage: PulsarStorage, client: Any, topic: MakeTopic, version: str
) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    receive(storage, name, acknowledge=[MIDDLE])
    [cursor] = storage.subscriptions.named(name, "s").cursors
    assert (cursor.acknowledged, cursor.backlog, list(cursor.holes)) == (None, 1, []), version


def test_a_topic_that_is_loaded_again_has_forgotten_it(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    receive(storage, name, acknowledge=[MIDDLE])
    roll_over(admin, name)
    assert receive(storage, name) == BATCH


def test_a_reset_by_the_desk_brings_the_whole_batch_on_both(storage: PulsarStorage, client: Any, topic: MakeTopic) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    receive(storage, name, acknowledge=[0, MIDDLE])
    storage.subscriptions.reset_cursor(name, "s", {0: storage.log.read_forward(name, 0, limit=10)[MIDDLE].position})
    assert receive(storage, name) == BATCH


def test_a_reset_that_names_a_place_inside_a_batch_is_exact_on_4_2_alone(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic, version: str
) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    receive(storage, name, acknowledge=[0, 1, 2])
    last = admin.get(f"persistent/{name}/lastMessageId").json()
    place = {"ledgerId": last["ledgerId"], "entryId": last["entryId"], "partitionIndex": -1, "batchIndex": MIDDLE}
    admin.post(f"persistent/{name}/subscription/s/resetcursor", json={**place, "excluded": False}).raise_for_status()
    assert receive(storage, name) == (BATCH if version == DEFAULT_VERSION else BATCH[MIDDLE:])


def test_one_event_that_is_given_up_takes_its_whole_batch_with_it_on_both(client: Any, topic: MakeTopic, version: str) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    consumer = client.subscribe(
        name,
        "s",
        consumer_type=pulsar.ConsumerType.Shared,
        initial_position=pulsar.InitialPosition.Earliest,
        batch_index_ack_enabled=True,
        negative_ack_redelivery_delay_ms=1_000,
        dead_letter_policy=pulsar.ConsumerDeadLetterPolicy(1, f"{name}-s-DLQ", "s"),
    )
    letters = client.subscribe(f"{name}-s-DLQ", "s", initial_position=pulsar.InitialPosition.Earliest)
    again: list[bytes] = []
    given_up: list[bytes] = []
    deadline = time.monotonic() + LONGEST_WAIT
    while len(given_up) < len(BATCH) and time.monotonic() < deadline:
        for message in received(consumer):
            again += [message.data()] if message.redelivery_count() else []
            if message.data() == BATCH[MIDDLE]:
                consumer.negative_acknowledge(message)
            else:
                consumer.acknowledge(message)
        given_up += [message.data() for message in received(letters)]
    assert sorted(given_up) == BATCH
    assert again == (BATCH if version == DEFAULT_VERSION else [BATCH[MIDDLE]])


def received(consumer: Any) -> list[Any]:
    found = []
    while True:
        try:
            found.append(consumer.receive(200))
        except pulsar.Timeout:
            return found


def test_4_2_tells_when_a_topic_was_made_and_last_written_to(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic, version: str
) -> None:
    name = topic()
    publish_batch(client, name, BATCH)
    receive(storage, name, acknowledge=[0])
    stats = admin.get(f"persistent/{name}/stats").json()
    newer = version != DEFAULT_VERSION
    assert ("topicCreationTimeStamp" in stats, "lastPublishTimeStamp" in stats) == (newer, newer)
    assert ("msgExpired" in stats["subscriptions"]["s"]) == newer
