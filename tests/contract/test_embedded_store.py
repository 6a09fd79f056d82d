"""What only the embedded store promises, on both of its databases."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from eventstore.drivers.database import appending
from eventstore.drivers.database.models import MemberRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.database.subscriptions.state import GONE_AFTER
from eventstore.model.errors import InvalidMessage, InvalidName, InvalidPosition, StoreRefused, StoreUnreachable
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Consumer, SubscriptionType
from eventstore.model.tokens import encode
from scripts.local_postgres import LocalPostgres
from tests.contract.helpers import numbered, payloads, read_until, receive_until, texts, whole_log
from tests.parts import subscriptions_of
from tests.postgres_fixture import alias_on, make_store_tables

EXCLUSIVE, FAILOVER = SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER
SHARED, KEY_SHARED = SubscriptionType.SHARED, SubscriptionType.KEY_SHARED


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgres)])
def product(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> str:
    if request.param == "PostgreSQL":
        request.getfixturevalue("store_on_postgres")
    return str(request.param)


@pytest.fixture
def storage(product: str) -> Iterator[Storage]:
    own = DatabaseStorage()
    yield own
    own.close()


@pytest.fixture
def topic(storage: Storage) -> str:
    return storage.log.create_topic("documents").name


def silence(name: str) -> None:
    """Make a member look as if it had sent no heartbeat for long."""
    assert MemberRow.objects.filter(name=name).update(heartbeat=datetime.now(UTC) - 2 * GONE_AFTER) == 1


def received_in_all(consumers: list[Consumer]) -> list[list[bytes]]:
    return [payloads(consumer.receive(limit=100, timeout=0)) for consumer in consumers]


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


@pytest.fixture
def own_store_on_postgres(desk_databases: dict[str, str], own_postgres_server: LocalPostgres) -> Iterator[LocalPostgres]:
    """As ``store_on_postgres``, on a server that nobody else uses."""
    url = own_postgres_server.address.create_database("store")
    make_store_tables(url)
    with alias_on("store", url):
        yield own_postgres_server


@pytest.mark.postgres
def test_a_database_that_is_down_is_said_to_be_and_is_found_again(
    own_store_on_postgres: LocalPostgres,
) -> None:
    storage = DatabaseStorage()
    name = storage.log.create_topic(f"cut-{uuid4().hex}").name
    storage.log.append(name, numbered(3))
    reader = storage.log.open_reader(name, 0, after=Edge.EARLIEST)
    consumer = subscriptions_of(storage).consume(name, "s", type=SHARED, consumer="c")
    assert len(receive_until(consumer, 3)) == 3
    own_store_on_postgres.stop()
    try:
        for _ in range(2):
            with pytest.raises(StoreUnreachable, match="does not answer"):
                storage.log.topics()
            with pytest.raises(StoreUnreachable):
                storage.log.append(name, numbered(1))
            with pytest.raises(StoreUnreachable):
                reader.read(limit=1, timeout=1)
            with pytest.raises(StoreUnreachable):
                consumer.receive(limit=1, timeout=1)
    finally:
        own_store_on_postgres.start()
    storage.log.append(name, numbered(1, start=3))
    assert payloads(read_until(reader, 4)) == texts(4)
    assert payloads(receive_until(consumer, 1)) == texts(1, start=3)
    storage.close()


def test_a_file_that_another_writer_holds_is_said_to_be_locked(
    desk_databases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    storage = DatabaseStorage()
    name = storage.log.create_topic("locked").name
    monkeypatch.setitem(connections.settings["store"]["OPTIONS"], "timeout", 0.2)
    connections["store"].close()
    writer = sqlite3.connect(connections.settings["store"]["NAME"], isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreUnreachable, match="locked"):
            storage.log.append(name, numbered(1))
        assert list(whole_log(storage, name)) == [], "reading goes on"
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    storage.log.append(name, numbered(1))
    connections["store"].close()
    storage.close()


@pytest.mark.postgres
@pytest.mark.parametrize("written", [0, 2], ids=["before its rows", "between its rows"])
def test_a_connection_that_is_cut_while_it_writes_is_said_to_be_and_nothing_is_written(
    store_on_postgres: str, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    storage = DatabaseStorage()
    name = storage.log.create_topic(f"cut-{uuid4().hex}").name
    insert = appending._insert

    def cut(connection: BaseDatabaseWrapper, rows: Sequence[tuple[Any, ...]]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [backend] = cursor.fetchone()

        def until_cut() -> Iterable[tuple[Any, ...]]:
            yield from rows[:written]
            with psycopg.connect(store_on_postgres) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [backend])
            yield from rows[written:]

        insert(connection, until_cut())  # type: ignore[arg-type]

    monkeypatch.setattr(appending, "_insert", cut)
    with pytest.raises(StoreUnreachable, match="does not answer"):
        storage.log.append(name, [NewMessage(payload=b"x" * 300_000) for _ in range(4)])
    monkeypatch.setattr(appending, "_insert", insert)
    assert list(whole_log(storage, name)) == []
    storage.log.append(name, numbered(2))
    assert payloads(whole_log(storage, name)) == texts(2)
    storage.close()
