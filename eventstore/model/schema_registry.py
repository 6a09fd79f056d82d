"""The schema registry: the schema versions that messages were written with. A driver may lack it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from eventstore.model.events import NOTHING, SchemaUse


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """One version of a topic's schema, as the registry holds it.

    ``kind`` is the registry's word (``AVRO``, ``JSON``, ``PROTOBUF_NATIVE``, ``STRING``, ``KEY_VALUE`` …).
    ``definition`` is its text or bytes. It comes from anyone who may publish: do not trust it.
    """

    kind: str
    name: str
    definition: bytes
    properties: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class Decoded(NamedTuple):
    """What a schema makes of a message.

    - ``data``: the payload as a document, or as it is.
    - ``key``: the message's key, decoded if the schema has one for it.
    - ``key_problem``: why it could not be decoded. ``key`` is then the key as it was sent.
    """

    data: bytes
    use: SchemaUse
    key: str | None
    key_problem: str = ""


class SchemaRegistry(Protocol):
    """A driver's access to schemas. It has no capabilities: a driver has a registry, or it has none."""

    def schema(self, topic: str, version: str) -> Schema | None:
        """Return this version of the topic's schema (a message's ``schema_version``), or ``None`` if the registry does not
        have it.

        A version never changes, and asking takes a round trip, so ``schemas.Schemas`` caches.
        """
        ...
