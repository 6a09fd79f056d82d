"""A closed storage says that it is closed, whatever is called."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from eventstore.model.errors import StoreClosed
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType
from tests.contract.conftest import MakeTopic, OpenStorage
from tests.contract.helpers import numbered, payloads, texts, whole_log
from tests.parts import subscriptions_of

EXCLUSIVE = SubscriptionType.EXCLUSIVE
Call = Callable[[Storage, str, Position], object]
CALLS: dict[str, Call] = {
    "topics": lambda storage, topic, place: storage.log.topics(),
    "topic": lambda storage, topic, place: storage.log.topic(topic),
    "create_topic": lambda storage, topic, place: storage.log.create_topic(topic),
    "ends": lambda storage, topic, place: storage.log.ends(topic),
    "amounts": lambda storage, topic, place: storage.log.amounts(topic, {0: place}),
    "append": lambda storage, topic, place: storage.log.append(topic, numbered(1)),
    "known_ids": lambda storage, topic, place: storage.log.known_ids(topic, ["1"]),
    "read_forward": lambda storage, topic, place: storage.log.read_forward(topic, 0, limit=1),
    "read_backward": lambda storage, topic, place: storage.log.read_backward(topic, 0, limit=1),
    "fetch": lambda storage, topic, place: storage.log.fetch([place]),
    "first_since": lambda storage, topic, place: storage.log.first_since(topic, 0, datetime(2020, 1, 1, tzinfo=UTC)),
    "open_reader": lambda storage, topic, place: storage.log.open_reader(topic, 0, after=Edge.EARLIEST),
    "position": lambda storage, topic, place: storage.log.position(topic, 0, place.token),
    "labelled": lambda storage, topic, place: storage.log.labelled(topic, 0, place.label),
    "subscriptions": lambda storage, topic, place: subscriptions_of(storage).of_topic(topic),
    "subscription": lambda storage, topic, place: subscriptions_of(storage).named(topic, "s"),
    "create_subscription": lambda storage, topic, place: subscriptions_of(storage).create(topic, "s", type=EXCLUSIVE),
    "consume": lambda storage, topic, place: subscriptions_of(storage).consume(topic, "s", type=EXCLUSIVE, consumer="c"),
    "reset_cursor": lambda storage, topic, place: subscriptions_of(storage).reset_cursor(topic, "s", {0: place}),
    "ping": lambda storage, topic, place: storage.log.ping(),
}


def test_every_call_of_a_closed_storage_raises_store_closed(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    [place] = storage.log.append(name, numbered(1))
    registry = storage.schemas
    schema: dict[str, Call] = {} if registry is None else {"schema": lambda _, topic, place: registry.schema(topic, "0")}
    storage.close()
    for call, ask in (CALLS | schema).items():
        with pytest.raises(StoreClosed):
            ask(storage, name, place)
            pytest.fail(f"{call} went on working")


def test_closing_twice_is_harmless_and_others_go_on(storage: Storage, open_storage: OpenStorage, topic: MakeTopic) -> None:
    name = topic().name
    other = open_storage()
    other.log.append(name, numbered(2))
    other.close()
    other.close()
    assert payloads(whole_log(storage, name)) == texts(2)


def test_what_a_closed_storage_opened_is_closed_as_well(open_storage: OpenStorage, topic: MakeTopic) -> None:
    name = topic().name
    storage = open_storage()
    reader = storage.log.open_reader(name, 0, after=Edge.EARLIEST)
    consumer = subscriptions_of(storage).consume(name, "s", type=EXCLUSIVE, consumer="c")
    storage.close()
    with pytest.raises(StoreClosed):
        reader.read(limit=1, timeout=0)
    with pytest.raises(StoreClosed):
        consumer.receive(limit=1, timeout=0)
    reader.close()
    consumer.close()


def test_what_was_appended_outlives_the_storage(open_storage: OpenStorage, topic: MakeTopic) -> None:
    name = topic().name
    first = open_storage()
    first.log.append(name, numbered(3))
    first.close()
    assert payloads(whole_log(open_storage(), name)) == texts(3)


def test_an_open_storage_says_what_answers(storage: Storage) -> None:
    answer = storage.log.ping()
    assert any(character.isdigit() for character in answer), "the version is part of it"
    assert len(answer) < 200
