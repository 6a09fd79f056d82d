"""Decode payloads that were written with a schema from the store's registry, by exactly that schema, into JSON documents."""

from eventstore.schemas.decode_budget import DecodeError, UnusableSchema
from eventstore.schemas.reading import Schemas

__all__ = ["DecodeError", "Schemas", "UnusableSchema"]
