"""Where an aggregate begins in each topic, as far as the index knows."""

from collections.abc import Mapping
from datetime import datetime

from django.db import DatabaseError

from eventstore.index.lookup import queries
from eventstore.index.tables.database import connection
from eventstore.model.errors import StoreUnreachable
from eventstore.model.merge import BEGINNING


def first_published(type: str, id: str) -> Mapping[str, datetime]:
    """Return, by topic, when the first event of the aggregate was published there.

    Raises ``StoreUnreachable`` if the index cannot be read.
    """
    try:
        sources = queries.stream_sources(type, id)
        begins = sources.read(dict.fromkeys(sources.names, BEGINNING), 1, False)
    except DatabaseError as error:
        connection().close()  # Django does not reopen a broken connection by itself
        raise StoreUnreachable("The index does not answer now. Try again.") from error
    found: dict[str, datetime] = {}
    for pointer in (item.value for items in begins.values() for item in items):
        topic = pointer.position.topic
        found[topic] = min(pointer.published, found.get(topic, pointer.published))
    return found
