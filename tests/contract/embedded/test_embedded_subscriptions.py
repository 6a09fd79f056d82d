"""What only the embedded store promises of subscriptions: silent members, resets, and keys that move."""

from datetime import UTC, datetime

import pytest

from eventstore.drivers.database.models import MemberRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.database.subscriptions.state import GONE_AFTER
from eventstore.model.errors import StoreRefused
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Consumer, SubscriptionType
from tests.contract.helpers import numbered, payloads, receive_until, texts
from tests.parts import subscriptions_of

SHARED, KEY_SHARED = SubscriptionType.SHARED, SubscriptionType.KEY_SHARED
EXCLUSIVE, FAILOVER = SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER


def silence(name: str) -> None:
    """Make a member look as if it had sent no heartbeat for long."""
    assert MemberRow.objects.filter(name=name).update(heartbeat=datetime.now(UTC) - 2 * GONE_AFTER) == 1


def received_in_all(consumers: list[Consumer]) -> list[list[bytes]]:
    return [payloads(consumer.receive(limit=100, timeout=0)) for consumer in consumers]


@pytest.mark.parametrize("kind", [EXCLUSIVE, FAILOVER, SHARED, KEY_SHARED])
def test_a_silent_member_counts_as_gone_and_what_it_held_is_given_on(
    storage: Storage, topic: str, kind: SubscriptionType
) -> None:
    storage.log.append(topic, numbered(4))
    silent = subscriptions_of(storage).consume(topic, "s", type=kind, consumer="silent")
    held = receive_until(silent, 4)
    silence("silent")
    assert [c.name for c in subscriptions_of(storage).named(topic, "s").consumers] == []
    with subscriptions_of(storage).consume(topic, "s", type=kind, consumer="next") as other:
        assert payloads(receive_until(other, 4)) == texts(4)
        silent.acknowledge(held[0].position)
        assert subscriptions_of(storage).named(topic, "s").backlog == 3, "a late acknowledgement still counts"
        assert subscriptions_of(storage).named(topic, "s").unacked == 3


def test_what_was_received_before_a_reset_can_no_longer_be_acknowledged(storage: Storage, topic: str) -> None:
    storage.log.append(topic, numbered(3))
    with subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="c") as consumer:
        before = receive_until(consumer, 3)
        subscriptions_of(storage).reset_cursor(topic, "s", {0: Edge.EARLIEST})
        consumer.acknowledge(before[0].position)
        assert subscriptions_of(storage).named(topic, "s").backlog == 3, "before it noticed"
        assert payloads(consumer.receive(limit=1, timeout=5)) == [b"0"]
        consumer.acknowledge(before[1].position)
        assert subscriptions_of(storage).named(topic, "s").backlog == 3, "after it noticed"
        consumer.acknowledge(before[0].position)
        assert subscriptions_of(storage).named(topic, "s").backlog == 2, "received again, so its own again"


def test_a_reset_disconnects_everybody(storage: Storage, topic: str) -> None:
    consumers = [subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer=name) for name in ("one", "two")]
    subscriptions_of(storage).reset_cursor(topic, "s", {0: Edge.EARLIEST})
    assert list(subscriptions_of(storage).named(topic, "s").consumers) == []
    received_in_all(consumers)
    assert [c.name for c in subscriptions_of(storage).named(topic, "s").consumers] == ["one", "two"]


def test_a_second_type_is_refused_while_others_are_connected(storage: Storage, topic: str) -> None:
    with (
        subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="one"),
        pytest.raises(StoreRefused, match="is shared"),
    ):
        subscriptions_of(storage).consume(topic, "s", type=FAILOVER, consumer="two")
    subscriptions_of(storage).consume(topic, "s", type=FAILOVER, consumer="two").close()
    assert subscriptions_of(storage).named(topic, "s").type is FAILOVER


def test_failover_partitions_go_round_over_the_members(storage: Storage) -> None:
    name = storage.log.create_topic("spread", partitions=4).name
    storage.log.append(name, numbered(8, key=None))
    consumers = [subscriptions_of(storage).consume(name, "s", type=FAILOVER, consumer=who) for who in ("one", "two")]
    partitions = [{m.position.partition for m in consumer.receive(limit=100, timeout=0)} for consumer in consumers]
    assert partitions == [{0, 2}, {1, 3}]


def test_a_key_that_moves_to_a_new_member_waits_for_its_earlier_events(storage: Storage, topic: str) -> None:
    keys = ["Aa", "b", "c", "d"]
    first = subscriptions_of(storage).consume(topic, "s", type=KEY_SHARED, consumer="first")
    storage.log.append(topic, [NewMessage(payload=f"1{key}".encode(), key=key) for key in keys])
    held = receive_until(first, 4)
    second = subscriptions_of(storage).consume(topic, "s", type=KEY_SHARED, consumer="second")
    storage.log.append(topic, [NewMessage(payload=f"2{key}".encode(), key=key) for key in keys])
    [of_first, of_second] = received_in_all([first, second])
    assert of_first, "the keys that stayed go on"
    assert of_second == [], "the keys that moved wait"
    for message in held:
        first.acknowledge(message.position)
    [more_of_first, of_second] = received_in_all([first, second])
    assert more_of_first == []
    assert sorted(of_first + of_second) == [f"2{key}".encode() for key in keys]
    assert of_second


def test_closing_the_storage_disconnects_its_consumers(storage: Storage, topic: str) -> None:
    other = DatabaseStorage()
    consumer = other.subscriptions.consume(topic, "s", type=SHARED, consumer="c")
    other.close()
    assert list(subscriptions_of(storage).named(topic, "s").consumers) == []
    consumer.close()


@pytest.mark.parametrize("kind", [EXCLUSIVE, FAILOVER, SHARED, KEY_SHARED])
def test_a_partition_that_is_never_empty_keeps_no_other_waiting(storage: Storage, kind: SubscriptionType) -> None:
    name = storage.log.create_topic("fair", partitions=2).name
    storage.log.append(name, numbered(40, key=None))
    with subscriptions_of(storage).consume(name, "s", type=kind, consumer="c") as consumer:
        four = [message.position.partition for message in consumer.receive(limit=4, timeout=0)]
        one_by_one = [consumer.receive(limit=1, timeout=0)[0].position.partition for _ in range(4)]
        rest = consumer.receive(limit=100, timeout=0)
    assert sorted(four) == [0, 0, 1, 1]
    assert sorted(one_by_one) == [0, 0, 1, 1]
    assert len(rest) == 32


def test_a_cursor_says_since_when_it_stands_before_it_has_moved(storage: Storage, topic: str) -> None:
    before = datetime.now(UTC)
    subscriptions_of(storage).create(topic, "s", type=SHARED, start=Edge.EARLIEST)
    [cursor] = subscriptions_of(storage).named(topic, "s").cursors
    assert cursor.moved is None
    assert cursor.placed is not None and before <= cursor.placed <= datetime.now(UTC)
