"""One Pulsar cluster, as the parts of a storage share it: its connection, its admin API and its topics."""

from collections.abc import Sequence
from functools import partial

from eventstore.config.topic_kinds import TopicKinds
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.client import closing
from eventstore.drivers.pulsar.client.partition_log import PartitionLog
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.incarnations import Incarnations
from eventstore.drivers.pulsar.positions import place_of
from eventstore.drivers.pulsar.topics import KnownTopic, Topics
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import Position


class Cluster:
    """Nothing is contacted before the first call. Every call raises ``StoreClosed`` once the storage was closed."""

    def __init__(self, *, connection: BrokerConnection, admin: Admin, namespaces: Sequence[str], kinds: TopicKinds) -> None:
        self.connection, self.admin = connection, admin
        self.topics = Topics(admin, namespaces, kinds)
        self.incarnations = Incarnations(admin)

    def check_open(self) -> None:
        self.connection.check_open()

    def known(self, topic: str) -> KnownTopic:
        """Return the watched topic with this name or short name. Raises ``UnknownTopic``."""
        self.check_open()
        return self.topics.find(topic)

    def known_lately(self, topic: str) -> KnownTopic:
        """Do as ``known``, but for a full name without asking the broker if it was known half a minute ago."""
        self.check_open()
        return self.topics.find_lately(topic)

    def partition_log(self, known: KnownTopic, partition: int) -> PartitionLog:
        """Return one partition of the topic, for reading."""
        log = known.log(partition)
        identify = partial(self.incarnations.of_ledger, log)
        return PartitionLog(self.connection, self.admin, log, str(known.name), partition, identify)

    def close(self) -> None:
        self.connection.close(closing.close_all)
        self.admin.close()


def checked(position: Position | None, partition_log: PartitionLog) -> Position | None:
    """Return the position. Raises ``InvalidPosition`` if it is another partition's, or not a position of this driver."""
    if position is None:
        return None
    place_of(position.token)
    if (position.topic, position.partition) != (partition_log.topic, partition_log.partition):
        raise InvalidPosition("This position belongs to another partition. Open the event again from a list.")
    return position
