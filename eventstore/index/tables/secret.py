"""The secret with which an index hashes. It is made with the index, and stored in it."""

import secrets

from eventstore.extent import asked_once
from eventstore.index.models import IndexSecret
from eventstore.index.tables import sql
from eventstore.index.tables.keys import Key, key_of

BYTES = 32


@asked_once
def index_key() -> Key:
    """Return the index's key. The first caller makes it; if two make one at the same time, one is kept."""
    row = IndexSecret.objects.first()
    if row is None:
        columns = {"id": "integer", "secret": "bytea"}
        sql.insert("index_indexsecret", columns, [(1, secrets.token_bytes(BYTES))], on_conflict="DO NOTHING")
        row = IndexSecret.objects.get()
    return key_of(bytes(row.secret))
