"""Each state and each mistake is produced on a real broker, and named rightly, with the right certainty.

What takes time happens side by side: every subscription of the first test is one of the same topic, and all are looked at
until each is what it has to be.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.diagnosis import Certainty, Diagnosis, Fact, Mistake
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions import State
from tests.broker.conftest import MakeTopic, roll_over
from tests.broker.diagnosing import Said, Watch, facts, said
from tests.contract.helpers import eventually

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

CERTAIN, LIKELY, POSSIBLE = Certainty.CERTAIN, Certainty.LIKELY, Certainty.POSSIBLE
EXCLUSIVE, FAILOVER = pulsar.ConsumerType.Exclusive, pulsar.ConsumerType.Failover
SHARED, KEY_SHARED = pulsar.ConsumerType.Shared, pulsar.ConsumerType.KeyShared
EVENTS, MOST_UNACKED = 12, 10
PATIENCE = 120.0
"""Seconds for a dozen steps, each of which takes a second."""


@pytest.fixture
def storage(alone: PulsarStorage) -> PulsarStorage:
    """A namespace of its own: all that is watched is indexed."""
    return alone


@pytest.fixture
def watch(storage: PulsarStorage) -> Watch:
    return Watch(storage)


@pytest.fixture
def services(storage: PulsarStorage, client: Any) -> Iterator["Services"]:
    with ExitStack() as stack:
        yield Services(client, stack)


class Services:
    """Consumers as services have them: the bare client."""

    def __init__(self, client: Any, stack: ExitStack) -> None:
        self.client, self._stack = client, stack

    def join(
        self, topic: str, name: str, kind: Any = SHARED, *, consumer: str = "app-1", client: Any = None, **settings: Any
    ) -> Any:
        settings = {"initial_position": pulsar.InitialPosition.Earliest, **settings}
        given = (client or self.client).subscribe(
            f"persistent://{topic}", name, consumer_type=kind, consumer_name=consumer, **settings
        )
        self._stack.callback(lambda: given.close() if given.is_connected() else None)
        return given


def receive(consumer: Any, most: int) -> list[Any]:
    """What is there for the consumer now, up to so many."""
    found: list[Any] = []
    try:
        while len(found) < most:
            found.append(consumer.receive(200))
    except pulsar.Timeout:
        pass
    return found


def handle(consumer: Any, most: int = 1_000) -> None:
    """Acknowledge what comes. The client sends acknowledgements every 0.1 s: when all are handled, it has."""
    while most and (found := receive(consumer, 1)):
        consumer.acknowledge(found[0])
        most -= 1


def take(consumer: Any, count: int, *, acknowledged: int = 0) -> Any:
    """Let the consumer have so many events, and acknowledge the first of them."""
    for number in range(count):
        message = consumer.receive(20_000)
        if number < acknowledged:
            consumer.acknowledge(message)
    return consumer


def until_said(watch: Watch, topic: str, step: Callable[[], None], expected: dict[str, Said]) -> dict[str, Diagnosis]:
    """Take a step and look at each subscription, until all are what they have to be at the same time.

    One that has to be healthy is asked first and has to be right once: a round may take longer than the state lasts.
    """
    found: dict[str, Diagnosis] = {}
    order = sorted(expected, key=lambda name: expected[name][0] is not State.HEALTHY)
    end = time.monotonic() + PATIENCE
    wrong: dict[str, Said | None] = dict.fromkeys(expected)
    while wrong and time.monotonic() < end:
        step()
        healthy = {name for name in found if expected[name][0] is State.HEALTHY and name not in wrong}
        found |= {name: watch.look(topic, name) for name in order if name not in healthy}
        wrong = {name: said(one) for name, one in found.items() if said(one) != expected[name]}
    assert not wrong, {name: (told, expected[name], watch.looks[topic, name][-1]) for name, told in wrong.items()}
    return found


STANDING: dict[str, Said] = {
    "healthy": (State.HEALTHY, {}),
    "phantom": (State.PHANTOM, {}),
    "absent": (State.NO_CONSUMERS, {}),
    "holds": (State.STUCK, {Mistake.HOLDS: LIKELY, Mistake.OWN_POSITIONS: POSSIBLE}),
    "holds-later": (State.STUCK, {Mistake.HOLDS: LIKELY}),
    "blocked": (State.BLOCKED, {Mistake.HOLDS: LIKELY}),
    "refuses": (State.STUCK, {Mistake.REDELIVERED: CERTAIN}),
    "crashes": (State.STUCK, {Mistake.REDELIVERED: CERTAIN, Mistake.COME_AND_GO: CERTAIN}),
    "gateway-declared": (State.EXTERNAL, {}),
}


def going_wrong(watch: Watch, services: Services, name: str) -> Callable[[], None]:
    """Begin everything that stands, and return what has to happen between looks."""
    watch.storage.subscriptions.create(name, "phantom", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    healthy = services.join(name, "healthy", FAILOVER)
    refusing = services.join(name, "refuses", negative_ack_redelivery_delay_ms=100, receiver_queue_size=2)
    absent = take(services.join(name, "absent", FAILOVER), 3, acknowledged=3)
    taking = take(services.join(name, "holds-later", FAILOVER), 2, acknowledged=2)
    take(services.join(name, "holds", EXCLUSIVE), 5)
    take(services.join(name, "blocked"), MOST_UNACKED)
    take(services.join(name, "gateway-declared", EXCLUSIVE), 5)
    assert eventually(lambda: watch.storage.subscriptions.named(name, "absent").backlog == EVENTS - 3), "sent after 0.1 s"
    absent.close()
    crashing: list[Any] = []

    def step() -> None:
        watch.publish(name)
        for message in receive(refusing, 3):
            refusing.negative_acknowledge(message)
        receive(taking, 100)
        for old in crashing:
            old.close()
        crashing[:] = [services.join(name, "crashes", FAILOVER)]
        receive(crashing[0], 4)
        handle(healthy)  # last: it is looked at next, while what it handled was just now

    return step


def test_subscriptions_that_stand_are_told_apart(
    watch: Watch, services: Services, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    admin.post(f"namespaces/{name.rpartition('/')[0]}/maxUnackedMessagesPerConsumer", json=MOST_UNACKED).raise_for_status()
    watch.publish(name, EVENTS)
    found = until_said(watch, name, going_wrong(watch, services, name), STANDING)
    assert {Fact.STANDS, Fact.END_MOVED, Fact.CONNECTED} <= facts(found["holds"])
    assert {Fact.BLOCKED, Fact.NO_PERMITS} & facts(found["blocked"])
    assert Fact.RECONNECTED in facts(found["crashes"])
    assert Fact.RECONNECTED not in facts(found["refuses"])
    assert Fact.SAME_CONNECTION in facts(found["refuses"])
    assert found["holds"].refusals_invisible
    assert not found["holds-later"].refusals_invisible


def test_slow_is_told_from_catching_up_and_idle_from_healthy(watch: Watch, services: Services, topic: MakeTopic) -> None:
    name, quiet = topic(), topic()
    watch.publish(name, 20 * EVENTS)  # at one a step, more than can be caught up with before the slow one is found out
    watch.publish(quiet, 1)
    slow, behind, idle = (services.join(*place) for place in ((name, "slow"), (name, "behind"), (quiet, "idle")))
    handle(idle)

    def step() -> None:
        watch.publish(name, 3)
        handle(slow, 1)
        handle(behind, 4)

    until_said(watch, name, step, {"slow": (State.SLOW, {}), "behind": (State.CATCHING_UP, {})})
    until_said(watch, quiet, lambda: None, {"idle": (State.IDLE, {})})


def test_a_members_seek_moves_everybody_and_is_named(watch: Watch, services: Services, topic: MakeTopic) -> None:
    name = topic()
    watch.publish(name, EVENTS)
    members = [services.join(name, "group", FAILOVER, consumer=f"app-{number}") for number in range(2)]
    alone = services.join(name, "reset", SHARED)

    def step() -> None:
        watch.publish(name)
        for each in (*members, alone):
            handle(each)

    until_said(watch, name, step, {"group": (State.HEALTHY, {}), "reset": (State.HEALTHY, {})})
    members[0].seek(pulsar.MessageId.earliest)
    alone.close()
    watch.storage.subscriptions.reset_cursor(name, "reset", {0: Edge.EARLIEST})

    def found() -> dict[str, Certainty | None]:
        """What is said of the moves. The group's events wait meanwhile, so it may be said to hold one, too."""
        return {each: said(watch.look(name, each))[1].get(Mistake.MOVED_BACK) for each in ("group", "reset")}

    expected = {"group": LIKELY, "reset": POSSIBLE}
    assert eventually(lambda: found() == expected), found()
    assert Fact.DISCONNECTED in facts(watch.look(name, "group"))


