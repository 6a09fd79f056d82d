"""Whether copies that were on their way can have come and gone, by what a broker tells once it was killed."""

from collections.abc import Iterator

import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.copying import Start
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from eventstore.replays.order import REPLAY_ID
from eventstore.replays.sending.state import State
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import MakeTopic
from tests.contract.helpers import eventually, receive_until
from tests.redriving import Notes
from tests.replaying import SUBSCRIPTION, copied, order_of, originals, run

SHARED = SubscriptionType.SHARED


@pytest.fixture
def broker(own_pulsar_broker: LocalPulsar) -> LocalPulsar:
    """One that may be killed."""
    return own_pulsar_broker


@pytest.fixture
def target(storage: PulsarStorage, topic: MakeTopic) -> Iterator[str]:
    name = topic()
    storage.subscriptions.create(name, SUBSCRIPTION, type=SHARED, start=Edge.LATEST)
    yield name


def _start(storage: PulsarStorage, topic: str) -> Start:
    mark = (REPLAY_ID, "job1")
    with storage.copying.open_publisher(topic, partitions=[0], mark=mark, schemas={"": None}) as publisher:
        return publisher.starts[0]


def test_a_replay_that_had_sent_nothing_goes_on_where_the_broker_has_begun_a_new_ledger(
    broker: LocalPulsar, storage: PulsarStorage, topic: MakeTopic, target: str
) -> None:
    """Its worker was killed once its publisher was open, and so was the broker, which then has dropped the empty ledger."""
    source = topic()
    storage.log.append(source, [NewMessage(payload=b"%d" % number, key="k") for number in range(3)])
    state, notes = State(versions={source: [""]}, topic=source), Notes()
    state.begin(_start(storage, target))
    notes.checkpoint = {**state.as_json(target, 0), "tidy": False}
    broker.kill()
    broker.start()
    assert storage.log.ends(target)[0].written > state.behind, "it is not told apart from one whose copies are gone"
    assert run(storage, order_of(storage, [source], target), notes).sent == 3
    assert copied(storage, target) == originals(storage, [source])


def test_what_was_acknowledged_may_be_gone(storage: PulsarStorage, target: str) -> None:
    start = _start(storage, target)
    storage.log.append(target, [NewMessage(payload=b"")])
    assert storage.copying.is_held(target, 0, start.held)
    with storage.subscriptions.consume(target, SUBSCRIPTION, type=SHARED, consumer="c") as consumer:
        consumer.acknowledge(receive_until(consumer, 1)[0].position)
    assert eventually(lambda: not storage.copying.is_held(target, 0, start.held))
    assert not storage.copying.is_held(target, 0, ())
