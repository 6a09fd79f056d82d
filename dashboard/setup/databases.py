"""Three databases, each by URL, and the router that keeps every table in its own.

``default`` holds people and the audit record, ``index`` the pointers, ``store`` the embedded event store. They are separate so
that indexing never makes a login wait (SQLite has one writer), and no query or transaction spans two of them.
"""

from pathlib import Path
from typing import Any

import dj_database_url

OWN_DATABASE = {"index": "index", "store": "store"}
"""App label → alias; every other label lives in ``default``."""

SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;",
}


SELDOM_WRITTEN_BACK = " PRAGMA wal_autocheckpoint=8000;"
"""For the index: a batch changes more pages than SQLite lets its log hold by default, so that every commit wrote all of them
back and waited for the disk twice. With 32 MB a page that many batches change is written back once."""


def database(url: str, default_file: Path, *, pragmas: str = "") -> dict[str, Any]:
    """Django's settings for one database: the URL's, or a SQLite file in the data directory (which ``pragmas`` are for)."""
    config: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{default_file}"))
    config["CONN_MAX_AGE"] = 0  # under ASGI a kept connection would outlive its thread
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {**SQLITE_OPTIONS, "init_command": SQLITE_OPTIONS["init_command"] + pragmas}
        # A test needs a file as well: threads and other processes take part.
        config["TEST"] = {"NAME": str(Path(str(config["NAME"])).with_suffix(".test.sqlite3"))}
    else:
        # Without it a database behind a silent network would hang whoever asks.
        config["OPTIONS"] = {"connect_timeout": 5, **config.get("OPTIONS", {})}
    return config


class RouteByLabel:
    """Django's database router: an app label says where its tables are, for queries and for ``migrate`` alike."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return OWN_DATABASE.get(model._meta.app_label, "default")

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return self.db_for_read(type(first)) == self.db_for_read(type(second))

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return OWN_DATABASE.get(app_label, "default") == db
