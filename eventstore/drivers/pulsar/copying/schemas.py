"""A registered schema, as a producer shows it to the broker: payloads pass through it as they are."""

from typing import Any

import _pulsar
import pulsar

from eventstore.model.errors import NotSupported
from eventstore.model.schema_registry import Schema

UNSENDABLE = frozenset({"KEY_VALUE", "AUTO", "AUTO_CONSUME", "AUTO_PUBLISH", "NONE"})
"""Of these the client makes no producer that leaves the payload as it is."""


class _Unchanged(pulsar.schema.Schema):  # type: ignore[misc]
    """Shows the broker this schema, under which it counts its versions, and encodes nothing."""

    def __init__(self, info: Any) -> None:
        self._schema_info, self._record_cls, self._schema_name = info, bytes, "unchanged"

    def encode(self, obj: bytes) -> bytes:
        return obj

    def decode(self, data: bytes) -> bytes:
        return data


def refusal_of(schema: Schema) -> str:
    """Return why the client has no producer for this schema; empty if it has."""
    known = getattr(_pulsar.SchemaType, schema.kind, None) is not None and schema.kind not in UNSENDABLE
    return "" if known else f"The client cannot send messages with a schema of the kind {schema.kind}."


def schema_info(schema: Schema) -> Any:
    """Return the schema for a producer. Raises ``NotSupported`` if the client has no producer for it."""
    if problem := refusal_of(schema):
        raise NotSupported(problem)
    kind = getattr(_pulsar.SchemaType, schema.kind)
    return _Unchanged(_pulsar.SchemaInfo(kind, schema.name, schema.definition.decode("utf-8", "surrogateescape")))
