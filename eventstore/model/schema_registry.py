"""The schema registry: the schema versions that messages were written with. A driver may lack it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from eventstore.model.events import NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """One version of a topic's schema, as the registry holds it.

    ``kind`` is the registry's word (``AVRO``, ``JSON``, ``PROTOBUF_NATIVE``, ``STRING``, ``KEY_VALUE`` …); ``definition`` its
    text or bytes, from whoever may publish: not to be trusted.
    """

    kind: str
    name: str
    definition: bytes
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class SchemaRegistry(Protocol):
    """What a driver knows of schemas. It has no capabilities: a driver has a registry, or it has none."""

    def schema(self, topic: str, version: str) -> Schema | None:
        """This version of the topic's schema (a message's ``schema_version``); ``None`` where the registry has none such.

        A version never changes, and asking takes a round trip: ``schemas.Schemas`` remembers.
        """
        ...
