"""The secret with which an index hashes. It is made with the index, and stored in it."""

import secrets

from eventstore.extent import asked_once
from eventstore.index.models import IndexSecret
from eventstore.index.tables import sql
from eventstore.index.tables.keys import Key, key_of
from eventstore.prepared import Prepared

BYTES = 32


_SECRET = Prepared(lambda: IndexSecret.objects.order_by("pk")[:1])


@asked_once
def index_key() -> Key:
    """Return the index's key. The first caller makes it; if two make one at the same time, one is kept."""
    row = next(iter(_SECRET()), None)
    if row is None:
        columns = {"id": "integer", "secret": "bytea"}
        sql.insert("index_indexsecret", columns, [(1, secrets.token_bytes(BYTES))], on_conflict="DO NOTHING")
        row = IndexSecret.objects.get()
    return key_of(bytes(row.secret))
