"""A schema for publishers of the real client whose payloads are already encoded."""

from typing import Any

import pulsar
from pulsar.schema import Schema

AVRO = pulsar._pulsar.SchemaType.AVRO


class Encoded(Schema):  # type: ignore[misc] # the client has no types
    """Registers the definition, and sends bytes as they are."""

    def __init__(self, definition: Any, kind: Any = AVRO) -> None:
        super().__init__(bytes, kind, definition, "encoded")

    def encode(self, obj: bytes) -> bytes:
        return obj

    def decode(self, data: bytes) -> bytes:
        return data
