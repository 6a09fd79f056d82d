"""A closed storage says that it is closed, whatever is called."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from eventstore.model.errors import StoreClosed
from eventstore.model.events import Position
from eventstore.model.storage import Edge, Storage, SubscriptionType
from tests.contract.conftest import MakeTopic, OpenStorage
from tests.contract.helpers import numbered, payloads, texts, whole_log

EXCLUSIVE = SubscriptionType.EXCLUSIVE
CALLS: dict[str, Callable[[Storage, str, Position], object]] = {
    "topics": lambda storage, topic, place: storage.topics(),
    "topic": lambda storage, topic, place: storage.topic(topic),
    "create_topic": lambda storage, topic, place: storage.create_topic(topic),
    "ends": lambda storage, topic, place: storage.ends(topic),
    "amounts": lambda storage, topic, place: storage.amounts(topic, {0: place}),
    "append": lambda storage, topic, place: storage.append(topic, numbered(1)),
    "known_ids": lambda storage, topic, place: storage.known_ids(topic, ["1"]),
    "read_forward": lambda storage, topic, place: storage.read_forward(topic, 0, limit=1),
    "read_backward": lambda storage, topic, place: storage.read_backward(topic, 0, limit=1),
    "fetch": lambda storage, topic, place: storage.fetch([place]),
    "schema": lambda storage, topic, place: storage.schema(topic, "0"),
    "first_since": lambda storage, topic, place: storage.first_since(topic, 0, datetime(2020, 1, 1, tzinfo=UTC)),
    "open_reader": lambda storage, topic, place: storage.open_reader(topic, 0, after=Edge.EARLIEST),
    "position": lambda storage, topic, place: storage.position(topic, 0, place.token),
    "labelled": lambda storage, topic, place: storage.labelled(topic, 0, place.label),
    "subscriptions": lambda storage, topic, place: storage.subscriptions(topic),
    "subscription": lambda storage, topic, place: storage.subscription(topic, "s"),
    "create_subscription": lambda storage, topic, place: storage.create_subscription(topic, "s", type=EXCLUSIVE),
    "consume": lambda storage, topic, place: storage.consume(topic, "s", type=EXCLUSIVE, consumer="c"),
    "reset_cursor": lambda storage, topic, place: storage.reset_cursor(topic, "s", {0: place}),
    "ping": lambda storage, topic, place: storage.ping(),
}


def test_every_call_of_a_closed_storage_raises_store_closed(storage: Storage, topic: MakeTopic) -> None:
    name = topic().name
    [place] = storage.append(name, numbered(1))
    storage.close()
    for call, ask in CALLS.items():
        with pytest.raises(StoreClosed):
            ask(storage, name, place)
            pytest.fail(f"{call} went on working")


def test_closing_twice_is_harmless_and_others_go_on(storage: Storage, open_storage: OpenStorage, topic: MakeTopic) -> None:
    name = topic().name
    other = open_storage()
    other.append(name, numbered(2))
    other.close()
    other.close()
    assert payloads(whole_log(storage, name)) == texts(2)


def test_what_a_closed_storage_opened_is_closed_as_well(open_storage: OpenStorage, topic: MakeTopic) -> None:
    name = topic().name
    storage = open_storage()
    reader = storage.open_reader(name, 0, after=Edge.EARLIEST)
    consumer = storage.consume(name, "s", type=EXCLUSIVE, consumer="c")
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
    first.append(name, numbered(3))
    first.close()
    assert payloads(whole_log(open_storage(), name)) == texts(3)


def test_an_open_storage_says_what_answers(storage: Storage) -> None:
    answer = storage.ping()
    assert any(character.isdigit() for character in answer), "the version is part of it"
    assert len(answer) < 200
