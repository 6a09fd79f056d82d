"""A registry of schemas in memory, and messages that are read by it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstore.model.events import Message, Position
from eventstore.model.schema_registry import Decoded, Schema
from eventstore.schemas import Schemas
from tests.unit.envelope.test_mapping import mappings
from tests.unit.messages import PUBLISHED


@dataclass
class Registry:
    """A registry in memory that counts how often it is asked."""

    schemas: Mapping[tuple[str, str], Schema]
    asked: list[tuple[str, str]] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0

    def schema(self, topic: str, version: str) -> Schema | None:
        self.asked.append((topic, version))
        if self.error:
            raise self.error
        return self.schemas.get((topic, version))


TOPIC = "public/default/users"


def schema(kind: str, definition: Any = b"", **properties: str) -> Schema:
    told = definition if isinstance(definition, bytes) else json.dumps(definition).encode()
    return Schema(
        kind=kind,
        name="users",
        definition=told,
        properties={name.replace("_", "."): text for name, text in properties.items()},
    )


def message(payload: bytes, version: str = "0", **more: Any) -> Message:
    return Message(
        position=Position(topic=TOPIC, partition=0, token="11"),
        payload=payload,
        published=PUBLISHED,
        key="user_1",
        schema_version=version,
        **more,
    )


def decoded(kind: Schema, payload: bytes) -> Decoded:
    found = Schemas(Registry({(TOPIC, "0"): kind})).decoded(message(payload))
    assert found is not None
    return found


# -- through the envelope


BY_EVENT_TYPE = mappings('type = { from = "json", path = "eventType" }', '["users"]')
