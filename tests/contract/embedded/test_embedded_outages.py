"""The embedded store while its database is down, locked or cut off."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from eventstore.drivers.database import appending
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import NewMessage
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType
from scripts.local_postgres import LocalPostgres
from tests.contract.helpers import numbered, payloads, read_until, receive_until, texts, whole_log
from tests.parts import subscriptions_of
from tests.postgres_fixture import alias_on, make_store_tables

SHARED = SubscriptionType.SHARED


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
