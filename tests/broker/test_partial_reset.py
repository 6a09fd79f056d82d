"""The broker moves a subscription's cursors partition by partition. If one of them fails, those before it have moved."""

import httpx
import pytest

from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import UnknownSubscription
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.broker.conftest import MakeTopic
from tests.contract.test_subscriptions import backlog_becomes

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_the_error_names_the_partitions_that_were_moved(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, broken: int
) -> None:
    name = topic(partitions=3)
    storage.log.append(name, [NewMessage(payload=b"", key=f"k{number}") for number in range(30)])
    storage.subscriptions.create(name, "s", type=SubscriptionType.SHARED, start=Edge.LATEST)
    admin.delete(f"persistent/{name}-partition-{broken}/subscription/s").raise_for_status()
    with pytest.raises(UnknownSubscription) as failed:
        storage.subscriptions.reset_cursor(name, "s", dict.fromkeys(range(3), Edge.EARLIEST))
    moved = [message.position for number in range(broken) for message in storage.log.read_forward(name, number, limit=100)]
    assert backlog_becomes(storage, name, "s", len(moved))
    named = {0: "", 1: "moved already: 0.", 2: "moved already: 0, 1."}[broken]
    assert str(failed.value).endswith(named)
    assert ("moved already" in str(failed.value)) == bool(broken)
