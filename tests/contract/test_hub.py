"""The tail's hub over every driver: from a place on, everything once, whatever happens to the viewer."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC

import pytest

from eventstore.config import Config
from eventstore.envelope import read_event
from eventstore.events import NewMessage, Topic
from eventstore.storage import Storage
from eventstore.tail import Hub
from eventstore.viewing import MOST_WAITING, Viewer
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import PATIENCE, eventually


@pytest.fixture
def hub(storage: Storage) -> Iterator[Hub]:
    made = Hub(storage=storage, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()


def numbered(count: int, start: int = 0) -> list[NewMessage]:
    """Spread over many keys, so that every partition gets some."""
    return [NewMessage(payload=str(number).encode(), key=f"k{number % 17}") for number in range(start, start + count)]


def places(storage: Storage, topic: Topic) -> dict[int, str]:
    """Where a page stands that has just been loaded."""
    return {ends.partition: ends.last.token if ends.last else "" for ends in storage.ends(topic.name)}


def taken(viewer: Viewer, count: int, *, limit: int = 500) -> list[int]:
    """The numbers of the next events, in the order in which they came."""
    found: list[int] = []
    end = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < end:
        batch = viewer.take(limit)
        assert batch.skipped == 0
        found += [int(entry.event.message.payload) for entry in batch.entries]
        if not batch.entries:
            time.sleep(0.02)
    return found


def in_order_for_each_key(numbers: Sequence[int]) -> bool:
    """Events of one key are in order, whatever the others do."""
    last: dict[int, int] = {}
    for number in numbers:
        if last.get(number % 17, -1) > number:
            return False
        last[number % 17] = number
    return True


def test_a_viewer_gets_what_is_published_from_its_place_on(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic(partitions=3)
    storage.append(watched.name, numbered(10))
    woken = threading.Event()
    viewer = hub.open(watched, places(storage, watched), woken.set)
    assert list(viewer.take(500).entries) == []
    storage.append(watched.name, numbered(20, start=10))
    assert woken.wait(PATIENCE)
    numbers = taken(viewer, 20)
    assert sorted(numbers) == list(range(10, 30))
    assert in_order_for_each_key(numbers)


def test_on_an_empty_topic_the_first_event_arrives(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    viewer = hub.open(watched, places(storage, watched), lambda: None)
    storage.append(watched.name, numbered(1))
    assert taken(viewer, 1) == [0]


def test_a_viewer_that_comes_back_gets_what_it_missed_once(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic(partitions=2)
    before = places(storage, watched)
    first = hub.open(watched, before, lambda: None)
    storage.append(watched.name, numbered(5))
    assert sorted(taken(first, 5)) == list(range(5))
    had = places(storage, watched)
    first.close()
    storage.append(watched.name, numbered(30, start=5))
    again = hub.open(watched, had, lambda: None)
    storage.append(watched.name, numbered(7, start=35))
    numbers = taken(again, 37)
    assert sorted(numbers) == list(range(5, 42))
    assert in_order_for_each_key(numbers)
    time.sleep(0.3)
    assert list(again.take(500).entries) == []


def test_viewers_that_join_while_events_are_published_have_neither_gap_nor_double(
    storage: Storage, topic: MakeTopic, hub: Hub
) -> None:
    watched = topic(partitions=2)
    start = places(storage, watched)
    total = 400

    def publish() -> None:
        for number in range(0, total, 10):
            storage.append(watched.name, numbered(10, start=number))

    publisher = threading.Thread(target=publish)
    publisher.start()
    viewers = []
    for _ in range(6):
        viewers.append(hub.open(watched, start, lambda: None))
        time.sleep(0.02)
    publisher.join()
    for viewer in viewers:
        assert sorted(taken(viewer, total)) == list(range(total))


def test_one_that_was_away_too_long_gets_the_last_ones_and_is_told(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    storage.append(watched.name, numbered(MOST_WAITING + 20))
    viewer = hub.open(watched, {0: ""}, lambda: None)
    batch = viewer.take(10_000)
    assert batch.more_missed
    assert [int(entry.event.message.payload) for entry in batch.entries] == list(range(20, MOST_WAITING + 20))
    assert not viewer.take(10_000).more_missed


def test_a_burst_that_a_page_can_hold_arrives_whole_a_frame_at_a_time(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    viewer = hub.open(watched, places(storage, watched), lambda: None)
    storage.append(watched.name, numbered(MOST_WAITING))
    assert eventually(lambda: viewer.tail.ring.next_number >= MOST_WAITING)
    assert taken(viewer, MOST_WAITING, limit=100) == list(range(MOST_WAITING))


def test_a_slow_viewer_is_told_how_many_it_did_not_get(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    viewer = hub.open(watched, places(storage, watched), lambda: None)
    storage.append(watched.name, numbered(MOST_WAITING + 30))
    assert eventually(lambda: viewer.tail.ring.next_number >= MOST_WAITING + 30)
    batch = viewer.take(20)
    assert [int(entry.event.message.payload) for entry in batch.entries] == list(range(30, 50))
    assert batch.skipped == 30
    assert taken(viewer, MOST_WAITING - 20, limit=100) == list(range(50, MOST_WAITING + 30))


def test_however_many_watch_a_partition_is_read_once(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic(partitions=2)
    viewers = [hub.open(watched, places(storage, watched), lambda: None) for _ in range(10)]
    readers = [thread.name for thread in threading.enumerate() if thread.name.startswith(f"tail {watched.name} ")]
    assert sorted(readers) == [f"tail {watched.name} 0", f"tail {watched.name} 1"]
    storage.append(watched.name, numbered(40))
    for viewer in viewers:
        assert sorted(taken(viewer, 40)) == list(range(40))
    assert all(entry.event.message.published.tzinfo is UTC for entry in viewers[0].tail.ring.since(0).entries)


def test_closing_the_hub_ends_its_readers(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    hub.open(watched, places(storage, watched), lambda: None)
    hub.close()
    assert eventually(lambda: not any(thread.name.startswith(f"tail {watched.name} ") for thread in threading.enumerate()))


def test_a_viewer_that_comes_as_a_tail_stops_gets_a_new_one(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    first = hub.open(watched, places(storage, watched), lambda: None)
    first.tail.stop()
    assert not first.tail.join(first), "a tail that has stopped takes nobody any more"
    second = hub.open(watched, places(storage, watched), lambda: None)
    storage.append(watched.name, numbered(3))
    assert taken(second, 3) == [0, 1, 2]
