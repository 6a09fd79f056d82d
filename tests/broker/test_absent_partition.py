"""A partition for which the broker has no log yet, or no longer: brokers create logs as they are first used.

Such a partition is empty, and the topic's other partitions work.
"""

import threading
from datetime import UTC, datetime

import httpx
import pytest

from eventstore.config.loading import Config
from eventstore.desk import Desk
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.drivers.routing import partition_of
from eventstore.envelope import read_event
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.models import IndexedPartition
from eventstore.model.errors import UnknownTopic
from eventstore.model.events import NewMessage, Topic
from eventstore.model.log import Edge
from eventstore.tail import Hub, Start
from tests.broker.conftest import MakeTopic
from tests.contract.helpers import PATIENCE, eventually
from tests.safeguards import ONLY_LOOKING

pytestmark = pytest.mark.broker

ABSENT = 2
PARTITIONS = 3


def key_of(partition: int) -> str:
    return next(key for key in map(str, range(1000)) if partition_of(key, PARTITIONS) == partition)


@pytest.fixture
def sparse(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client) -> Topic:
    """A topic with an event in its first partition, none in its second, and no log of its third."""
    name = topic(partitions=PARTITIONS)
    storage.log.append(name, [NewMessage(payload=b"there", key=key_of(0))])
    admin.delete(f"persistent/{name}-partition-{ABSENT}").raise_for_status()
    return storage.log.topic(name)


def test_reading_finds_nothing_in_it(storage: PulsarStorage, sparse: Topic) -> None:
    name = sparse.name
    assert list(storage.log.read_backward(name, ABSENT, limit=5)) == []
    assert list(storage.log.read_forward(name, ABSENT, limit=5)) == []
    assert storage.log.first_since(name, ABSENT, datetime(2020, 1, 1, tzinfo=UTC)) is None
    assert [ends.last is None for ends in storage.log.ends(name)] == [False, True, True]


@pytest.mark.parametrize("start", [Edge.EARLIEST, Edge.LATEST])
def test_a_reader_waits_in_it_for_what_comes(storage: PulsarStorage, sparse: Topic, start: Edge) -> None:
    with storage.log.open_reader(sparse.name, ABSENT, after=start) as reader:
        assert list(reader.read(limit=5, timeout=0.2)) == []
        storage.log.append(sparse.name, [NewMessage(payload=b"late", key=key_of(ABSENT))])
        assert [message.payload for message in reader.read(limit=5, timeout=PATIENCE)] == [b"late"]


def test_what_is_gone_altogether_is_still_unknown(storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client) -> None:
    name = topic()
    assert storage.log.topic(name).partitions == 1
    admin.delete(f"persistent/{name}").raise_for_status()
    with pytest.raises(UnknownTopic):
        storage.log.read_backward(name, 0, limit=1)


@pytest.mark.usefixtures("desk_databases")
def test_the_topics_page_and_its_tail_show_the_other_partitions(storage: PulsarStorage, sparse: Topic) -> None:
    rows = Desk(storage=storage, config=Config(), safeguards=ONLY_LOOKING).streams.topic_page(sparse).items
    assert [row.event.message.payload for row in rows if row.event] == [b"there"]
    hub = Hub(log=storage.log, read=lambda message: read_event(message, ()))
    try:
        viewer = hub.open([sparse], Start(last=10), lambda: None)
        found: list[bytes] = []

        def are_there(count: int) -> bool:
            found.extend(entry.message.payload for piece in viewer.take().pieces for entry in piece.entries)
            return len(found) == count

        assert eventually(lambda: are_there(1))
        storage.log.append(sparse.name, [NewMessage(payload=b"late", key=key_of(ABSENT))])
        assert eventually(lambda: are_there(2))
        assert not viewer.ended
    finally:
        hub.close()


@pytest.mark.usefixtures("desk_databases")
def test_the_index_follows_the_topic(storage: PulsarStorage, sparse: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.log, "topics", lambda: [sparse])

    def index() -> int:
        following = Following(
            storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None
        )
        return index_until_caught_up(following)

    assert index() == 1
    storage.log.append(sparse.name, [NewMessage(payload=b"late", key=key_of(ABSENT))])
    assert index() == 1
    assert sorted(IndexedPartition.objects.values_list("number", "next_ordinal")) == [(0, 1), (1, 0), (ABSENT, 1)]
