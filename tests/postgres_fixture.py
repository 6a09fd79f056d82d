"""The run's PostgreSQL for its tests, and the embedded store or the index on it for one test."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import LiteralString

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql
from pytest_django import DjangoDbBlocker

from dashboard.setup.databases import database, migrate
from scripts.local_postgres import LocalPostgres, PostgresAddress
from tests.broker_fixture import left_out
from tests.desk_template import RUN_FOLDER
from tests.run_servers import FIND, POSTGRES, NotAvailable, new_postgres


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> PostgresAddress:
    """The PostgreSQL of the whole run. Other tests use it at the same time: work in databases of your own.

    Where PostgreSQL is not installed, the test is skipped with the reason; in CI it fails.
    """
    try:
        address: PostgresAddress = pytestconfig.stash[FIND](POSTGRES)
    except NotAvailable as problem:
        left_out(str(problem))
    return address


@pytest.fixture
def own_postgres_server() -> Iterator[LocalPostgres]:
    """A PostgreSQL for one test that stops it. As ``postgres_server`` where it is not installed."""
    try:
        server = new_postgres()
    except NotAvailable as problem:
        left_out(str(problem))
    with server:
        yield server


@pytest.fixture(scope="session")
def store_tables_on_postgres(
    postgres_server: PostgresAddress, worker_id: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> str:
    """The URL of a database that has the embedded store's tables."""
    with django_db_blocker.unblock():
        return _with_tables(postgres_server, "store", worker_id)


def make_store_tables(url: str) -> None:
    with alias_on("store", url):
        migrate("store")


@pytest.fixture
def store_on_postgres(desk_databases: dict[str, str], store_tables_on_postgres: str) -> Iterator[str]:
    """The alias ``store`` is an empty PostgreSQL for this test and its threads; the value is its ``STORE_DATABASE_URL``."""
    with alias_on("store", store_tables_on_postgres):
        yield store_tables_on_postgres
        _empty("store")


@pytest.fixture(scope="session")
def index_tables_on_postgres(
    postgres_server: PostgresAddress, worker_id: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> str:
    """The URL of a database that has the index's tables.

    It orders texts as English readers do, as most installations' databases do and SQLite does not: what leans on the
    database's own order shows here.
    """
    with django_db_blocker.unblock():
        return _with_tables(postgres_server, "index", worker_id, "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")


@pytest.fixture
def index_on_postgres(desk_databases: dict[str, str], index_tables_on_postgres: str) -> Iterator[str]:
    """As ``store_on_postgres``, for the alias ``index``; the value is its ``INDEX_DATABASE_URL``."""
    with alias_on("index", index_tables_on_postgres):
        yield index_tables_on_postgres
        _empty("index")


@pytest.fixture(scope="session")
def desk_tables_on_postgres(
    postgres_server: PostgresAddress, worker_id: str, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> str:
    """The URL of a database that has the tables of people, record and jobs."""
    with django_db_blocker.unblock():
        return _with_tables(postgres_server, "default", worker_id)


def _with_tables(server: PostgresAddress, alias: str, worker: str, options: LiteralString = "") -> str:
    """The URL of this worker's own database for the alias: a copy of one that is migrated once a run."""
    made = Path(os.environ[RUN_FOLDER]) / f"postgres-{alias}"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            url = server.create_database(f"{alias}_of_all", options)
            with alias_on(alias, url):
                migrate(alias)
            KEPT.pop((alias, url)).close()  # nobody may be connected to what is copied
            made.touch()
        return server.create_database(f"{alias}-{worker}", _COPIED[alias])


@pytest.fixture
def desk_on_postgres(desk_databases: dict[str, str], desk_tables_on_postgres: str) -> Iterator[str]:
    """As ``store_on_postgres``, for the alias ``default``; the value is its ``DATABASE_URL``."""
    with alias_on("default", desk_tables_on_postgres):
        yield desk_tables_on_postgres
        _empty("default")


_COPIED: dict[str, LiteralString] = {
    "store": "TEMPLATE store_of_all",
    "index": "TEMPLATE index_of_all",
    "default": "TEMPLATE default_of_all",
}
GROWN_BYTES = 256 * 1024
KEPT: dict[tuple[str, str], BaseDatabaseWrapper] = {}
"""Alias and URL → this thread's connection. To connect takes PostgreSQL longer than most tests do."""


@contextmanager
def alias_on(alias: str, url: str) -> Iterator[None]:
    """Point a database alias elsewhere: for this thread at once, for others when they connect."""
    before, connection = connections.settings[alias], connections[alias]
    # Django completes the settings of a whole set of databases, which must have a default.
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: database(url, Path())})[alias]
    del connections[alias]  # the next use makes one by the new settings
    if (kept := KEPT.get((alias, url))) and kept.connection and kept.is_usable():
        connections[alias] = kept
    try:
        yield
    finally:
        KEPT[alias, url] = connections[alias]
        connections.settings[alias], connections[alias] = before, connection


def _empty(alias: str) -> None:
    """As Django's ``flush``, which truncates: that takes a fifth of a second, however little there is, and this no time.

    Tables that have grown are truncated as well. Until PostgreSQL vacuums them, each look at them is one at all deleted rows,
    and one statement of a later test took half a minute.
    """
    with transaction.atomic(alias), connections[alias].cursor() as cursor:
        cursor.execute(_deleting(alias))
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND pg_relation_size(oid) > %s",
            [GROWN_BYTES],
        )
        if grown := [name for (name,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(grown)} CASCADE")


@cache
def _deleting(alias: str) -> str:
    """What empties the alias's tables, in any order, whatever refers to what."""
    names = connections[alias].introspection.django_table_names(only_existing=True, include_views=False)
    deletions = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)).as_string() for name in names]
    return "; ".join(["SET LOCAL session_replication_role = replica", *deletions])
