"""Names that do not exist, and names that were made to do harm."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import InvalidName, UnknownSubscription, UnknownTopic
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import eventually, numbered, payloads, receive_until, texts, whole_log
from tests.namespaces import own_namespace
from tests.parts import subscriptions_of
from tests.run_servers import BrokerAddress

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
    "topic": lambda storage, topic: storage.log.topic(topic),
    "ends": lambda storage, topic: storage.log.ends(topic),
    "append": lambda storage, topic: storage.log.append(topic, numbered(1)),
    "append nothing": lambda storage, topic: storage.log.append(topic, []),
    "read_forward": lambda storage, topic: storage.log.read_forward(topic, 0, limit=1),
    "read_backward": lambda storage, topic: storage.log.read_backward(topic, 0, limit=1),
    "first_since": lambda storage, topic: storage.log.first_since(topic, 0, datetime(2020, 1, 1, tzinfo=UTC)),
    "open_reader": lambda storage, topic: storage.log.open_reader(topic, 0, after=Edge.EARLIEST),
    "subscriptions": lambda storage, topic: subscriptions_of(storage).of_topic(topic),
    "subscription": lambda storage, topic: subscriptions_of(storage).named(topic, "s"),
    "create_subscription": lambda storage, topic: subscriptions_of(storage).create(topic, "s", type=SHARED),
    "consume": lambda storage, topic: subscriptions_of(storage).consume(topic, "s", type=SHARED, consumer="c"),
    "reset_cursor": lambda storage, topic: subscriptions_of(storage).reset_cursor(topic, "s", {0: Edge.EARLIEST}),
}


@pytest.fixture
def address(address: dict[str, str]) -> dict[str, str]:
    """On a broker, with a namespace of its own: other workers create topics meanwhile, and these tests list all topics."""
    if "EVENTSTORE_URL" not in address:
        return address
    return {**address, **own_namespace(BrokerAddress(address["EVENTSTORE_URL"], address["PULSAR_ADMIN_URL"]))}


def test_every_call_about_a_topic_that_is_not_there_says_so(storage: Storage, topic: MakeTopic) -> None:
    absent = topic().name + "-absent"
    for call, ask in CALLS.items():
        with pytest.raises(UnknownTopic):
            ask(storage, absent)
            pytest.fail(f"{call} knew a topic that nobody made")
    assert absent not in [t.name for t in storage.log.topics()], "asking made it"


def test_a_partition_that_the_topic_has_not_is_unknown(storage: Storage, topic: MakeTopic) -> None:
    name = topic(partitions=2).name
    for partition in (-1, 2, 10_000):
        with pytest.raises(UnknownTopic):
            storage.log.read_forward(name, partition, limit=1)
        with pytest.raises(UnknownTopic):
            storage.log.read_backward(name, partition, limit=1)
        with pytest.raises(UnknownTopic):
            storage.log.open_reader(name, partition, after=Edge.EARLIEST)


def test_a_subscription_that_is_not_there_is_unknown(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    with pytest.raises(UnknownSubscription):
        subscriptions_of(storage).named(name, "nobody")
    with pytest.raises(UnknownSubscription):
        subscriptions_of(storage).reset_cursor(name, "nobody", {0: Edge.EARLIEST})
    assert list(subscriptions_of(storage).of_topic(name)) == []


def test_a_hostile_topic_name_is_a_topic_of_its_own_or_is_refused(storage: Storage) -> None:
    for hostile in HOSTILE:
        check_topic_of_its_own_or_refused(storage, f"{hostile}{uuid4().hex}")


def check_topic_of_its_own_or_refused(storage: Storage, name: str) -> None:
    before = {t.name for t in storage.log.topics()}
    try:
        made = storage.log.create_topic(name)
    except InvalidName as error:
        assert str(error)
        assert {t.name for t in storage.log.topics()} == before
        with pytest.raises((InvalidName, UnknownTopic)):
            storage.log.topic(name)
        return
    assert made.name.endswith(name)
    assert {t.name for t in storage.log.topics()} - before == {made.name}
    storage.log.append(made.name, numbered(2))
    assert payloads(whole_log(storage, made.name)) == texts(2)
    assert storage.log.topic(name) == made == storage.log.topic(made.name)


def test_asking_for_a_hostile_topic_that_is_not_there_is_answered_as_unknown(storage: Storage) -> None:
    for hostile in HOSTILE:
        with pytest.raises((UnknownTopic, InvalidName)):
            storage.log.topic(hostile + uuid4().hex)
            pytest.fail(hostile)


def test_names_that_no_store_should_have_are_refused_with_a_sentence(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    for bad in REFUSED:
        check_refused(storage, name, bad)
    assert list(subscriptions_of(storage).of_topic(name)) == []


def check_refused(storage: Storage, name: str, bad: str) -> None:
    with pytest.raises(InvalidName, match=r"\w+ \w+"):
        storage.log.create_topic(bad)
    with pytest.raises((UnknownTopic, InvalidName)):
        storage.log.topic(bad)
    with pytest.raises(InvalidName, match=r"\w+ \w+"):
        subscriptions_of(storage).create(name, bad, type=SHARED)
    with pytest.raises(InvalidName):
        subscriptions_of(storage).consume(name, bad, type=SHARED, consumer="c")
    with pytest.raises((UnknownSubscription, InvalidName)):
        subscriptions_of(storage).named(name, bad)


def stands_at(storage: Storage, topic: str, name: str) -> Position | None:
    return subscriptions_of(storage).named(topic, name).cursors[0].acknowledged


def test_a_hostile_subscription_name_is_a_subscription_like_any_other(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    storage.log.append(name, numbered(2))
    for number, hostile in enumerate(HOSTILE, start=1):
        check_subscription_like_any_other(storage, name, hostile)
        assert {s.name for s in subscriptions_of(storage).of_topic(name)} == set(HOSTILE[:number])


def check_subscription_like_any_other(storage: Storage, name: str, hostile: str) -> None:
    made = subscriptions_of(storage).create(name, hostile, type=SHARED, start=Edge.EARLIEST)
    assert made.name == hostile
    assert subscriptions_of(storage).named(name, hostile).name == hostile
    with subscriptions_of(storage).consume(name, hostile, type=SHARED, consumer=hostile) as consumer:
        for message in receive_until(consumer, 2):
            consumer.acknowledge(message.position)
    assert eventually(lambda: stands_at(storage, name, hostile) is not None), "its cursor is found by its name"
    moves: list[CursorMove] = []
    subscriptions_of(storage).reset_cursor(name, hostile, {0: Edge.EARLIEST}, on_move=moves.append)
    assert [move.result for move in moves] == [MoveResult.MOVED]
    assert stands_at(storage, name, hostile) is None
    with subscriptions_of(storage).consume(name, hostile, type=SHARED, consumer=hostile) as consumer:
        assert payloads(receive_until(consumer, 2)) == texts(2)
