"""What only the embedded store promises, on both of its databases."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from eventstore.drivers.database import appending
from eventstore.model.errors import InvalidMessage, InvalidName, InvalidPosition
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from eventstore.model.tokens import encode
from tests.contract.helpers import numbered, payloads, read_until, receive_until, texts, whole_log
from tests.parts import subscriptions_of

SHARED = SubscriptionType.SHARED


def test_it_names_the_database_that_answers(storage: Storage, product: str) -> None:
    assert storage.log.ping().startswith(f"embedded store on {product} ")


@pytest.mark.parametrize("name", ["a/b", "..x", "%2F", " ", "🦊", "<script>alert(1)</script>", "~", "x" * 255])
def test_it_takes_any_printable_topic_name_as_it_is(storage: Storage, name: str) -> None:
    assert storage.log.create_topic(name).name == name
    assert storage.log.topic(name).name == name


@pytest.mark.parametrize("partitions", [0, -1, 1_001])
def test_it_refuses_a_number_of_partitions_that_no_topic_has(storage: Storage, partitions: int) -> None:
    with pytest.raises(InvalidName, match="1 to 1000 partitions"):
        storage.log.create_topic("t", partitions=partitions)
    assert list(storage.log.topics()) == []


def test_an_empty_key_is_a_key(storage: Storage, topic: str) -> None:
    storage.log.append(topic, [NewMessage(payload=b"", key=""), NewMessage(payload=b"", key=None)])
    assert [message.key for message in whole_log(storage, topic)] == ["", None]


def test_messages_without_a_key_take_turns(storage: Storage) -> None:
    name = storage.log.create_topic("turns", partitions=3).name
    assert sorted(p.partition for p in storage.log.append(name, numbered(9, key=None))) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_two_keys_of_one_hash_have_versions_of_their_own(storage: Storage, topic: str) -> None:
    storage.log.append(topic, numbered(3, key="Aa"))
    storage.log.append(topic, numbered(1, key="BB"), expected_version=0)
    storage.log.append(topic, numbered(1, key="Aa"), expected_version=3)
    assert len(whole_log(storage, topic)) == 5


def test_an_event_time_without_a_zone_is_refused(storage: Storage, topic: str) -> None:
    with pytest.raises(InvalidMessage, match="time zone"):
        storage.log.append(topic, [NewMessage(payload=b"", event_time=datetime(2024, 1, 1))])  # noqa: DTZ001
    assert list(whole_log(storage, topic)) == []


def test_an_append_holds_its_partition_until_it_has_committed(
    storage: Storage, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    insert = appending._insert

    def slow_insert(connection: BaseDatabaseWrapper, rows: Sequence[tuple[Any, ...]]) -> None:
        if threading.current_thread() is slow:
            writing.set()
            assert go_on.wait(15)
        insert(connection, rows)

    def publish(number: int) -> None:
        storage.log.append(topic, numbered(1, start=number))
        connections["store"].close()

    monkeypatch.setattr(appending, "_insert", slow_insert)
    slow, quick = (threading.Thread(target=publish, args=(number,)) for number in range(2))
    slow.start()
    assert writing.wait(15)
    quick.start()
    quick.join(1)
    assert quick.is_alive(), "a later event was committed before an earlier one"
    assert list(whole_log(storage, topic)) == []
    go_on.set()
    slow.join(30)
    quick.join(30)
    assert payloads(whole_log(storage, topic)) == texts(2)


def test_publish_times_never_go_back(storage: Storage, topic: str) -> None:
    for start in range(20):
        storage.log.append(topic, numbered(2, start=start))
    times = [message.published for message in whole_log(storage, topic)]
    assert times == sorted(times)


def test_positions_of_another_partition_or_beyond_the_end_are_refused(storage: Storage, topic: str) -> None:
    storage.log.append(topic, numbered(2))
    subscriptions_of(storage).create(topic, "s", type=SHARED)
    elsewhere = Position(topic="other", partition=0, token=encode(0))
    beyond = Position(topic=topic, partition=0, token=encode(2))
    for wrong in (elsewhere, beyond):
        with pytest.raises(InvalidPosition):
            subscriptions_of(storage).reset_cursor(topic, "s", {0: wrong})
        with (
            subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="c") as consumer,
            pytest.raises(InvalidPosition),
        ):
            consumer.acknowledge(wrong)
    with pytest.raises(InvalidPosition):
        subscriptions_of(storage).reset_cursor(topic, "s", {7: Edge.EARLIEST})
    with pytest.raises(InvalidPosition):
        storage.log.read_backward(topic, 0, before=elsewhere, limit=1)


@pytest.mark.parametrize("how", ["reader", "consumer"])
def test_a_thread_leaves_no_connection_behind(storage: Storage, topic: str, how: str) -> None:
    storage.log.append(topic, numbered(1))
    left: list[object] = []

    def use() -> None:
        if how == "reader":
            with storage.log.open_reader(topic, 0, after=Edge.EARLIEST) as reader:
                assert payloads(read_until(reader, 1)) == texts(1)
        else:
            with subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="c") as consumer:
                assert payloads(receive_until(consumer, 1)) == texts(1)
        left.append(connections["store"].connection)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(60)
    assert left == [None]


def test_first_since_takes_any_zone(storage: Storage, topic: str) -> None:
    [position] = storage.log.append(topic, numbered(1))
    [message] = whole_log(storage, topic)
    assert storage.log.first_since(topic, 0, message.published.astimezone(timezone(timedelta(hours=9)))) == position
