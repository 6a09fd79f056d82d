"""The secret by which an index hashes: made with the index, and kept in it."""

import secrets

from eventstore.index import bulk
from eventstore.index.keys import Key, key_of
from eventstore.index.models import IndexSecret

DB = "index"
BYTES = 32


def index_key() -> Key:
    """The index's key. Whoever asks first makes it: of two at once, one is kept."""
    row = IndexSecret.objects.using(DB).first()
    if row is None:
        columns = {"id": "integer", "secret": "bytea"}
        bulk.insert("index_indexsecret", columns, [(1, secrets.token_bytes(BYTES))], on_conflict="DO NOTHING")
        row = IndexSecret.objects.using(DB).get()
    return key_of(bytes(row.secret))
