"""Appending to the record on PostgreSQL in one statement: the head row is locked for no round trip to this process.

The database computes the entry's hash, of the hash before it, its number and its content, as ``entries.hash_of`` does.

The head row is not locked while the disk is waited for, either, or there would be one entry a flush: the statement is
committed in memory, and a second one waits until it is on the disk, together with all who wait at that moment. Until then
others may chain theirs to it. A crash of the database loses no entry before one that it keeps, since its log of changes is
written in order: so the chain stays whole, and what was reported as appended is in it.
"""

from django.db import connection

from dashboard.auditing.entries import Row

_BY_HEAD = ("number", "previous", "hash")
_GIVEN = tuple(name for name in Row._fields if name not in _BY_HEAD)
_APPEND = f"""
WITH head AS (
    UPDATE dashboard_audithead
    SET previous = hash,
        number = number + 1,
        hash = encode(sha256(convert_to(hash || E'\\n' || (number + 1) || E'\\n' || %s, 'UTF8')), 'hex')
    WHERE id = 1
    RETURNING {", ".join(_BY_HEAD)}
)
INSERT INTO dashboard_auditentry ({", ".join((*_BY_HEAD, *_GIVEN))})
SELECT {", ".join(_BY_HEAD)}, {", ".join(["%s"] * len(_GIVEN))} FROM head
WHERE set_config('synchronous_commit', 'off', true) = 'off'
"""  # noqa: S608 - names of columns
_FLUSH = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_logical_emit_message(true, 'eventdesk', '') END"
"""A transaction that writes nothing but a word into the log of changes, and is committed as the server is configured. A
standby shows only what was on the disk."""


def append_at_once(entry: Row, content: str) -> bool:
    """Append the entry, whose content is ``entries.content_of``. ``False``, and nothing is done, if there is no head row."""
    if not append_in_memory(entry, content):
        return False
    flush()
    return True


def append_in_memory(entry: Row, content: str) -> bool:
    """As ``append_at_once``; not on the disk before ``flush``."""
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [content, *(getattr(entry, name) for name in _GIVEN)])
        return bool(cursor.rowcount)


def flush() -> None:
    """Return once every entry that can be read now is on the disk."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_FLUSH)
