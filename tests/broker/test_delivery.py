"""The delivery state of every event equals what the test's own consumers did: on a real broker, of each supported version."""

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.config.loading import Config
from eventstore.delivery import Delivery
from eventstore.desk import Desk
from eventstore.drivers.pulsar.positions import place_of
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.model.pointers import Pointer
from eventstore.model.subscriptions import DeliveryState
from scripts.pulsar_distribution import DEFAULT_VERSION
from tests.broker_fixture import started
from tests.contract.helpers import eventually
from tests.namespaces import Broker
from tests.pulsar_stores import broker_of, on_each_pulsar
from tests.stream_check import looking

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

TYPES = {
    "exclusive": pulsar.ConsumerType.Exclusive,
    "failover": pulsar.ConsumerType.Failover,
    "shared": pulsar.ConsumerType.Shared,
    "key_shared": pulsar.ConsumerType.KeyShared,
}
EVENTS = 24
KEYS = 5
ACKNOWLEDGED, PENDING, PASSED, UNKNOWN = (
    DeliveryState.ACKNOWLEDGED,
    DeliveryState.PENDING,
    DeliveryState.PASSED_OVER,
    DeliveryState.UNKNOWN,
)

Place = tuple[int, int, int, int]
"""Partition, ledger, entry, and place in the batch (-1: none)."""
Entry = tuple[int, int, int]


KEEPS_INSIDE = "keeps-inside-batches"


@pytest.fixture(params=[*on_each_pulsar(), pytest.param(KEEPS_INSIDE, marks=[pytest.mark.broker, pytest.mark.soak])])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each version in turn, and the older one with the setting that is the newer one's default."""
    if request.param == KEEPS_INSIDE:
        folder = request.getfixturevalue("tmp_path_factory").mktemp(KEEPS_INSIDE)
        own = started(folder, version=DEFAULT_VERSION, keeps_inside_batches=True)
        yield own
        own.kill()
    else:
        found = broker_of(request)
        assert found is not None
        yield found


@dataclass
class Truth:
    """What a subscription's consumers did."""

    received: set[Place] = field(default_factory=set)
    acknowledged: set[Place] = field(default_factory=set)


def place_of_message(message: Any) -> Place:
    id = message.message_id()
    return max(0, id.partition()), id.ledger_id(), id.entry_id(), id.batch_index()


def place_of_pointer(pointer: Pointer) -> Place:
    place = place_of(pointer.position.token)
    return pointer.position.partition, place.ledger, place.entry, place.batch


def publish(client: Any, topic: str, numbers: Sequence[int], *, batched: bool) -> None:
    """Publish these events with their own ids; ``batched``: a few in each entry."""
    producer = client.create_producer(f"persistent://{topic}", batching_enabled=batched, batching_max_messages=4)
    for number in numbers:
        properties = {
            "ce_specversion": "1.0",
            "ce_id": f"{topic}-{number}",
            "ce_type": "numbered",
            "ce_source": "/tests",
            "ce_aggregatetype": "thing",
            "ce_aggregateid": f"k{number % KEYS}",
        }
        if batched:
            producer.send_async(b"{}", None, properties=properties, partition_key=f"k{number % KEYS}")
        else:
            producer.send(b"{}", properties=properties, partition_key=f"k{number % KEYS}")
    producer.flush()
    producer.close()


def consume(client: Any, topic: str, name: str, chance: random.Random) -> tuple[Any, Truth]:
    """Receive all events and acknowledge some of them, each by itself. The consumer stays connected."""
    consumer = client.subscribe(
        f"persistent://{topic}", name, consumer_type=TYPES[name], initial_position=pulsar.InitialPosition.Earliest
    )
    truth = Truth()
    for _ in range(EVENTS):
        message = consumer.receive(30_000)
        truth.received.add(place_of_message(message))
        if chance.random() < 0.7:
            consumer.acknowledge(message)
            truth.acknowledged.add(place_of_message(message))
    return consumer, truth


def index_all(storage: PulsarStorage) -> None:
    following = Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda *_: None)
    index_until_caught_up(following)


def pointers(desk: Desk, topic: str) -> list[Pointer]:
    rows = queries.partition_rows(topic).values()
    return [pointer for row in rows for pointer in queries.at_ordinals(row, range(row.next_ordinal))]


def deliveries(desk: Desk, topic: str) -> Mapping[Place, Mapping[str, Delivery]]:
    asked = pointers(desk, topic)
    found = desk.delivery.book(desk.subscriptions.backlogs(topic)).of(asked)
    return {place_of_pointer(pointer): each for pointer, each in zip(asked, found, strict=True)}


