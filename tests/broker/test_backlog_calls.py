"""What it costs a real broker to tell of all subscriptions, and what is seen of a topic that grows."""

from datetime import timedelta

import httpx
import pytest

from eventstore.backlogs import face as face_module
from eventstore.backlogs.face import BacklogFace
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.events import NewMessage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.subscriptions.face import SubscriptionFace
from tests.admin_calls import noted_calls

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

NOW = timedelta(0)
TOPICS = {"a": 1, "b": 3, "c": 1, "d": 2}


def test_all_subscriptions_cost_two_calls_a_topic_and_a_topic_that_grows_is_seen_at_once(
    alone: PulsarStorage, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, partitions in TOPICS.items():
        made = alone.log.create_topic(name, partitions=partitions).name
        for subscription in ("x", "y"):
            alone.subscriptions.create(made, subscription, type=SubscriptionType.SHARED)
        alone.log.append(made, [NewMessage(payload=b"{}", key="k")])
    monkeypatch.setattr(face_module, "REST", 0)
    alone.log.topics()
    subscriptions = SubscriptionFace(storage=alone, rows_of=lambda _: [], stuck_after=timedelta(minutes=2))
    face = BacklogFace(log=alone.log, subscriptions=subscriptions)
    for _ in range(2):
        with noted_calls(monkeypatch) as calls:
            found = face.current(NOW).topics
        assert len(calls) <= 2 * len(TOPICS) + 10, calls
    assert [(one.topic.name[-1], one.topic.partitions, len(one.subscriptions)) for one in found] == [
        (name, partitions, 2) for name, partitions in TOPICS.items()
    ]
    assert {watched.backlog.waiting for one in found for watched in one.subscriptions} == {1}

    namespace = found[1].topic.name.rpartition("/")[0]
    admin.post(f"persistent/{namespace}/b/partitions", json=5, timeout=20).raise_for_status()
    told = {one.topic.name[-1]: one for one in face.current(NOW).topics}
    assert {len(watched.backlog.subscription.cursors) for watched in told["b"].subscriptions} == {5}
