"""A killed broker comes back with fewer acknowledgements than it told of, which is no reset; its logs end where they ended."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Subscription, SubscriptionType
from eventstore.subscriptions.face import SubscriptionFace
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import storage_of
from tests.broker_fixture import started
from tests.contract.helpers import eventually, receive_until

pytestmark = [pytest.mark.broker, pytest.mark.soak, pytest.mark.usefixtures("desk_databases")]

EVENTS, HANDLED, BEYOND = 40, 30, (32, 34, 36)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulsar]:
    broker = started(tmp_path_factory.mktemp("killed"))
    yield broker
    broker.stop()


@pytest.fixture
def storage(own: LocalPulsar) -> Iterator[PulsarStorage]:
    with closing(storage_of(own.setup)) as one:
        yield one


def kill_and_start_again(broker: LocalPulsar, storage: PulsarStorage) -> None:
    def answers() -> bool:
        try:
            return bool(storage.log.topics())
        except StoreUnreachable:
            return False

    assert broker.process is not None
    os.kill(broker.process.pid, signal.SIGKILL)
    broker.process.wait()
    broker.process = None
    broker.start()
    assert eventually(answers)


def test_what_a_killed_broker_forgot_is_told_from_a_reset(own: LocalPulsar, storage: PulsarStorage) -> None:
    face = SubscriptionFace(storage=storage, rows_of=lambda _: [], stuck_after=timedelta(minutes=2))
    name = storage.log.create_topic("acknowledged").name
    positions = [storage.log.append(name, [NewMessage(payload=b"{}")])[0] for _ in range(EVENTS)]
    storage.subscriptions.create(name, "mailer", type=SubscriptionType.SHARED, start=Edge.EARLIEST)

    def seen() -> Subscription:
        return face.backlog(name, "mailer").subscription

    with storage.subscriptions.consume(name, "mailer", type=SubscriptionType.SHARED, consumer="c") as consumer:
        received = receive_until(consumer, EVENTS)
        consumer.acknowledge(received[0].position)
        assert eventually(lambda: seen().backlog == EVENTS - 1), "written at once; what follows within 10 s stays in memory"
        for number in (*range(1, HANDLED), *BEYOND):
            consumer.acknowledge(received[number].position)
        assert eventually(lambda: seen().backlog == EVENTS - HANDLED - len(BEYOND))
        kill_and_start_again(own, storage)
    [setback] = face.backlog(name, "mailer").setbacks
    assert setback.restarted
    assert setback.was is not None
    assert setback.came_to is not None
    assert positions[0] < setback.came_to < setback.was
    assert (setback.was > positions[HANDLED - 1], setback.ranges_lost) == (True, len(BEYOND))

    storage.subscriptions.reset_cursor(name, "mailer", {0: Edge.EARLIEST})
    [setback] = face.backlog(name, "mailer").setbacks
    assert not setback.restarted


def test_a_tail_from_now_shows_nothing_old_of_a_terminated_topic_after_a_restart(
    own: LocalPulsar, storage: PulsarStorage
) -> None:
    name = storage.log.create_topic("terminated").name
    storage.log.append(name, [NewMessage(payload=b"old")])
    before = storage.log.ends(name)
    httpx.post(f"{own.setup.admin_url}/admin/v2/persistent/{name}/terminate", timeout=20).raise_for_status()
    kill_and_start_again(own, storage)
    assert storage.log.ends(name) == before
    with storage.log.open_reader(name, 0, after=Edge.LATEST) as reader:
        assert reader.read(limit=10, timeout=0.5) == []
