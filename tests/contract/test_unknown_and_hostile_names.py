"""Names that do not exist, and names that were made to do harm."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from eventstore.model.errors import InvalidName, UnknownSubscription, UnknownTopic
from eventstore.model.storage import Edge, Storage, SubscriptionType
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import numbered, payloads, receive_until, texts, whole_log

SHARED = SubscriptionType.SHARED
HOSTILE = [
    "with space",
    "per%2Fcent",
    "per%252Fcent",
    "a/b",
    "../../admin/v2/clusters",
    "tilde~",
    "emoji-🦊",
    "кириллица",
    "<script>alert(1)</script>",
    "quote'\"; DROP TABLE store_topic; --",
    "query?a=b&c=d",
    "fragment#x",
    "back\\slash",
    "user@host",
    "semi;colon",
    "\u202eright-to-left",
    "plus+plus",
    "//host/path",
    "-leading-dash",
]
REFUSED = ["", ".", "..", "nul\x00", "line\nbreak", "carriage\rreturn", "tab\t", "\x7f", "half \ud83e", "x" * 300]
CALLS: dict[str, Callable[[Storage, str], object]] = {
    "topic": lambda storage, topic: storage.topic(topic),
    "ends": lambda storage, topic: storage.ends(topic),
    "append": lambda storage, topic: storage.append(topic, numbered(1)),
    "append nothing": lambda storage, topic: storage.append(topic, []),
    "read_forward": lambda storage, topic: storage.read_forward(topic, 0, limit=1),
    "read_backward": lambda storage, topic: storage.read_backward(topic, 0, limit=1),
    "first_since": lambda storage, topic: storage.first_since(topic, 0, datetime(2020, 1, 1, tzinfo=UTC)),
    "open_reader": lambda storage, topic: storage.open_reader(topic, 0, after=Edge.EARLIEST),
    "subscriptions": lambda storage, topic: storage.subscriptions(topic),
    "subscription": lambda storage, topic: storage.subscription(topic, "s"),
    "create_subscription": lambda storage, topic: storage.create_subscription(topic, "s", type=SHARED),
    "consume": lambda storage, topic: storage.consume(topic, "s", type=SHARED, consumer="c"),
    "reset_cursor": lambda storage, topic: storage.reset_cursor(topic, "s", {0: Edge.EARLIEST}),
}


def test_every_call_about_a_topic_that_is_not_there_says_so(storage: Storage, topic: MakeTopic) -> None:
    absent = topic().name + "-absent"
    for call, ask in CALLS.items():
        with pytest.raises(UnknownTopic):
            ask(storage, absent)
            pytest.fail(f"{call} knew a topic that nobody made")
    assert absent not in [t.name for t in storage.topics()], "asking made it"


@pytest.mark.parametrize("partition", [-1, 2, 10_000])
def test_a_partition_that_the_topic_has_not_is_unknown(storage: Storage, topic: MakeTopic, partition: int) -> None:
    name = topic(partitions=2).name
    with pytest.raises(UnknownTopic):
        storage.read_forward(name, partition, limit=1)
    with pytest.raises(UnknownTopic):
        storage.read_backward(name, partition, limit=1)
    with pytest.raises(UnknownTopic):
        storage.open_reader(name, partition, after=Edge.EARLIEST)


def test_a_subscription_that_is_not_there_is_unknown(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    with pytest.raises(UnknownSubscription):
        storage.subscription(name, "nobody")
    with pytest.raises(UnknownSubscription):
        storage.reset_cursor(name, "nobody", {0: Edge.EARLIEST})
    assert list(storage.subscriptions(name)) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_topic_name_is_a_topic_of_its_own_or_is_refused(storage: Storage, hostile: str) -> None:
    name = f"{hostile}{uuid4().hex}"
    before = {t.name for t in storage.topics()}
    try:
        made = storage.create_topic(name)
    except InvalidName as error:
        assert str(error)
        assert {t.name for t in storage.topics()} == before
        with pytest.raises((InvalidName, UnknownTopic)):
            storage.topic(name)
        return
    assert made.name.endswith(name)
    assert {t.name for t in storage.topics()} - before == {made.name}
    storage.append(made.name, numbered(2))
    assert payloads(whole_log(storage, made.name)) == texts(2)
    assert storage.topic(name) == made == storage.topic(made.name)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_asking_for_a_hostile_topic_that_is_not_there_is_answered_as_unknown(storage: Storage, hostile: str) -> None:
    with pytest.raises((UnknownTopic, InvalidName)):
        storage.topic(hostile + uuid4().hex)


@pytest.mark.parametrize("bad", REFUSED)
def test_names_that_no_store_should_have_are_refused_with_a_sentence(storage: Storage, topic: MakeTopic, bad: str) -> None:
    name = topic().name
    with pytest.raises(InvalidName, match=r"\w+ \w+"):
        storage.create_topic(bad)
    with pytest.raises((UnknownTopic, InvalidName)):
        storage.topic(bad)
    with pytest.raises(InvalidName, match=r"\w+ \w+"):
        storage.create_subscription(name, bad, type=SHARED)
    with pytest.raises(InvalidName):
        storage.consume(name, bad, type=SHARED, consumer="c")
    with pytest.raises((UnknownSubscription, InvalidName)):
        storage.subscription(name, bad)
    assert list(storage.subscriptions(name)) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_subscription_name_is_a_subscription_like_any_other(
    storage: Storage, topic: MakeTopic, hostile: str
) -> None:
    name = topic().name
    storage.append(name, numbered(2))
    made = storage.create_subscription(name, hostile, type=SHARED, start=Edge.EARLIEST)
    assert made.name == hostile
    assert [s.name for s in storage.subscriptions(name)] == [hostile]
    assert storage.subscription(name, hostile).name == hostile
    with storage.consume(name, hostile, type=SHARED, consumer=hostile) as consumer:
        for message in receive_until(consumer, 2):
            consumer.acknowledge(message.position)
    storage.reset_cursor(name, hostile, {0: Edge.EARLIEST})
    with storage.consume(name, hostile, type=SHARED, consumer=hostile) as consumer:
        assert payloads(receive_until(consumer, 2)) == texts(2)
