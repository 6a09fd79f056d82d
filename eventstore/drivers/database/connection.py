"""The driver's connection to its database, Django's alias ``store``, and the translation of its errors."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, ProgrammingError, connections

from eventstore.config.commands import migrate_command
from eventstore.model.errors import StoreClosed, StoreUnreachable

STORE = "store"
"""The alias. The project's database router sends this app's models there, too."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn the errors of a database that does not answer into ``StoreUnreachable``."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        _let_go_of_what_broke()
        raise StoreUnreachable(_sentence(error)) from error
    except ProgrammingError as error:
        if "does not exist" not in str(error):
            raise
        raise StoreUnreachable(_NO_TABLES) from error


class Session:
    """What the parts of one storage share: whether it is still open. Thread-safe."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    @contextmanager
    def use(self) -> Iterator[None]:
        """Around each call: raises ``StoreClosed``, or ``StoreUnreachable`` if the database does not answer."""
        if self.closed.is_set():
            raise StoreClosed("This event store was closed. Open it again.")
        with store_errors():
            yield


def close_in_thread() -> None:
    """Close this thread's connection, unless it is the main thread or inside a transaction."""
    connection = connections[STORE]
    if threading.current_thread() is not threading.main_thread() and not connection.in_atomic_block:
        connection.close()


_NO_TABLES = f"The embedded store has no tables yet. Run: {migrate_command('store')}"


def _sentence(error: Exception) -> str:
    text = str(error)
    if "no such table" in text:
        return _NO_TABLES
    if "locked" in text:
        return "The embedded store's SQLite file is locked by another process that does not let go. Try again in a moment."
    return (
        "The embedded store's database does not answer. Check STORE_DATABASE_URL and that the database is up, then try again."
    )


def _let_go_of_what_broke() -> None:
    """Close a broken connection. Django would keep it, and the store would not be reached again when it is back."""
    connection = connections[STORE]
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
