"""What redrives and replays share: reading whole messages to copy them, with which schemas, and what has arrived already."""

from eventstore.copying.keys import BYTES, BytesKeys
from eventstore.copying.schemas import NO_SCHEMA, schemas_of
from eventstore.copying.source import read_through
from eventstore.copying.target import behind, is_kept, noted_end, noted_ends

__all__ = [
    "BYTES",
    "NO_SCHEMA",
    "BytesKeys",
    "behind",
    "is_kept",
    "noted_end",
    "noted_ends",
    "read_through",
    "schemas_of",
]
