"""Appending to the record on PostgreSQL in one call of a procedure: others wait for no round trip to this process.

The procedure ``dashboard_append_entry`` comes with a migration. Its plan is kept as long as the connection: by
workers, not by pages, which connect for each request. It computes the entry's hash, of the hash before it, its number and its
content, as ``entries.hash_of`` does.

Others do not wait for the disk, either, or there would be one entry a flush: the procedure commits the entry in memory, and
then, in a second transaction, waits until it is on the disk, together with all who wait at that moment. Until then others may
chain theirs to it. A crash of the database loses no entry before one that it keeps, since its log of changes is written in
order: so the chain stays whole, and what was reported as appended is in it.
"""

from django.db import DEFAULT_DB_ALIAS, connection, connections
from psycopg import Cursor

LOCK = 0x6576656E746465
"""The advisory lock that every writer of the record takes, for its transaction: cheaper to wait for than a row's lock."""
_CALL = "CALL dashboard_append_entry(%s, %s)"
_FLUSH = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_logical_emit_message(true, 'eventdesk', '') END"
"""A transaction that writes nothing but a word into the log of changes, and is committed as the server is configured. A
standby shows only what was on the disk."""


def append_at_once(content: str, *, once: bool) -> bool:
    """Append the entry of this content (``entries.content_of``). ``False``, and nothing is done, if there is no head row, on
    another database, and within a transaction.

    ``once``: ``True``, and nothing is done, if the act's last entry has the same state and details.
    """
    here = connections[DEFAULT_DB_ALIAS]  # looked up once: each look at ``connection`` is one
    if here.vendor != "postgresql" or not here.get_autocommit():
        return False
    here.close_if_health_check_failed()
    here.ensure_connection()
    with here.wrap_database_errors, Cursor(here.connection) as cursor:
        answer = cursor.execute(_CALL, [content, once]).fetchone()
        return bool(answer and answer[0])


def lock_appending() -> None:
    """Let nobody else append until this transaction ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def flush() -> None:
    """Return once every entry that can be read now is on the disk."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_FLUSH)
