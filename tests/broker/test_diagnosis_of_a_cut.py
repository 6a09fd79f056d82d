"""A network that is cut between a consumer and a real broker is named by what it does to the subscription."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pulsar
import pytest

from eventstore.diagnosis import Certainty, Fact, Mistake
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.subscriptions import State
from scripts.ports import LOOPBACK, free_port
from tests.broker.conftest import storage_of
from tests.broker.diagnosing import Watch, facts, said
from tests.broker_fixture import started
from tests.contract.helpers import eventually
from tests.relay import Relay

pytestmark = [pytest.mark.broker, pytest.mark.soak, pytest.mark.usefixtures("desk_databases")]

EVENTS, CUTS = 10, 6


@pytest.fixture
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relay, PulsarStorage, Any]]:
    """A relay, and a storage and a client whose connections to the broker go through it. The admin API is asked past it."""
    port = free_port()
    with Relay(port) as relay:
        broker = started(tmp_path_factory.mktemp("cut"), port=port, told_to_clients=relay.port)
        try:
            client = pulsar.Client(
                f"pulsar://{LOOPBACK}:{relay.port}", logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/stderr")
            )
            with closing(storage_of(broker.setup)) as storage:
                yield relay, storage, client
            client.close()
        finally:
            broker.kill()


def test_a_cut_network_makes_a_consumer_that_holds_events_and_one_that_is_severed_again_and_again_comes_and_goes(
    cut_off: tuple[Relay, PulsarStorage, Any],
) -> None:
    relay, storage, client = cut_off
    watch = Watch(storage)
    name = storage.log.create_topic("cut").name
    watch.publish(name, EVENTS)
    consumer = client.subscribe(
        f"persistent://{name}",
        "app",
        consumer_type=pulsar.ConsumerType.Failover,
        consumer_name="app-1",
        initial_position=pulsar.InitialPosition.Earliest,
    )
    received = [consumer.receive(20_000) for _ in range(EVENTS)]
    for message in received[:3]:
        consumer.acknowledge(message)
    assert eventually(lambda: storage.subscriptions.named(name, "app").backlog == EVENTS - 3)
    relay.cut()
    assert eventually(lambda: said(watch.look(name, "app")) == (State.STUCK, {Mistake.HOLDS: Certainty.LIKELY}))
    assert Fact.SAME_CONNECTION in facts(watch.look(name, "app")), "the broker has not found out"
    relay.mend()
    for message in received[3:]:
        consumer.acknowledge(message)
    assert eventually(lambda: storage.subscriptions.named(name, "app").backlog == 0)
    for _ in range(CUTS):
        before = {one.connected_since for one in storage.subscriptions.named(name, "app").consumers}
        relay.sever()

        def is_back(before: set[Any] = before) -> bool:
            watch.look(name, "app")
            return bool({one.connected_since for one in storage.subscriptions.named(name, "app").consumers} - before)

        assert eventually(is_back)
    assert said(watch.look(name, "app"))[1] == {Mistake.COME_AND_GO: Certainty.CERTAIN}
