"""The index's database: its alias, its connection and its transactions.

The router finds the database of a model by the app label. Raw SQL and transactions have no model, so they come here.
"""

from django.db import DatabaseError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from eventstore.config.commands import migrate_command
from eventstore.file_changes import sqlite_file
from eventstore.model.errors import IndexReplaced

ALIAS = "index"
WRITER_CACHE_KB = 64 * 1024
_TEXTS_OF_SQLITE = ("no such table", "no such column", "has no column named")
_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was not got in time."""
_CODES_OF_POSTGRESQL = frozenset({"42P01", "42703"})
"""Undefined table and undefined column. Both databases raise these kinds of errors for other reasons as well."""


def connection() -> BaseDatabaseWrapper:
    """Return this thread's connection to the index's database."""
    return connections[ALIAS]


def atomic() -> transaction.Atomic:
    """Return a context manager that runs its block in one transaction of the index's database."""
    return transaction.atomic(using=ALIAS)


def keep_more_pages() -> None:
    """Let SQLite keep up to 64 MB of pages of this thread's connection, as long as that lasts. Otherwise it keeps 2 MB.

    A batch of aggregates that were not seen lately changes tens of megabytes of pages all over the file, and looks for each of
    them in an index first. In one of 4,000,000 events and 2,500,000 aggregates, it read 30 KB for each event, and 13 KB so.
    """
    index = connection()
    if index.vendor == "sqlite":
        index.ensure_connection()
        index.connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KB}")


def lacks_tables(error: DatabaseError) -> bool:
    """Return whether the error was raised because a database was not migrated."""
    code = getattr(error.__cause__, "sqlstate", None)
    return code in _CODES_OF_POSTGRESQL or any(words in str(error) for words in _TEXTS_OF_SQLITE)


def is_held(error: DatabaseError) -> bool:
    """Return whether the error was raised because another transaction kept a lock on PostgreSQL for too long."""
    return getattr(error.__cause__, "sqlstate", None) == _NOT_AVAILABLE


def database_error_text(error: DatabaseError) -> str:
    """Return what is wrong with the database. Only an ``OperationalError`` is quoted: other errors may hold a value."""
    kind = type(error).__name__
    return f"{kind}: {str(error).partition(chr(10))[0][:200]}" if isinstance(error, OperationalError) else kind


def file_identity() -> tuple[int, int] | None:
    """Return the device and inode of the index's SQLite file, (0, 0) if there is none now; ``None`` for PostgreSQL.

    A process that has a file open goes on writing into it after it was removed, and nobody else sees what it writes.
    """
    if connection().vendor != "sqlite":
        return None
    return sqlite_file(connection().settings_dict["NAME"]) or (0, 0)


def opened_file() -> tuple[int, int] | None:
    """Open the index's database, and return the ``file_identity`` of what was opened."""
    connection().ensure_connection()
    return file_identity()


def require_same_file(file: tuple[int, int] | None) -> None:
    """Raise ``IndexReplaced`` if another file than this one, or none, is there now."""
    if file is not None and file_identity() != file:
        raise IndexReplaced(
            f"The index's file {connection().settings_dict['NAME']} was removed or replaced while this indexer wrote to it. "
            f"Start the indexer again. If the file was removed, first run: {migrate_command(ALIAS)}"
        )
