"""The embedded store's topics, deleted and made anew as an operator of a broker does it, or as a lost disk does."""

from typing import Any

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.models import TopicRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import IndexedPartition
from eventstore.model.events import NewMessage

Life = tuple[int, bool]
"""How many events a partition's row has, and whether the log that it describes is gone."""


class Untold(DatabaseLog):
    """A log of a store that does not tell one log from another of the same name."""

    def incarnation(self, topic: str, partition: int) -> str:
        return ""


def publish(
    storage: DatabaseStorage, count: int, *, topic: str = "documents", life: str = "old", partitions: int = 1, keys: int = 1
) -> None:
    """Publish events of so many aggregates in turn, whose ids name the life and the number."""
    storage.log.create_topic(topic, partitions=partitions)
    storage.log.append(topic, [message(life, number, key=f"d-{number % keys + 1}") for number in range(count)])


def message(life: str, number: int, key: str = "d-1", **more: Any) -> NewMessage:
    envelope = {"ce_id": f"{life}-{number}", "ce_type": "document.read", "ce_source": "/tests", "ce_specversion": "1.0"}
    return NewMessage(payload=f'{{"life": "{life}"}}'.encode(), key=key, properties=envelope, **more)


def delete(topic: str = "documents") -> None:
    TopicRow.objects.get(name=topic).delete()


def lives(topic: str = "documents") -> list[Life]:
    """Return every row that pages read of the topic, by partition, the oldest first."""
    rows = IndexedPartition.objects.filter(topic=topic, live=True).order_by("number", "pk")
    return [(row.next_ordinal, row.ended_at is not None) for row in rows]
