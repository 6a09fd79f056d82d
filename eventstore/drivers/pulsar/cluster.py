"""One Pulsar cluster, as the parts of a storage share it: its connection, its admin interface and its topics."""

from collections.abc import Sequence

from eventstore.config.topic_kinds import TopicKinds
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.client.partition_log import Shard
from eventstore.drivers.pulsar.connection import Link
from eventstore.drivers.pulsar.positions import place_of
from eventstore.drivers.pulsar.topics import Known, Topics
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position


class Cluster:
    """Nothing is contacted before the first call. Every call raises ``StoreClosed`` once the storage was closed."""

    def __init__(self, *, link: Link, admin: Admin, namespaces: Sequence[str], kinds: TopicKinds) -> None:
        self.link, self.admin = link, admin
        self.topics = Topics(admin, namespaces, kinds)

    def check_open(self) -> None:
        self.link.check_open()

    def known(self, topic: str) -> Known:
        """The watched topic of this name or short name; ``UnknownTopic``."""
        self.check_open()
        return self.topics.find(topic)

    def shard(self, known: Known, partition: int) -> Shard:
        """One partition of the topic, for reading."""
        return Shard(self.link, self.admin, known.log(partition), str(known.name), partition)

    def close(self) -> None:
        self.link.close()
        self.admin.close()


def checked(position: Position | None, shard: Shard) -> Position | None:
    """``InvalidPosition`` for a position of another partition, and for what is none."""
    if position is None:
        return None
    place_of(position.token)
    if (position.topic, position.partition) != (shard.topic, shard.partition):
        raise InvalidPosition("This position belongs to another partition. Open the event again from a list.")
    return position