def test_order_is_lost_by_a_shared_subscription_and_by_batches_of_several_keys(
    watch: Watch, services: Services, client: Any, topic: MakeTopic, storage: PulsarStorage
) -> None:
    ordered = storage.log.create_topic(f"{topic().rpartition('/')[2]}-ordered").name
    for_keys, by_key = topic(), topic()
    for name, batching in ((for_keys, pulsar.BatchingType.Default), (by_key, pulsar.BatchingType.KeyBased)):
        producer = client.create_producer(
            f"persistent://{name}", batching_enabled=True, batching_max_publish_delay_ms=60_000, batching_type=batching
        )
        for number in range(6):
            given = {"ce_specversion": "1.0", "ce_id": f"{name}{number}", "ce_type": "T", "ce_source": "/s"}
            given |= {"ce_aggregatetype": "case", "ce_aggregateid": f"k{number % 3}"}
            producer.send_async(b"{}", None, partition_key=f"k{number % 3}", properties=given)
        producer.flush()
    watch.publish(ordered, 1)
    for name, kind in ((ordered, SHARED), (for_keys, KEY_SHARED), (by_key, KEY_SHARED)):
        handle(services.join(name, "app", kind))

    def diagnosed(name: str) -> dict[Mistake, Certainty]:
        return said(watch.desk.diagnosis.of(watch.desk.subscriptions.backlog(name, "app")))[1]

    assert diagnosed(ordered) == {Mistake.UNORDERED: CERTAIN}
    assert diagnosed(for_keys) == {Mistake.MIXED_BATCHES: CERTAIN}
    assert diagnosed(by_key) == {}


