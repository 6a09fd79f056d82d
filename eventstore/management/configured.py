"""What commands need from the settings and the databases. What is wrong with them is refused in one sentence."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from eventstore.config.commands import migrate_command
from eventstore.drivers.opening import open_storage
from eventstore.index.tables.database import lacks_tables
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.storage import Storage


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


def error_message(error: DatabaseError, otherwise: str) -> str:
    """Return the message for this error: that tables are missing, or else the command's own text."""
    return _no_tables() if lacks_tables(error) else otherwise


def _no_tables() -> str:
    embedded = settings.EVENTSTORE_URL.startswith("database:")
    aliases = ("default", "index", "store") if embedded else ("default", "index")
    commands = map(migrate_command, aliases)
    return f"A database lacks tables, or has those of an older version. Run this first: {' && '.join(commands)}"
