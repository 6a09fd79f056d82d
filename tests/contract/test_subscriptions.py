"""Named reader groups: what each of them still has to handle, and who gets what."""

from collections import defaultdict
from itertools import chain

import pytest

from eventstore.model.errors import StoreClosed, StoreRefused, UnknownSubscription
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Consumer, Cursor, SubscriptionType
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import append_singly, eventually, numbered, payloads, receive_until, soon, texts
from tests.parts import subscriptions_of

EXCLUSIVE, FAILOVER = SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER
SHARED, KEY_SHARED = SubscriptionType.SHARED, SubscriptionType.KEY_SHARED
EVERY_TYPE = [EXCLUSIVE, FAILOVER, SHARED, KEY_SHARED]


def covers(cursor: Cursor, position: Position) -> bool:
    """Return whether the cursor says that this event is acknowledged."""
    marked = cursor.acknowledged is not None and position <= cursor.acknowledged
    return marked or any(start < position <= end for start, end in cursor.holes)


def acknowledged(storage: Storage, topic: str, name: str, positions: list[Position]) -> list[bool]:
    cursors = {cursor.partition: cursor for cursor in subscriptions_of(storage).named(topic, name).cursors}
    return [covers(cursors[position.partition], position) for position in positions]


def backlog_becomes(storage: Storage, topic: str, name: str, backlog: int) -> bool:
    return eventually(lambda: subscriptions_of(storage).named(topic, name).backlog == backlog)


def receive_between(consumers: list[Consumer], count: int) -> list[list[bytes]]:
    """Let several members receive and acknowledge until they have ``count`` together, and return what each received."""
    found: list[list[bytes]] = [[] for _ in consumers]

    def all_there() -> bool:
        for consumer, mine in zip(consumers, found, strict=True):
            for message in consumer.receive(limit=3, timeout=0.05):
                mine.append(message.payload)
                consumer.acknowledge(message.position)
        return sum(map(len, found)) >= count

    assert soon(all_there)
    return found


def test_a_topic_begins_without_subscriptions(storage: Storage, topic: MakeTopic) -> None:
    assert list(subscriptions_of(storage).of_topic(topic().name)) == []


def test_made_at_the_latest_edge_it_has_nothing_to_handle_until_something_comes(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(3))
    made = subscriptions_of(storage).create(name, "s", type=SHARED)
    assert (made.topic, made.name, made.backlog) == (name, "s", 0)
    append_singly(storage, name, numbered(2, start=3))
    assert backlog_becomes(storage, name, "s", 2)
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c") as consumer:
        assert payloads(receive_until(consumer, 2)) == texts(2, start=3)