def test_an_instance_that_takes_all_partitions_is_hungry(
    watch: Watch, services: Services, client: Any, broker: Any, topic: MakeTopic
) -> None:
    """The broker sorts a partition's consumers by name, and takes the one whose place in the order is the partition's."""
    name = topic(partitions=2)
    watch.publish(name, 6, keys=("a", "b", "c", "d"))
    other = pulsar.Client(broker.service_url, logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/stderr"))
    try:
        active = [
            services.join(f"{name}-partition-{number}", "group", FAILOVER, consumer=own)
            for number, own in ((0, "a"), (1, "z"))
        ]
        idle = [
            services.join(f"{name}-partition-{number}", "group", FAILOVER, consumer="m", client=other) for number in (0, 1)
        ]

        def step() -> None:
            for each in (*active, *idle):
                handle(each)

        def hungry() -> bool:
            step()
            return said(watch.look(name, "group"))[1] == {Mistake.HUNGRY_INSTANCE: LIKELY}

        assert eventually(hungry)
        found = watch.look(name, "group")
        assert {Fact.HAS_ALL, Fact.IDLES} <= facts(found)
    finally:
        other.close()


def test_events_that_are_trimmed_or_expired_before_anybody_had_them_are_told(
    watch: Watch, storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic
) -> None:
    trimmed, cleared = topic(), topic()
    for name in (trimmed, cleared):
        watch.publish(name, 5)
        storage.subscriptions.create(name, "app", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
        watch.look(name, "app")
    roll_over(admin, trimmed)  # only a ledger that is closed can go
    assert eventually(lambda: said(watch.look(trimmed, "app"))[0] in (State.NO_CONSUMERS, State.PHANTOM))
    admin.delete(f"persistent/{trimmed}/truncate").raise_for_status()
    admin.post(f"persistent/{cleared}/subscription/app/skip_all").raise_for_status()
    expected = {trimmed: (State.TRIMMED, {Mistake.SKIPPED: CERTAIN}), cleared: (State.IDLE, {Mistake.SKIPPED: CERTAIN})}

    def found() -> dict[str, Said]:
        return {name: said(watch.look(name, "app")) for name in (trimmed, cleared)}

    assert eventually(lambda: found() == expected), found()
