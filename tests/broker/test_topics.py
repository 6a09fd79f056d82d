"""What counts as a topic: partitions are folded, namespaces are patterns, and new topics are found."""

import threading
from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import httpx
import pytest

from eventstore.drivers.pulsar import topics
from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import InvalidName, StoreRefused, UnknownTopic
from eventstore.model.events import NewMessage, TopicKind
from tests.admin_calls import noted_calls
from tests.broker.conftest import MakeTopic, storage_of
from tests.contract.helpers import PATIENCE
from tests.run_servers import BrokerAddress

pytestmark = pytest.mark.broker


def names(storage: PulsarStorage) -> set[str]:
    return {topic.name for topic in storage.log.topics()}


def test_a_partitioned_topic_is_one_topic_with_partitions(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic(partitions=3)
    [found] = [each for each in storage.log.topics() if each.name.startswith(name)]
    assert (found.name, found.partitions) == (name, 3)


def test_a_partition_is_no_topic_of_its_own(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic(partitions=2)
    with pytest.raises(UnknownTopic):
        storage.log.topic(f"{name}-partition-1")


def test_a_name_that_only_looks_like_a_partition_is_a_topic(storage: PulsarStorage) -> None:
    name = f"public/default/{uuid4().hex}-partition-abc"
    assert storage.log.create_topic(name).name == name
    assert name in names(storage)


def test_a_partition_of_nothing_is_refused(storage: PulsarStorage) -> None:
    with pytest.raises(InvalidName, match="partition"):
        storage.log.create_topic(f"{uuid4().hex}-partition-0")


def test_short_full_and_written_out_names_are_the_same_topic(storage: PulsarStorage, topic: MakeTopic) -> None:
    name = topic()
    short = name.rpartition("/")[2]
    assert storage.log.topic(short) == storage.log.topic(name) == storage.log.topic(f"persistent://{name}")
    with pytest.raises(UnknownTopic):
        storage.log.topic(f"non-persistent://{name}")


def test_more_partitions_are_noticed(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic(partitions=2)
    admin.post(f"persistent/{name}/partitions", json=5).raise_for_status()
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    assert storage.log.topic(name).partitions == 5
    assert [ends.partition for ends in storage.log.ends(name)] == [0, 1, 2, 3, 4]
    [position] = storage.log.append(name, [NewMessage(payload=b"x", key="fifth-1")])
    assert storage.log.fetch([position])[position].payload == b"x"


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
        storage.log.topic(name)
    admin.put(f"persistent/{name}").raise_for_status()
    assert storage.log.topic(name).name == name


def test_the_watched_namespaces_are_patterns(pulsar_broker: BrokerAddress, admin: httpx.Client) -> None:
    mark = uuid4().hex
    for namespace in (f"prod-{mark}-a", f"prod-{mark}-b", f"test-{mark}"):
        admin.put(f"namespaces/public/{namespace}").raise_for_status()
        admin.put(f"persistent/public/{namespace}/documents").raise_for_status()
    storage = storage_of(pulsar_broker, namespaces=(f"public/prod-{mark}-*",))
    try:
        assert names(storage) == {f"public/prod-{mark}-a/documents", f"public/prod-{mark}-b/documents"}
        assert storage.log.topic(f"public/prod-{mark}-a/documents").partitions == 1
        with pytest.raises(UnknownTopic):
            storage.log.topic(f"public/test-{mark}/documents")
        with pytest.raises(InvalidName, match="not watched"):
            storage.log.create_topic(f"public/test-{mark}/more")
    finally:
        storage.close()


def test_a_namespace_that_is_not_there_has_no_topics_and_takes_none(pulsar_broker: BrokerAddress) -> None:
    storage = storage_of(pulsar_broker, namespaces=("public/nowhere", "nobody/*"))
    try:
        assert list(storage.log.topics()) == []
        with pytest.raises(StoreRefused, match="no namespace public/nowhere"):
            storage.log.create_topic("documents")
    finally:
        storage.close()


def test_what_the_broker_keeps_for_itself_is_marked(storage: PulsarStorage) -> None:
    made = storage.log.create_topic(f"__{uuid4().hex}")
    assert made.kind is TopicKind.SYSTEM
    assert made.derived


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that are requested from the admin API from now on."""
    with noted_calls(monkeypatch) as paths:
        yield paths


def partitions_listed(storage: PulsarStorage, name: str) -> int:
    [found] = [each for each in storage.log.topics() if each.name == name]
    return found.partitions


def test_a_list_that_is_made_again_asks_for_no_single_topic(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    made = {topic(partitions=partitions): partitions for partitions in (2, 3, 4)}
    storage.log.topics()
    asked.clear()
    assert {each.name: each.partitions for each in storage.log.topics() if each.name in made} == made
    assert asked[:2] == ["persistent/public/default/partitioned", "persistent/public/default"]
    # Other tests of the same broker make topics meanwhile, which are asked for once.
    assert not [path for path in asked if any(name in path for name in made)]


def test_a_list_that_is_made_again_notices_more_partitions(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    name = topic(partitions=2)
    assert partitions_listed(storage, name) == 2
    admin.post(f"persistent/{name}/partitions", json=5).raise_for_status()
    assert partitions_listed(storage, name) == 5


def test_partitions_that_the_broker_does_not_list_count(
    storage: PulsarStorage, topic: MakeTopic, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "FRESH_SECONDS", 0.0)
    name = topic(partitions=3)
    admin.delete(f"persistent/{name}-partition-2").raise_for_status()
    assert partitions_listed(storage, name) == 3
    admin.post(f"persistent/{name}/partitions", json=4).raise_for_status()
    admin.delete(f"persistent/{name}-partition-3").raise_for_status()
    monkeypatch.setattr(topics, "COUNTED_SECONDS", 0.0)
    assert partitions_listed(storage, name) == 4, "after a while the broker is asked again"


class Gate:
    """Holds every caller that has read the names of the logs until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self.passed = 0
        read: Callable[[Admin, str], Sequence[str]] = Admin.topics

        def held(admin: Admin, namespace: str) -> Sequence[str]:
            names = read(admin, namespace)
            self.passed += 1
            self.reached.set()
            assert self.open.wait(PATIENCE)
            return names

        monkeypatch.setattr(Admin, "topics", held)


def test_many_who_ask_at_once_are_one_question_to_the_broker(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic(partitions=2)
    gate = Gate(monkeypatch)
    answers: list[set[str]] = []
    callers = [threading.Thread(target=lambda: answers.append(names(storage))) for _ in range(8)]
    for caller in callers:
        caller.start()
    assert gate.reached.wait(PATIENCE)
    gate.open.set()
    for caller in callers:
        caller.join(PATIENCE)
    assert gate.passed == 1
    assert len(answers) == 8
    assert all(name in answer for answer in answers)


def test_a_topic_that_is_made_while_a_list_is_on_its_way_is_not_missed(
    storage: PulsarStorage, topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    early = threading.Thread(target=storage.log.topics)
    early.start()
    assert gate.reached.wait(PATIENCE)
    name = topic()
    gate.open.set()
    early.join(PATIENCE)
    assert name in names(storage)
