"""The desk's face for what is around a topic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from eventstore.index.lookup import queries
from eventstore.model.storage import Storage
from eventstore.model.topic_details import TopicDetails


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedShare:
    """What the index has of one partition. ``published``: when its last indexed event was; ``None``: it has none."""

    events: int
    published: datetime | None
    caught_up_at: datetime | None


class TopicDetailsFace:
    """``desk.topic_details``. Looks only; nothing here changes anything."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    @property
    def supported(self) -> bool:
        """Whether the store tells anything around its topics."""
        return self._storage.details is not None

    def of(self, topic: str) -> TopicDetails | None:
        """What the store tells; ``None`` if it tells nothing of the kind. ``StoreUnreachable`` if it does not answer."""
        return self._storage.details.of(topic) if self._storage.details is not None else None

    def indexed(self, topic: str) -> Mapping[int, IndexedShare]:
        """What the index has of each partition, by number."""
        return {
            number: IndexedShare(events=row.next_ordinal, published=row.indexed_published_at, caught_up_at=row.caught_up_at)
            for number, row in queries.partition_rows(topic).items()
        }
