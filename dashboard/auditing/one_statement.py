"""Appending to the record on PostgreSQL in one statement: the head row is locked for no round trip to this process.

The database computes the entry's hash, of the hash before it, its number and its content, as ``entries.hash_of`` does. One
statement is one transaction, and is on the disk when it returns.
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
"""  # noqa: S608 - names of columns


def append_at_once(entry: Row, content: str) -> bool:
    """Append the entry, whose content is ``entries.content_of``. ``False``, and nothing is done, if there is no head row."""
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, [content, *(getattr(entry, name) for name in _GIVEN)])
        return bool(cursor.rowcount)
