"""What stands beside services' subscriptions or keeps events from them: on a real broker, on each supported version."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.cursors.resets import plan_reset
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import StoresOwn
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Subscription, SubscriptionKind
from scripts.pulsar_distribution import DEFAULT_VERSION
from tests.broker.conftest import MakeTopic, roll_over
from tests.broker.test_payloads import truncate
from tests.contract.helpers import eventually, numbered
from tests.namespaces import Broker
from tests.pulsar_stores import broker_of, on_each_pulsar

pytestmark = pytest.mark.broker

FUNCTION = "public/default/echo"
METADATA = {"application": "pulsar-function", "id": FUNCTION, "instance_id": "0"}


@pytest.fixture(params=on_each_pulsar())
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each version in turn."""
    found = broker_of(request)
    assert found is not None
    return found


def publish_singly(storage: PulsarStorage, topic: str, count: int) -> list[Position]:
    """Publish so many events with a key, each in an entry of its own."""
    return [storage.log.append(topic, [NewMessage(payload=b"{}", key="k")])[0] for _ in range(count)]


def until(storage: PulsarStorage, topic: str, name: str, holds: Callable[[Subscription], bool]) -> Subscription:
    """Return the subscription once this holds of it."""
    found: list[Subscription] = []

    def it_holds() -> bool:
        found[:] = [storage.subscriptions.named(topic, name)]
        return holds(found[0])

    assert eventually(it_holds), found
    return found[0]


def test_the_compactors_cursor_is_the_brokers_own_and_is_reset_by_no_way(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic
) -> None:
    name = topic()
    publish_singly(storage, name, 10)
    admin.put(f"persistent/{name}/compaction").raise_for_status()
    assert eventually(lambda: admin.get(f"persistent/{name}/compaction").json()["status"] == "SUCCESS")
    publish_singly(storage, name, 7)
    assert eventually(lambda: [one.backlog for one in storage.subscriptions.of_topic(name)] == [7])
    [own] = storage.subscriptions.of_topic(name)
    assert (own.name, own.kind, own.backlog) == ("__compaction", SubscriptionKind.COMPACTION, 7)
    with pytest.raises(StoresOwn, match="own compaction"):
        plan_reset(storage.log, storage.subscriptions, name, "__compaction", Edge.EARLIEST)
    with pytest.raises(StoresOwn):
        storage.subscriptions.reset_cursor(name, "__compaction", {0: Edge.EARLIEST})
    assert storage.subscriptions.named(name, "__compaction").backlog == 7


def test_a_functions_subscription_is_recognised_and_shown_and_reset_by_its_name_with_slashes(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    positions = publish_singly(storage, name, 5)
    consumer = client.subscribe(
        f"persistent://{name}", FUNCTION, properties=METADATA, initial_position=pulsar.InitialPosition.Earliest
    )
    for _ in positions:
        consumer.acknowledge(consumer.receive(20_000))
    handled = until(storage, name, FUNCTION, lambda found: found.backlog == 0)
    assert (handled.kind, len(handled.consumers)) == (SubscriptionKind.FUNCTION, 1)
    [cursor] = handled.cursors
    assert cursor.acknowledged is not None
    assert cursor.acknowledged > positions[-1]
    consumer.close()
    storage.subscriptions.reset_cursor(name, FUNCTION, {0: positions[2]})
    reset = until(storage, name, FUNCTION, lambda found: found.backlog == 3)
    assert reset.kind is SubscriptionKind.FUNCTION, "by its name, as no consumer is connected"


def test_a_subscription_of_any_name_that_the_broker_takes_is_found_and_reset_by_it(
    storage: PulsarStorage, client: Any, topic: MakeTopic
) -> None:
    name = topic()
    positions = publish_singly(storage, name, 3)
    names = ["nul\0", "line\r\nbreak\t", "\x1b[31m\x7f", "%00"]  # beside the hostile names of every store
    for each in names:
        consumer = client.subscribe(f"persistent://{name}", each, initial_position=pulsar.InitialPosition.Earliest)
        for _ in positions:
            consumer.acknowledge(consumer.receive(20_000))
        consumer.close()
    assert {found.name for found in storage.subscriptions.of_topic(name)} == set(names)
    for each in names:
        handled = until(storage, name, each, lambda found: found.backlog == 0)
        assert handled.cursors[0].acknowledged is not None, f"its cursor is found by its name: {each!r}"
        storage.subscriptions.reset_cursor(name, each, {0: positions[1]})
        assert until(storage, name, each, lambda found: found.backlog == 2).name == each


def test_delayed_events_and_expired_ones_in_a_consumers_hands_are_told(
    storage: PulsarStorage, client: Any, admin: httpx.Client, topic: MakeTopic
) -> None:
    version = admin.get("brokers/version").text
    late, expired = topic(), topic()
    shared = pulsar.ConsumerType.Shared
    waits = client.subscribe(f"persistent://{late}", "mailer", consumer_type=shared)
    holds = client.subscribe(f"persistent://{expired}", "mailer", consumer_type=shared)
    storage.log.append(expired, numbered(3))
    for _ in range(3):
        holds.receive(20_000)
    producer = client.create_producer(f"persistent://{late}")
    for hours in (2, 1):
        producer.send(b"later", deliver_after=timedelta(hours=hours))
    found = until(storage, late, "mailer", lambda found: found.cursors[0].delayed == 2)
    due = sorted(found.cursors[0].due.values())
    assert [round((when - datetime.now(UTC)).total_seconds() / 3600) for when in due] == [1, 2]

    def expire() -> bool:
        admin.post(f"persistent/{expired}/subscription/mailer/expireMessages/1")
        return storage.subscriptions.named(expired, "mailer").backlog == 0

    assert eventually(expire), storage.subscriptions.named(expired, "mailer")
    # The broker moves the cursor, then counts what has expired. After that, 4.2.4 forgets that a consumer holds it.
    if version == DEFAULT_VERSION:
        assert until(storage, expired, "mailer", lambda found: found.expired_held > 0).expired_held == 3
    else:
        assert until(storage, expired, "mailer", lambda found: found.unacked == 0).expired_held == 0
    waits.close()
    holds.close()


def test_a_tail_from_now_shows_nothing_old_of_a_terminated_or_trimmed_topic(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic
) -> None:
    terminated, trimmed = topic(), topic()
    for name in (terminated, trimmed):
        storage.log.append(name, numbered(3))
    [before] = storage.log.ends(terminated)
    admin.post(f"persistent/{terminated}/terminate").raise_for_status()
    for _ in range(2):
        roll_over(admin, terminated)
        assert storage.log.ends(terminated) == [before]
        with storage.log.open_reader(terminated, 0, after=Edge.LATEST) as reader:
            assert reader.read(limit=10, timeout=0.5) == []
    truncate(admin, trimmed)
    with storage.log.open_reader(trimmed, 0, after=Edge.LATEST) as reader:
        storage.log.append(trimmed, numbered(1, start=3))
        assert [message.payload for message in reader.read(limit=10, timeout=20.0)] == [b"3"]
