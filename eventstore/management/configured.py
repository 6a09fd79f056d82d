"""What commands need of the settings and the databases, refused in one sentence where it is not as it has to be."""

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
_SAID_BY_SQLITE = ("no such table", "no such column", "has no column named")
_CODES_OF_POSTGRESQL = frozenset({"42P01", "42703"})
"""Undefined table, undefined column. Both databases raise such kinds of errors for other things as well."""


def configured_storage(failed: int = 1) -> Storage:
    """The storage that the settings name; ``CommandError`` with this exit status where they name none that can be used."""
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
    """Whether it was raised since a database was not migrated."""
    code = getattr(error.__cause__, "sqlstate", None)
    return code in _CODES_OF_POSTGRESQL or any(words in str(error) for words in _SAID_BY_SQLITE)


def said_of(error: DatabaseError, otherwise: str) -> str:
    """What to say of it: that tables are missing, or else what the command knows to say."""
    return NO_TABLES if lacks_tables(error) else otherwise
