"""What a real broker tells of one subscription, and around its topic: the event that blocks, members, letters, policies."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pulsar
import pytest

from eventstore.comparison import What
from eventstore.config.loading import Config
from eventstore.desk import Desk
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Subscription, SubscriptionType
from eventstore.model.topic_details import Retention, TopicDetails
from eventstore.subscriptions import By
from eventstore.subscriptions.holder import holders
from tests.contract.helpers import eventually
from tests.safeguards import ONLY_LOOKING

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

HASHES = 65_535
"""Key hashes that the consumers share: a broker of 4.0 gives none the hash 0."""


@pytest.fixture
def desk(alone: PulsarStorage) -> Iterator[Desk]:
    with closing(Desk(storage=alone, config=Config(), safeguards=ONLY_LOOKING)) as one:
        yield one


def indexed(desk: Desk) -> None:
    following = Following(
        storage=desk.store, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None
    )
    index_until_caught_up(following)


def properties_of(number: int) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": f"e-{number}",
        "ce_type": "DocumentUploaded",
        "ce_source": "/documents",
        "ce_aggregatetype": "document",
        "ce_aggregateid": "4711",
    }


def uploaded(number: int, **changed: Any) -> NewMessage:
    data = {"title": "Report", "uploadedBy": "Dr. Morgenrain", "pages": 3, **changed}
    return NewMessage(payload=json.dumps(data).encode(), key="4711", properties=properties_of(number))


def until(desk: Desk, topic: str, name: str, holds: Callable[[Subscription], bool]) -> Subscription:
    """Return the subscription once this holds of it."""
    found: list[Subscription] = []

    def it_holds() -> bool:
        found[:] = [desk.subscriptions.named(topic, name)]
        return holds(found[0])

    assert eventually(it_holds), found
    return found[0]


def test_the_event_that_blocks_is_found_in_its_batch_with_what_differs_and_who_waits_behind_it(
    desk: Desk, alone: PulsarStorage, client: Any
) -> None:
    topic = alone.log.create_topic("documents").name
    for number in range(2):
        alone.log.append(topic, [uploaded(number)])
    alone.subscriptions.create(topic, "app-timeline", type=SubscriptionType.SHARED, start=Edge.EARLIEST)
    producer = client.create_producer(
        f"persistent://{topic}", batching_enabled=True, batching_max_messages=10, batching_max_publish_delay_ms=60_000
    )
    for one in (uploaded(2, uploadedBy={"family": "Morgenrain"}), uploaded(3), uploaded(4)):
        producer.send_async(one.payload, None, partition_key=one.key, properties=dict(one.properties))
    producer.flush()
    consumer = client.subscribe(f"persistent://{topic}", "app-timeline", consumer_type=pulsar.ConsumerType.Shared)
    for _ in range(2):
        consumer.acknowledge(consumer.receive(20_000))
    indexed(desk)
    told = until(desk, topic, "app-timeline", lambda found: found.backlog == 1)
    reached = desk.subscriptions.reach(told)
    [progress] = desk.subscriptions.progress(told, reached)
    assert (progress.acknowledged, progress.events, progress.waiting) == (2, 5, 3), "events, where the broker counts one entry"
    [holder] = holders(reached, {0}, desk.streams.rows_of, alone.log.entry)
    assert holder.held.pointer is not None
    assert holder.handled is not None
    assert holder.handled.pointer is not None
    assert (holder.held.pointer.event_id, holder.handled.pointer.event_id, holder.batch) == ("e-2", "e-1", 3)
    assert holder.comparison is not None
    assert [(one.what, one.path) for one in holder.comparison.differences] == [(What.KIND, "uploadedBy")]
    [waits] = desk.subscriptions.waiting_of_aggregate(reached, topic, "4711")
    assert (waits.type, waits.events) == ("document", 3)
    page = desk.subscriptions.waiting_page(reached)
    assert [row.event.id for row in page.items if row.event] == ["e-2", "e-3", "e-4"]
    consumer.close()


def test_members_with_their_shares_of_keys_and_roles_and_properties_are_told(
    desk: Desk, alone: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    topic = alone.log.create_topic("members").name
    types = {"keyed": pulsar.ConsumerType.KeyShared, "taking-turns": pulsar.ConsumerType.Failover}
    consumers = [
        client.subscribe(f"persistent://{topic}", name, consumer_type=type, consumer_name=f"{name}-{number}")
        for name, type in types.items()
        for number in (0, 1)
    ]
    keyed = until(desk, topic, "keyed", lambda found: len(found.consumers) == 2 and all(c.key_ranges for c in found.consumers))
    shares = [sum(last - first + 1 for first, last in one.key_ranges) for one in keyed.consumers]
    assert sum(shares) == HASHES
    assert all(one.permits and one.permits > 0 and one.address and one.client for one in keyed.consumers)
    turns = until(desk, topic, "taking-turns", lambda found: len(found.consumers) == 2 and bool(found.cursors[0].active))
    assert turns.cursors[0].active in {one.name for one in turns.consumers}
    admin.put(f"persistent/{topic}/subscription/keyed/properties", json={"owner": "shop"}).raise_for_status()
    assert until(desk, topic, "keyed", lambda found: bool(found.properties)).properties == {"owner": "shop"}
    for each in consumers:
        each.close()


def giving_up(client: Any, topic: str, name: str, letters: str | None) -> Any:
    """A consumer that gives up an event which it has refused twice."""
    return client.subscribe(
        f"persistent://{topic}",
        name,
        consumer_type=pulsar.ConsumerType.Shared,
        initial_position=pulsar.InitialPosition.Earliest,
        negative_ack_redelivery_delay_ms=100,
        dead_letter_policy=pulsar.ConsumerDeadLetterPolicy(1, dead_letter_topic=letters and f"persistent://{letters}"),
    )


def test_letters_that_a_python_consumer_gave_up_are_linked_by_name_and_others_by_what_they_say(
    desk: Desk, alone: PulsarStorage, client: Any
) -> None:
    topic = alone.log.create_topic("orders").name
    alone.log.append(topic, [uploaded(0)])
    declared = f"{topic.rpartition('/')[0]}/given-up-DLQ"
    consumers = [giving_up(client, topic, "mailer", None), giving_up(client, topic, "printer", declared)]

    def given_up() -> bool:
        for consumer in consumers:
            try:
                consumer.negative_acknowledge(consumer.receive(100))
            except pulsar.Timeout:
                continue
        indexed(desk)
        names = queries.indexed_topics()
        return {f"{topic}-mailer-DLQ", declared} <= {each.topic for each in names if each.events}

    assert eventually(given_up)
    by_java = alone.log.create_topic("elsewhere-RETRY").name
    said = {"REAL_SUBSCRIPTION": "mailer", "REAL_TOPIC": f"persistent://{topic}"}
    alone.log.append(by_java, [NewMessage(payload=b"{}", properties=said)])
    indexed(desk)
    mailer = desk.subscriptions.named(topic, "mailer")
    found = {one.topic.name: one.by for one in desk.subscriptions.letter_topics(mailer)}
    assert found == {f"{topic}-mailer-DLQ": By.NAME, declared: By.TOPIC_ALONE, by_java: By.COPIES}
    for consumer in consumers:
        consumer.close()


def set_policies(admin: httpx.Client, topic: str) -> None:
    path = f"persistent/{topic}"
    admin.post(f"{path}/retention", json={"retentionTimeInMinutes": 60, "retentionSizeInMB": -1}).raise_for_status()
    admin.post(f"{path}/messageTTL", params={"messageTTL": 3_600}).raise_for_status()
    quota = {"limitSize": 1_000_000, "limitTime": -1, "policy": "producer_exception"}
    admin.post(f"{path}/backlogQuota", params={"backlogQuotaType": "destination_storage"}, json=quota).raise_for_status()
    admin.post(f"{path}/deduplicationEnabled", json=True).raise_for_status()


def policies_of(told: TopicDetails) -> tuple[object, ...]:
    quotas = {one.kind: (one.bytes, one.policy) for one in told.policies.quotas.value or ()}
    there = told.policies
    return there.retention.value, there.ttl.value, there.deduplication.value, quotas.get("destination_storage")


def test_what_is_around_a_topic_is_told_with_the_policies_in_force(
    desk: Desk, alone: PulsarStorage, client: Any, admin: httpx.Client
) -> None:
    topic = alone.log.create_topic("around", partitions=2).name
    schema = {"type": "JSON", "schema": '{"type":"record","name":"A","fields":[]}', "properties": {}}
    admin.post(f"schemas/{topic}/schema", json=schema).raise_for_status()
    producer = client.create_producer(f"persistent://{topic}", producer_name="shop")
    producer.send(b"{}", partition_key="4711")
    set_policies(admin, topic)
    set_there = (Retention(minutes=60, megabytes=-1), 3_600, True, (1_000_000, "producer_exception"))
    found: list[TopicDetails] = []

    def all_told() -> bool:
        told = desk.topic_details.of(topic)
        assert told is not None
        found[:] = [told]
        return policies_of(told) == set_there

    assert eventually(all_told), found
    [told] = found
    assert told.traffic.value is not None
    assert {one.name for one in told.traffic.value.producers} == {"shop"}
    assert all(one.address and one.client.startswith("Pulsar-") for one in told.traffic.value.producers)
    assert sum(one.stored for one in told.traffic.value.partitions) > 0
    assert [(one.partition, one.terminated) for one in told.ledgers.value or ()] == [(0, False), (1, False)]
    assert sum(one.entries for one in told.ledgers.value or ()) == 1
    assert [(one.version, one.kind) for one in told.schemas.value or ()] == [(0, "JSON")]
    assert told.traffic.value.links == []
    assert "runs no functions" in told.functions.problem, "said plainly, with the broker's own reason"
    producer.close()
