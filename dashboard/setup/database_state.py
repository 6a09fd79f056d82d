"""Whether each database answers and has its tables: a file that was removed comes back empty when it is opened again."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from dashboard.setup.config_file import is_embedded
from dashboard.setup.databases import OWN_DATABASE

ALIASES = ("default", "index", "store")
Migration = tuple[str, str]


class DatabaseState(StrEnum):
    """Its value is what ``/readyz`` says."""

    OK = "ok"
    NO_ANSWER = "does not answer"
    NO_TABLES = "lacks tables"
    """They were never made, belong to an older version, or were removed with the file."""


def databases_in_use() -> Sequence[str]:
    """The aliases of the databases that this installation needs: ``store`` only with the embedded store."""
    embedded = is_embedded(settings.EVENTSTORE_URL)
    return [alias for alias in ALIASES if alias != "store" or embedded]


def state_of(alias: str) -> DatabaseState:
    """Ask this database now. Two small queries."""
    try:
        applied = MigrationRecorder(connections[alias]).applied_migrations()
    except DatabaseError:
        return DatabaseState.NO_ANSWER
    lacking = [migration for migration in _last_migrations()[alias] if migration not in applied]
    return DatabaseState.NO_TABLES if lacking else DatabaseState.OK


def encoding_of(alias: str) -> str:
    """How this database keeps texts, as PostgreSQL calls it; empty for SQLite, and if it does not answer."""
    if connections[alias].vendor != "postgresql":
        return ""
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW server_encoding")
            return str(cursor.fetchone()[0])
    except DatabaseError:
        return ""


@cache
def _last_migrations() -> Mapping[str, Sequence[Migration]]:
    """The last migrations of the apps of each database, read once from their files."""
    leaves = MigrationLoader(None).graph.leaf_nodes()
    return {alias: [leaf for leaf in leaves if OWN_DATABASE.get(leaf[0], "default") == alias] for alias in ALIASES}