def test_made_at_the_earliest_edge_it_has_everything_to_handle(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    positions = append_singly(storage, name, [NewMessage(payload=b"", key=f"k{number}") for number in range(10)])
    subscriptions_of(storage).create(name, "s", type=SHARED, start=Edge.EARLIEST)
    assert backlog_becomes(storage, name, "s", 10)
    by_partition = {cursor.partition: cursor.backlog for cursor in subscriptions_of(storage).named(name, "s").cursors}
    assert by_partition == {number: sum(p.partition == number for p in positions) for number in range(2)}
    assert acknowledged(storage, name, "s", positions) == [False] * 10


def test_making_it_again_answers_it_where_it_stands(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(3))
    subscriptions_of(storage).create(name, "s", type=SHARED, start=Edge.EARLIEST)
    subscriptions_of(storage).create(name, "s", type=SHARED, start=Edge.LATEST)
    assert backlog_becomes(storage, name, "s", 3)
    assert len(subscriptions_of(storage).of_topic(name)) == 1


def test_they_are_listed_by_name(storage: Storage, topic: MakeTopic) -> None:
    name, other = topic().name, topic().name
    for subscription in ("zeta", "alpha", "middle"):
        subscriptions_of(storage).create(name, subscription, type=SHARED)
    subscriptions_of(storage).create(other, "elsewhere", type=SHARED)
    assert [s.name for s in subscriptions_of(storage).of_topic(name)] == ["alpha", "middle", "zeta"]


def test_consuming_makes_it_at_the_earliest_event_and_acknowledging_empties_it(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    messages = [NewMessage(payload=str(number).encode(), key=f"k{number % 7}") for number in range(20)]
    positions = append_singly(storage, name, messages)
    for kind in EVERY_TYPE:
        with subscriptions_of(storage).consume(name, f"of {kind}", type=kind, consumer="c") as consumer:
            received = receive_until(consumer, 20)
            assert sorted(m.position.encode() for m in received) == sorted(p.encode() for p in positions), kind
            assert list(consumer.receive(limit=10, timeout=0.1)) == []
            for message in received:
                consumer.acknowledge(message.position)
        assert backlog_becomes(storage, name, f"of {kind}", 0), kind
        assert all(acknowledged(storage, name, f"of {kind}", positions)), kind


def test_a_consumer_gets_what_the_log_holds(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, [NewMessage(payload=b"p", key="k", properties={"position": "x"})])
    with subscriptions_of(storage).consume(name, "s", type=EXCLUSIVE, consumer="c") as consumer:
        assert receive_until(consumer, 1) == list(storage.log.read_forward(name, 0, limit=1))


def test_what_was_not_acknowledged_comes_again_to_a_later_consumer(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(6))
    for kind in EVERY_TYPE:
        with subscriptions_of(storage).consume(name, f"of {kind}", type=kind, consumer="first") as consumer:
            for message in receive_until(consumer, 6)[:4]:
                consumer.acknowledge(message.position)
        assert backlog_becomes(storage, name, f"of {kind}", 2), kind
        assert acknowledged(storage, name, f"of {kind}", positions) == [True] * 4 + [False] * 2, kind
        with subscriptions_of(storage).consume(name, f"of {kind}", type=kind, consumer="second") as consumer:
            assert payloads(receive_until(consumer, 2)) == texts(2, start=4), kind
            assert list(consumer.receive(limit=10, timeout=0.1)) == []


def test_acknowledging_out_of_order_leaves_the_others_pending(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    positions = append_singly(storage, name, numbered(6))
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c") as consumer:
        receive_until(consumer, 6)
        for place in (1, 3, 4):
            consumer.acknowledge(positions[place])
        assert backlog_becomes(storage, name, "s", 3)
        assert acknowledged(storage, name, "s", positions) == [False, True, False, True, True, False]
        consumer.acknowledge(positions[0])
        assert backlog_becomes(storage, name, "s", 2)
        assert acknowledged(storage, name, "s", positions) == [True, True, False, True, True, False]
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c") as consumer:
        assert payloads(receive_until(consumer, 2)) == [b"2", b"5"]


def test_acknowledging_twice_changes_nothing(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(3))
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c") as consumer:
        first = receive_until(consumer, 3)[0]
        consumer.acknowledge(first.position)
        consumer.acknowledge(first.position)
    assert backlog_becomes(storage, name, "s", 2)


def test_subscriptions_do_not_disturb_each_other(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(4))
    subscriptions_of(storage).create(name, "other", type=SHARED, start=Edge.EARLIEST)
    with subscriptions_of(storage).consume(name, "one", type=SHARED, consumer="c") as consumer:
        for message in receive_until(consumer, 4):
            consumer.acknowledge(message.position)
    assert backlog_becomes(storage, name, "one", 0)
    assert subscriptions_of(storage).named(name, "other").backlog == 4


def test_an_exclusive_one_refuses_a_second_consumer_until_the_first_has_left(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    with (
        subscriptions_of(storage).consume(name, "s", type=EXCLUSIVE, consumer="first"),
        pytest.raises(StoreRefused),
    ):
        subscriptions_of(storage).consume(name, "s", type=EXCLUSIVE, consumer="second")
    subscriptions_of(storage).consume(name, "s", type=EXCLUSIVE, consumer="second").close()


def test_a_failover_one_goes_on_with_the_next_when_the_first_leaves(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    one = subscriptions_of(storage).consume(name, "s", type=FAILOVER, consumer="one")
    two = subscriptions_of(storage).consume(name, "s", type=FAILOVER, consumer="two")
    append_singly(storage, name, numbered(6))
    found = receive_between([one, two], 6)
    assert sorted(map(len, found)) == [0, 6], "one of them gets everything"
    active, standby = (one, two) if found[0] else (two, one)
    active.close()
    append_singly(storage, name, numbered(3, start=6))
    assert payloads(receive_until(standby, 3)) == texts(3, start=6)
    standby.close()


def test_a_shared_one_gives_every_event_to_one_of_its_consumers(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    with (
        subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="one") as one,
        subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="two") as two,
    ):
        messages = [NewMessage(payload=str(number).encode(), key=f"k{number}") for number in range(40)]
        append_singly(storage, name, messages)
        found = receive_between([one, two], 40)
        assert sorted(chain(*found), key=int) == texts(40)
        assert all(found), "both take part"
    assert backlog_becomes(storage, name, "s", 0)


def test_a_shared_one_gives_what_a_leaving_consumer_held_to_another(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(5))
    one = subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="one")
    assert len(receive_until(one, 5)) == 5
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="two") as two:
        assert list(two.receive(limit=10, timeout=0.2)) == []
        one.close()
        assert sorted(payloads(receive_until(two, 5))) == texts(5)


def test_a_key_shared_one_keeps_a_key_with_one_consumer_and_in_order(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    with (
        subscriptions_of(storage).consume(name, "s", type=KEY_SHARED, consumer="one") as one,
        subscriptions_of(storage).consume(name, "s", type=KEY_SHARED, consumer="two") as two,
    ):
        keys = [f"patient_{number % 12}" for number in range(60)]
        append_singly(storage, name, [NewMessage(payload=f"{n}:{key}".encode(), key=key) for n, key in enumerate(keys)])
        found = receive_between([one, two], 60)
        holders: dict[bytes, set[int]] = defaultdict(set)
        for holder, mine in enumerate(found):
            numbers: dict[bytes, list[int]] = defaultdict(list)
            for payload in mine:
                number, _, key = payload.partition(b":")
                holders[key].add(holder)
                numbers[key].append(int(number))
            assert all(of_key == sorted(of_key) for of_key in numbers.values())
        assert len(holders) == 12
        assert all(len(of_key) == 1 for of_key in holders.values())
    assert sum(map(len, found)) == 60


def test_who_is_connected_is_listed_until_they_leave(storage: Storage, topic: MakeTopic) -> None:
    if not subscriptions_of(storage).capabilities.lists_consumers:
        pytest.skip("this driver does not list consumers")
    name = topic().name
    subscriptions_of(storage).create(name, "s", type=SHARED)
    assert list(subscriptions_of(storage).named(name, "s").consumers) == []
    with (
        subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="one"),
        subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="<b>two</b>"),
    ):
        assert eventually(
            lambda: {c.name for c in subscriptions_of(storage).named(name, "s").consumers} == {"one", "<b>two</b>"}
        )
        assert subscriptions_of(storage).named(name, "s").type is SHARED
        assert {c.name for s in subscriptions_of(storage).of_topic(name) for c in s.consumers} == {"one", "<b>two</b>"}
    assert eventually(lambda: not subscriptions_of(storage).named(name, "s").consumers)


def test_the_times_of_the_last_delivery_and_acknowledgement_are_known(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    append_singly(storage, name, numbered(2))
    with subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c") as consumer:
        [first, _] = receive_until(consumer, 2)
        assert eventually(lambda: subscriptions_of(storage).named(name, "s").delivered is not None)
        assert eventually(lambda: subscriptions_of(storage).named(name, "s").unacked == 2)
        consumer.acknowledge(first.position)
        assert eventually(lambda: subscriptions_of(storage).named(name, "s").moved is not None)
        assert eventually(lambda: subscriptions_of(storage).named(name, "s").unacked == 1)


def test_a_closed_consumer_says_so_and_closes_twice(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    [position] = storage.log.append(name, numbered(1))
    consumer = subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c")
    consumer.close()
    consumer.close()
    with pytest.raises(StoreClosed):
        consumer.receive(limit=1, timeout=0)
    with pytest.raises(StoreClosed):
        consumer.acknowledge(position)


def test_a_deleted_one_is_gone_with_what_it_had_acknowledged(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    append_singly(storage, name, numbered(3))
    there = subscriptions_of(storage)
    there.create(name, "s", type=SHARED, start=Edge.LATEST, properties={"team": "app"})
    with there.consume(name, "other", type=SHARED, consumer="c"), pytest.raises(StoreRefused):
        there.delete(name, "other")
    there.delete(name, "s")
    assert [one.name for one in there.of_topic(name)] == ["other"]
    with pytest.raises(UnknownSubscription):
        there.delete(name, "s")
    made = there.create(name, "s", type=SHARED, start=Edge.EARLIEST)
    assert (made.backlog, made.properties) == (3, {})
