"""What counts as a topic: partitions are folded, namespaces are patterns, what is new is found by itself."""

from uuid import uuid4

import httpx
import pytest

from eventstore.drivers.pulsar import topics
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.errors import InvalidName, StoreRefused, UnknownTopic
from eventstore.events import NewMessage, TopicKind
from scripts.local_pulsar import LocalPulsar
from tests.broker.conftest import MakeTopic, storage_of

pytestmark = pytest.mark.broker


def names(storage: PulsarStorage) -> set[str]:
    return {topic.name for topic in storage.topics()}


def test_a_partitioned_topic_is_one_topic_with_partitions(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic(partitions=3)
    [found] = [each for each in storage.topics() if each.name.startswith(name)]
    assert (found.name, found.partitions) == (name, 3)


def test_a_partition_is_no_topic_of_its_own(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic(partitions=2)
    with pytest.raises(UnknownTopic):
        storage.topic(f"{name}-partition-1")


def test_a_name_that_only_looks_like_a_partition_is_a_topic(storage: PulsarStorage) -> None:
    name = f"public/default/{uuid4().hex}-partition-abc"
    assert storage.create_topic(name).name == name
    assert name in names(storage)


def test_a_partition_of_nothing_is_refused(storage: PulsarStorage) -> None:
    with pytest.raises(InvalidName, match="partition"):
        storage.create_topic(f"{uuid4().hex}-partition-0")


def test_short_full_and_written_out_names_are_the_same_topic(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    short = name.rpartition("/")[2]
    assert storage.topic(short) == storage.topic(name) == storage.topic(f"persistent://{name}")
    with pytest.raises(UnknownTopic):
        storage.topic(f"non-persistent://{name}")


def test_more_partitions_are_noticed(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic(partitions=2)
    admin.post(f"persistent/{name}/partitions", json=5).raise_for_status()
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    assert storage.topic(name).partitions == 5
    assert [ends.partition for ends in storage.ends(name)] == [0, 1, 2, 3, 4]
    [position] = storage.append(name, [NewMessage(payload=b"x", key="fifth-1")])
    assert storage.fetch([position])[position].payload == b"x"


def test_a_topic_that_a_publisher_makes_is_found(
    storage: PulsarStorage, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    name = f"public/default/{uuid4().hex}"
    assert name not in names(storage)
    admin.put(f"persistent/{name}").raise_for_status()
    assert name in names(storage)


def test_a_topic_that_was_not_there_a_moment_ago_is_found_at_once(storage: PulsarStorage, admin: httpx.Client) -> None:
    name = f"public/default/{uuid4().hex}"
    with pytest.raises(UnknownTopic):
        storage.topic(name)
    admin.put(f"persistent/{name}").raise_for_status()
    assert storage.topic(name).name == name


def test_the_watched_namespaces_are_patterns(pulsar_broker: LocalPulsar, admin: httpx.Client) -> None:
    mark = uuid4().hex
    for namespace in (f"prod-{mark}-a", f"prod-{mark}-b", f"test-{mark}"):
        admin.put(f"namespaces/public/{namespace}").raise_for_status()
        admin.put(f"persistent/public/{namespace}/documents").raise_for_status()
    storage = storage_of(pulsar_broker, namespaces=(f"public/prod-{mark}-*",))
    try:
        assert names(storage) == {f"public/prod-{mark}-a/documents", f"public/prod-{mark}-b/documents"}
        assert storage.topic(f"public/prod-{mark}-a/documents").partitions == 1
        with pytest.raises(UnknownTopic):
            storage.topic(f"public/test-{mark}/documents")
        with pytest.raises(InvalidName, match="not watched"):
            storage.create_topic(f"public/test-{mark}/more")
    finally:
        storage.close()


def test_a_namespace_that_is_not_there_has_no_topics_and_takes_none(pulsar_broker: LocalPulsar) -> None:
    storage = storage_of(pulsar_broker, namespaces=("public/nowhere", "nobody/*"))
    try:
        assert list(storage.topics()) == []
        with pytest.raises(StoreRefused, match="no namespace public/nowhere"):
            storage.create_topic("documents")
    finally:
        storage.close()


def test_what_the_broker_keeps_for_itself_is_marked(storage: PulsarStorage) -> None:
    made = storage.create_topic(f"__{uuid4().hex}")
    assert made.kind is TopicKind.SYSTEM
    assert made.derived
