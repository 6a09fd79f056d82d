"""Our readers leave nothing behind on the broker, and are never taken for somebody's backlog."""

from collections.abc import Callable

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.events import NewMessage
from eventstore.storage import Edge
from tests.broker.conftest import MakeTopic
from tests.contract.helpers import eventually

pytestmark = pytest.mark.broker


def subscriptions(admin: httpx.Client, topic: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = admin.get(f"persistent/{topic}/stats").json()["subscriptions"]
    return found


LOOKS: dict[str, Callable[[PulsarStorage, str], object]] = {
    "forward": lambda storage, topic: storage.read_forward(topic, 0, limit=3),
    "backward": lambda storage, topic: storage.read_backward(topic, 0, limit=3),
    "fetch": lambda storage, topic: storage.fetch([storage.ends(topic)[0].last or pytest.fail("no last event")]),
    "ends": lambda storage, topic: storage.ends(topic),
    "since": lambda storage, topic: storage.first_since(topic, 0, storage.read_forward(topic, 0, limit=1)[0].published),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_leaves_no_subscription(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, look: str) -> None:
    name = topic()
    storage.append(name, [NewMessage(payload=str(n).encode()) for n in range(10)])
    LOOKS[look](storage, name)
    assert eventually(lambda: subscriptions(admin, name) == {})


def test_an_open_reader_is_not_durable_and_has_our_name(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client) -> None:
    name = topic()
    with storage.open_reader(name, 0, after=Edge.EARLIEST):
        [(own, told)] = subscriptions(admin, name).items()
        assert own.startswith("eventdesk-reader-")
        assert told["isDurable"] is False
        assert list(storage.subscriptions(name)) == []
    assert eventually(lambda: subscriptions(admin, name) == {})


def test_a_storage_that_is_closed_leaves_no_reader(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client) -> None:
    name = topic()
    storage.open_reader(name, 0, after=Edge.EARLIEST)
    storage.close()
    assert eventually(lambda: subscriptions(admin, name) == {})