def expected(truth: Truth, *, inside: bool) -> Mapping[Place, tuple[DeliveryState, int | None]]:
    """An entry is acknowledged once all of its events are; what is acknowledged inside one that is not, nobody tells."""
    entries: dict[Entry, set[Place]] = {}
    for place in truth.received:
        entries.setdefault(place[:3], set()).add(place)
    found: dict[Place, tuple[DeliveryState, int | None]] = {}
    for places in entries.values():
        done, size = places <= truth.acknowledged, len(places)
        waits = (UNKNOWN if inside and size > 1 else PENDING, size if size > 1 else None)
        found |= dict.fromkeys(places, (ACKNOWLEDGED, None) if done else waits)
    return found


def waiting(truth: Truth) -> tuple[int, int]:
    """How many events wait, and how many entries."""
    left = {place for place, (state, _) in expected(truth, inside=False).items() if state is PENDING}
    return len(left), len({place[:3] for place in left})


def test_every_event_has_the_state_that_its_consumers_gave_it_in_each_type_batched_and_partitioned_or_not(
    alone: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance, desk = random.Random(seed), looking(alone)
    inside = admin.get("brokers/configuration/runtime").json()["acknowledgmentAtBatchIndexLevelEnabled"] == "true"
    truths: dict[tuple[str, str], Truth] = {}
    consumers = []
    for partitions in (1, 3):
        for batched in (False, True):
            topic = alone.log.create_topic(f"delivery-{partitions}-{batched}", partitions=partitions).name
            publish(client, topic, range(EVENTS), batched=batched)
            for name in TYPES:
                consumer, truths[topic, name] = consume(client, topic, name, chance)
                consumers.append(consumer)
    index_all(alone)
    for topic in {topic for topic, _ in truths}:
        of_topic = {name: truths[topic, name] for name in TYPES}

        def arrived(topic: str = topic, of_topic: Mapping[str, Truth] = of_topic) -> bool:
            found = {one.subscription.name: one for one in desk.subscriptions.backlogs(topic)}
            return all((found[name].waiting, found[name].entries) == waiting(truth) for name, truth in of_topic.items())

        assert eventually(arrived), f"with seed {seed}: {topic}"
        states = deliveries(desk, topic)
        for name, truth in of_topic.items():
            found = {place: (each[name].state, each[name].batch) for place, each in states.items()}
            assert found == expected(truth, inside=inside), f"with seed {seed}: {name} of {topic}"
    for consumer in consumers:
        consumer.close()


def test_what_a_subscription_never_got_is_not_called_acknowledged(
    alone: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    """Born late, skipped, expired and dead-lettered: each is acknowledged to the broker."""
    desk = looking(alone)
    topic = alone.log.create_topic("never-got").name
    publish(client, topic, range(6), batched=False)
    for name in ("skipped", "expired"):
        admin.put(f"persistent/{topic}/subscription/{name}", json="earliest").raise_for_status()
    gives_up = client.subscribe(
        f"persistent://{topic}",
        "gives-up",
        consumer_type=pulsar.ConsumerType.Shared,
        initial_position=pulsar.InitialPosition.Earliest,
        negative_ack_redelivery_delay_ms=100,
        dead_letter_policy=pulsar.ConsumerDeadLetterPolicy(1),
    )
    desk.subscriptions.backlogs(topic)
    admin.put(f"persistent/{topic}/subscription/late", json="latest").raise_for_status()
    admin.post(f"persistent/{topic}/subscription/skipped/skip_all").raise_for_status()
    dead = give_up_on(gives_up, number=2, count=6)

    def settled() -> bool:
        admin.post(f"persistent/{topic}/subscription/expired/expireMessages/1")
        found = {one.subscription.name: one.subscription.backlog for one in desk.subscriptions.backlogs(topic)}
        return not any(found.values()) and bool(alone.log.topics()[1:])

    assert eventually(settled), desk.subscriptions.backlogs(topic)
    publish(client, topic, range(6, 8), batched=False)
    index_all(alone)
    for _ in range(2):  # what the next look proves stays so
        states = list(deliveries(desk, topic).items())
        for name in ("late", "skipped", "expired"):
            assert [each[name].state for _, each in states] == [PASSED] * 6 + [PENDING] * 2, name
        given_up = [DeliveryState.DEAD_LETTERED if place == dead else ACKNOWLEDGED for place, _ in states[:6]]
        assert [each["gives-up"].state for _, each in states] == [*given_up, PENDING, PENDING]
    gives_up.close()
    anew = looking(alone)  # a new process, after what it saw
    assert {each["skipped"].state for _, each in list(deliveries(anew, topic).items())[:6]} == {PASSED}


def give_up_on(consumer: Any, *, number: int, count: int) -> Place:
    """Acknowledge all events but one, which is refused until it is dead-lettered; return that one's place."""
    dead: Place | None = None
    for _ in range(count + 1):
        message = consumer.receive(30_000)
        place = place_of_message(message)
        if message.properties()["ce_id"].endswith(f"-{number}"):
            dead = place
            consumer.negative_acknowledge(message)
        else:
            consumer.acknowledge(message)
    assert dead is not None
    return dead
