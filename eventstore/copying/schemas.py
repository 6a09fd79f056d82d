"""The schemas of messages that are copied, as their topic's registry has them."""

from collections.abc import Iterable, Mapping

from eventstore.model.errors import StoreRefused
from eventstore.model.schema_registry import Schema
from eventstore.model.storage import Storage

NO_SCHEMA = "The registry no longer has their schema."


def schemas_of(storage: Storage, topic: str, versions: Iterable[str]) -> Mapping[str, Schema | None]:
    """Return the schemas by version; ``None`` for the empty version, of messages without a schema.

    Raises ``StoreRefused`` for a version that the registry no longer has.
    """
    found: dict[str, Schema | None] = {}
    for version in versions:
        schema = storage.schemas.schema(topic, version) if version and storage.schemas is not None else None
        if version and schema is None:
            raise StoreRefused(
                f"The registry no longer has version {version} of the schema of {topic}: leave out the messages of it."
            )
        found[version] = schema
    return found
