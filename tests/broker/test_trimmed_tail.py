"""What a subscriber is told that comes back after retention has trimmed what it missed."""

import threading

import httpx
import pytest

from eventstore.config.loading import Config
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.envelope import read_event
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.tail import Counts, Hub, Start, TailSubscriber, place_key
from tests.broker.conftest import MakeTopic
from tests.broker.test_payloads import truncate
from tests.contract.helpers import eventually, numbered

pytestmark = pytest.mark.broker


@pytest.fixture
def storage(alone: PulsarStorage) -> PulsarStorage:
    return alone


def taken(subscriber: TailSubscriber, count: int) -> tuple[list[int], Counts]:
    found: list[int] = []

    def all_are_there() -> bool:
        found.extend(int(entry.message.payload) for piece in subscriber.take().pieces for entry in piece.entries)
        return len(found) >= count

    assert eventually(all_are_there)
    return found, subscriber.take().counts


def test_what_is_gone_is_counted_where_the_index_knows_and_said_in_any_case(
    storage: PulsarStorage, admin: httpx.Client, topic: MakeTopic, desk_databases: dict[str, str]
) -> None:
    indexed, unknown = topic(), topic()
    config = Config()
    hub = Hub(log=storage.log, read=lambda message: read_event(message, config.mappings))
    following = Following(storage=storage, config=config, stop=threading.Event(), on_batch=lambda *_: None)
    try:
        for name in (indexed, unknown):
            positions = storage.log.append(name, numbered(30))
            if name == indexed:
                index_until_caught_up(following)
            truncate(admin, name)
            storage.log.append(name, numbered(3, start=30))
            if name == indexed:
                index_until_caught_up(following)
            back = Start(places={place_key(name, 0): positions[9].token})
            subscriber = hub.open([storage.log.topic(name)], back, lambda: None)
            found, counts = taken(subscriber, 3)
            assert found == [30, 31, 32]
            assert (counts.shown, counts.older) == (3, 20 if name == indexed else None)
            assert counts.published == (23 if name == indexed else 3)
            subscriber.close()
    finally:
        hub.close()
