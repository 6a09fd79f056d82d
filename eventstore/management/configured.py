"""What commands need from the settings and the databases. What is wrong with them is refused in one sentence."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from eventstore.drivers.opening import open_storage
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.storage import Storage

NO_TABLES = (
    "A database lacks tables, or has those of an older version. Run these first: manage.py migrate --database default, "
    "--database index and, for the embedded store, --database store."
)
_TEXTS_OF_SQLITE = ("no such table", "no such column", "has no column named")
_CODES_OF_POSTGRESQL = frozenset({"42P01", "42703"})
"""Undefined table and undefined column. Both databases raise these kinds of errors for other reasons as well."""


def configured_storage(failed: int = 1) -> Storage:
    """Return the storage that the settings name. Raises ``CommandError`` with this exit status if it cannot be used."""
    try:
        return open_storage(
            settings.EVENTSTORE_URL,
            admin_url=settings.PULSAR_ADMIN_URL,
            namespaces=settings.EVENTSTORE_NAMESPACES,
            kinds=settings.EVENTDESK.topics,
        )
    except InvalidConfiguration as error:
        raise CommandError(str(error), returncode=failed) from error


def lacks_tables(error: DatabaseError) -> bool:
    """Return whether the error was raised because a database was not migrated."""
    code = getattr(error.__cause__, "sqlstate", None)
    return code in _CODES_OF_POSTGRESQL or any(words in str(error) for words in _TEXTS_OF_SQLITE)


def error_message(error: DatabaseError, otherwise: str) -> str:
    """Return the message for this error: that tables are missing, or else the command's own text."""
    return NO_TABLES if lacks_tables(error) else otherwise
