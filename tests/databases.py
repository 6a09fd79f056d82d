"""Where the test databases are, in the form that another process understands, and how a test leaves them empty."""

import sqlite3
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from urllib.parse import quote

from django.core.management.color import no_style
from django.db import connections
from django.test import TransactionTestCase
from django.utils import timezone

VARIABLES = {"default": "DATABASE_URL", "index": "INDEX_DATABASE_URL", "store": "STORE_DATABASE_URL"}


def database_url(alias: str) -> str:
    """Return the URL of the database that this alias currently stands for."""
    config = connections.settings[alias]
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return f"sqlite:///{config['NAME']}"
    person = f"{quote(config['USER'])}:{quote(config['PASSWORD'])}" if config["PASSWORD"] else quote(config["USER"])
    return f"postgresql://{person}@{config['HOST']}:{config['PORT']}/{quote(config['NAME'])}"


def database_environment() -> dict[str, str]:
    """Return the environment variables with which another process uses the databases of this test."""
    return {variable: database_url(alias) for alias, variable in VARIABLES.items()}


def emptied(test: TransactionTestCase) -> None:
    """Empty the test's databases, as Django does after a test by its command ``flush``.

    The command looks for modules and tables each time, which takes three times as long as to empty them.
    """
    for alias in test._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        operations = connections[alias].ops
        operations.execute_sql_flush(operations.sql_flush(no_style(), _tables(alias)))
        forget_statistics(alias)


def forget_statistics(alias: str) -> None:
    """Remove what ``ANALYZE`` counted in a SQLite database: it would choose the plans of all later tests of this process."""
    if connections[alias].vendor == "sqlite":
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'")
            tables = [name for (name,) in cursor.fetchall()]
            for name in tables:
                cursor.execute(f"DELETE FROM {name}")
            if tables:
                cursor.execute("ANALYZE sqlite_schema")  # every connection reads the statistics anew: there are none


@cache
def _tables(alias: str) -> list[str]:
    return connections[alias].introspection.django_table_names(only_existing=True)


Copies = dict[str, sqlite3.Connection]
KEPT: dict[Hashable, Copies] = {}


def filled_once(key: Hashable, fill: Callable[[], object], aliases: Sequence[str] = ("index", "store")) -> None:
    """Fill the empty databases of store and index, or these, by ``fill``, or as it filled them the first time for this key.

    They are on SQLite. A copy takes milliseconds; to publish and index some hundred events takes a quarter of a second.
    """
    live = {alias: _sqlite(alias) for alias in aliases}
    if key not in KEPT:
        fill()
        KEPT[key] = {alias: sqlite3.connect(":memory:") for alias in live}
        for alias, database in live.items():
            database.backup(KEPT[key][alias])
    else:
        for alias, database in live.items():
            KEPT[key][alias].backup(database)
        if "index" in live:  # so it was right after it was filled
            from eventstore.index.models import IndexedPartition

            IndexedPartition.objects.exclude(caught_up_at=None).update(caught_up_at=timezone.now())


def _sqlite(alias: str) -> sqlite3.Connection:
    connections[alias].ensure_connection()
    database = connections[alias].connection
    assert isinstance(database, sqlite3.Connection)
    return database
