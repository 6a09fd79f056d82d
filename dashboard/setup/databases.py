"""The three databases, each given by a URL, and the router that assigns every table to one of them.

``default`` holds people and the audit record, ``index`` the pointers, ``store`` the embedded event store. They are separate
because SQLite has one writer, and indexing must never make a login wait. No query or transaction spans two of them.
"""

from pathlib import Path
from typing import Any

import dj_database_url

OWN_DATABASE = {"index": "index", "store": "store"}
"""From app label to database alias. Every other app is in ``default``."""

SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;",
}
SILENT_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""For PostgreSQL, in seconds, the last in milliseconds. A database behind a silent network blocks its callers for half a
minute; without these, for hours. What was sent last may not be acknowledged, or nothing may come any more. A pause of
the server that is as long ends its connections, too."""
LARGE_WAL = " PRAGMA wal_autocheckpoint=8000;"
"""For the index: let SQLite's write-ahead log grow to 32 MB.

A batch changes more pages than the log holds by default, so every commit wrote all of them back and waited for the disk twice.
With a large log, a page that many batches change is written back once.
"""


def database(url: str, default_file: Path, *, pragmas: str = "") -> dict[str, Any]:
    """Django's settings for the database at ``url``, or for a SQLite file if it is empty. Only SQLite uses ``pragmas``."""
    config: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{default_file}"))
    # Under ASGI, a persistent connection would outlive its thread. The open sockets keep one on purpose, and close it.
    config["CONN_MAX_AGE"] = 0
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {**SQLITE_OPTIONS, "init_command": SQLITE_OPTIONS["init_command"] + pragmas}
        # Tests need a file as well, because threads and other processes use it.
        config["TEST"] = {"NAME": str(Path(str(config["NAME"])).with_suffix(".test.sqlite3"))}
    else:
        config["OPTIONS"] = {**SILENT_NETWORK, **config.get("OPTIONS", {})}
    return config


class RouteByLabel:
    """Django's database router. It finds a table's database by its app label, for queries and for ``migrate``."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return OWN_DATABASE.get(model._meta.app_label, "default")

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return self.db_for_read(type(first)) == self.db_for_read(type(second))

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return OWN_DATABASE.get(app_label, "default") == db


def migrate(alias: str) -> None:
    """Create or change the tables of this database. Other apps' migrations are left out of ``index`` and ``store``: they would
    change nothing there, and Django takes half a second to go through them."""
    from django.core.management import call_command

    own = [label for label, where in OWN_DATABASE.items() if where == alias]
    call_command("migrate", *own, database=alias, interactive=False, verbosity=0)
