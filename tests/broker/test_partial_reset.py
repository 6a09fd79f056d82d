"""The broker moves a subscription's cursors partition by partition. If one of them fails, those before it have moved."""

import httpx
import pytest

from dashboard.auditing.acts import acts
from dashboard.auditing.chain import DatabaseRecord
from dashboard.auditing.resource_locks import DatabaseLocks
from dashboard.models import State
from eventstore.actions import ActionFace, Actor, Confirmation, Ending, Performed, Safeguards, subscription_resource
from eventstore.cursors import RESET_CURSOR, MovePlan
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StalePlan, UnknownSubscription
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from tests.broker.conftest import MakeTopic
from tests.contract.test_subscriptions import backlog_becomes
from tests.safeguards import yes

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


@pytest.mark.usefixtures("desk_databases")
def test_on_the_record_it_is_partly_done_and_makes_older_previews_stale(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client
) -> None:
    name = topic(partitions=3)
    storage.log.append(name, [NewMessage(payload=b"", key=f"k{number}") for number in range(30)])
    storage.subscriptions.create(name, "s", type=SubscriptionType.SHARED, start=Edge.LATEST)
    actions = ActionFace(
        storage=storage, safeguards=Safeguards(authorizer=yes, locks=DatabaseLocks(), record=DatabaseRecord())
    )
    subscription = subscription_resource(name, "s")
    preview = Confirmation(digest=actions.plan(RESET_CURSOR, subscription, Edge.EARLIEST).digest, since=0)
    admin.delete(f"persistent/{name}-partition-1/subscription/s").raise_for_status()

    def confirm(person: str) -> Performed[MovePlan]:
        actor = Actor(name=person)
        return actions.confirm(actor, RESET_CURSOR, subscription, Edge.EARLIEST, confirmation=preview, reason="SUP-1")

    outcome = confirm("anna").outcome
    assert outcome.ending is Ending.PARTLY_DONE
    assert [(part.name, part.ending) for part in outcome.parts] == [
        ("partition 0", Ending.DONE),
        ("partition 1", Ending.FAILED),
        ("partition 2", Ending.FAILED),
    ]
    with pytest.raises(StalePlan):
        confirm("ben")
    assert [(act.actor, act.state) for act in acts()] == [("anna", State.PARTLY_DONE)]
