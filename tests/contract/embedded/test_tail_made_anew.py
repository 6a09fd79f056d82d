"""Followers of a topic that is made anew: nothing old is shown as new, and whoever comes back with old places is told."""

from collections.abc import Iterator

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.envelope import read_event
from eventstore.tail import Hub, Start, TailSubscriber
from tests.contract.helpers import soon
from tests.index.made_anew import Untold, delete, publish
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(params=[DatabaseStorage, lambda: StorageOver(Untold())], ids=["told by the store", "by its end"])
def storage(request: pytest.FixtureRequest) -> DatabaseStorage:
    opened: DatabaseStorage = request.param()
    return opened


@pytest.fixture
def hub(storage: DatabaseStorage) -> Iterator[Hub]:
    one = hub_over(storage)
    yield one
    one.close()


def hub_over(storage: DatabaseStorage) -> Hub:
    return Hub(log=storage.log, read=read_event)


def follow(hub: Hub, storage: DatabaseStorage, start: Start) -> TailSubscriber:
    return hub.open([storage.log.topic("documents")], start, lambda: None)


def ids(subscriber: TailSubscriber, count: int) -> tuple[list[str], dict[str, str]]:
    """Take until so many events have come; return their ids, and the places after them."""
    found: list[str] = []
    places: dict[str, str] = {}

    def more() -> bool:
        take = subscriber.take()
        found.extend(entry.event.id for piece in take.pieces for entry in piece.entries)
        places.update({**take.places, **take.incarnations})
        return len(found) >= count

    assert soon(more)
    return found, places


def test_whoever_comes_back_with_the_places_of_the_old_topic_is_told_and_gets_all_of_the_new_one(
    hub: Hub, storage: DatabaseStorage
) -> None:
    publish(storage, 30)
    first = follow(hub, storage, Start(last=30))
    _, places = ids(first, 30)
    hub.close()
    delete()
    publish(storage, 20, life="new")
    again = hub_over(storage)
    back = follow(again, storage, Start(places=places))
    found, _ = ids(back, 20)
    assert found == [f"new-{number}" for number in range(20)]
    assert back.made_anew == ["documents"]
    assert back.take().counts.older is None
    again.close()


def test_whoever_comes_back_to_the_same_topic_is_told_nothing(hub: Hub, storage: DatabaseStorage) -> None:
    publish(storage, 30)
    _, places = ids(follow(hub, storage, Start(last=30)), 30)
    hub.close()
    publish(storage, 5, life="later")
    again = hub_over(storage)
    back = follow(again, storage, Start(places=places))
    found, _ = ids(back, 5)
    assert (found, list(back.made_anew)) == ([f"later-{number}" for number in range(5)], [])
    assert back.take().counts.older == 0
    again.close()
