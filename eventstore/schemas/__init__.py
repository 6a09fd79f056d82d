"""Payloads that were written with a schema of the store's registry, read as JSON documents by that very schema."""

from eventstore.schemas.reading import Schemas
from eventstore.schemas.room import Unfit, UnusableSchema

__all__ = ["Schemas", "Unfit", "UnusableSchema"]
