"""Payloads that were written with a schema of the store's registry, read as JSON documents by that very schema."""

from eventstore.schemas.decode_budget import Unfit, UnusableSchema
from eventstore.schemas.reading import Schemas

__all__ = ["Schemas", "Unfit", "UnusableSchema"]
