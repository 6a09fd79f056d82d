"""Payloads that were written with a schema of the store's registry, read as JSON documents by that very schema."""

from eventstore.schemas.decode_budget import DecodeError, UnusableSchema
from eventstore.schemas.reading import Schemas

__all__ = ["DecodeError", "Schemas", "UnusableSchema"]
