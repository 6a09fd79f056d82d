"""The tail's hub over every driver: from a place on everything comes once, whatever happens to the subscriber."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import pytest

from eventstore.config.loading import Config
from eventstore.envelope import read_event
from eventstore.model.events import NewMessage, Topic
from eventstore.model.storage import Storage
from eventstore.tail import Hub, Start, TailSubscriber, Take, place_key, topic_tail
from eventstore.tail.subscriber.cursor import MOST_PENDING
from tests.contract.conftest import MakeTopic
from tests.contract.helpers import PATIENCE, eventually


@pytest.fixture(autouse=True)
def soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tail that is stopped ends with its readers' wait of half a second, more than most of these tests take."""
    monkeypatch.setattr(topic_tail, "WAIT", 0.05)


@pytest.fixture
def hub(storage: Storage) -> Iterator[Hub]:
    made = Hub(log=storage.log, read=lambda message: read_event(message, Config().mappings))
    yield made
    made.close()


def numbered(count: int, start: int = 0) -> list[NewMessage]:
    """Spread over many keys, so that every partition gets some."""
    return [NewMessage(payload=str(number).encode(), key=f"k{number % 17}") for number in range(start, start + count)]


def places(storage: Storage, *topics: Topic) -> Start:
    """Return the places of a page that was just loaded."""
    ends = [end for topic in topics for end in storage.log.ends(topic.name)]
    return Start(places={place_key(end.topic, end.partition): end.last.token if end.last else "" for end in ends})


def numbers_of(take: Take) -> list[int]:
    return [int(entry.message.payload) for piece in take.pieces for entry in piece.entries]


def taken(subscriber: TailSubscriber, count: int) -> list[int]:
    """Return the numbers of the next events in the order in which they came. Nothing may be skipped."""
    found: list[int] = []
    end = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < end:
        take = subscriber.take()
        counts = take.counts
        assert (counts.sampled, counts.slow, counts.older) == (0, 0, 0)
        assert counts.matched == counts.shown
        found += numbers_of(take)
        if not take.pieces:
            time.sleep(0.02)
    return found


def in_order_for_each_key(numbers: Sequence[int]) -> bool:
    """Return whether the events of each key are in order, whatever the other keys do."""
    last: dict[int, int] = {}
    for number in numbers:
        if last.get(number % 17, -1) > number:
            return False
        last[number % 17] = number
    return True


def test_a_subscriber_gets_what_is_published_from_its_place_on(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic(partitions=3)
    storage.log.append(watched.name, numbered(10))
    woken = threading.Event()
    subscriber = hub.open([watched], places(storage, watched), woken.set)
    assert list(subscriber.take().pieces) == []
    storage.log.append(watched.name, numbered(20, start=10))
    assert woken.wait(PATIENCE)
    numbers = taken(subscriber, 20)
    assert sorted(numbers) == list(range(10, 30))
    assert in_order_for_each_key(numbers)


def test_on_an_empty_topic_the_first_event_arrives(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    subscriber = hub.open([watched], places(storage, watched), lambda: None)
    storage.log.append(watched.name, numbered(1))
    assert taken(subscriber, 1) == [0]


def test_from_now_on_means_nothing_older_and_its_places_say_where_that_is(
    storage: Storage, topic: MakeTopic, hub: Hub
) -> None:
    watched = topic(partitions=2)
    storage.log.append(watched.name, numbered(10))
    subscriber = hub.open([watched], Start(), lambda: None)
    first = subscriber.take()
    assert list(first.pieces) == []
    assert first.places == places(storage, watched).places
    storage.log.append(watched.name, numbered(5, start=10))
    assert sorted(taken(subscriber, 5)) == list(range(10, 15))


def test_two_topics_are_watched_together(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    one, other = topic(), topic(partitions=2)
    storage.log.append(one.name, numbered(5))
    subscriber = hub.open([one, other], Start(places={}), lambda: None)
    storage.log.append(other.name, numbered(5, start=5))
    merged: dict[str, str] = {}
    found: list[int] = []

    def all_are_there() -> bool:
        take = subscriber.take()
        found.extend(numbers_of(take))
        merged.update(take.places)
        return len(found) == 10 and subscriber.take().counts.published == 10

    assert eventually(all_are_there)
    assert sorted(found) == list(range(10))
    assert merged == places(storage, one, other).places


def test_a_subscriber_that_comes_back_gets_what_it_missed_once(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic(partitions=2)
    before = places(storage, watched)
    first = hub.open([watched], before, lambda: None)
    storage.log.append(watched.name, numbered(5))
    assert sorted(taken(first, 5)) == list(range(5))
    had = places(storage, watched)
    first.close()
    storage.log.append(watched.name, numbered(30, start=5))
    again = hub.open([watched], had, lambda: None)
    storage.log.append(watched.name, numbered(7, start=35))
    numbers = taken(again, 37)
    assert sorted(numbers) == list(range(5, 42))
    assert in_order_for_each_key(numbers)
    time.sleep(0.3)
    assert list(again.take().pieces) == []


def test_all_who_come_back_after_a_restart_get_what_they_missed_from_one_ring(storage: Storage, topic: MakeTopic) -> None:
    """Also those who had not got as far as the first one."""
    watched = topic(partitions=2)
    storage.log.append(watched.name, numbered(10))
    early = places(storage, watched)
    storage.log.append(watched.name, numbered(20, start=10))
    had = places(storage, watched)
    storage.log.append(watched.name, numbered(50, start=30))
    late = places(storage, watched)
    storage.log.append(watched.name, numbered(20, start=80))
    hub = Hub(log=storage.log, read=lambda message: read_event(message, Config().mappings))
    try:
        opened = [(30, had), (30, had), (10, early), (80, late)]
        subscribers = [
            (first, hub.open([watched], start, lambda: None, complete=complete))
            for complete in (True, False)
            for first, start in opened
        ]
        (tail,) = subscribers[0][1].tails
        assert tail.read_to()[0] == 70
        storage.log.append(watched.name, numbered(10, start=100))
        for first, subscriber in subscribers:
            numbers = taken(subscriber, 110 - first)
            assert sorted(numbers) == list(range(first, 110))
            assert in_order_for_each_key(numbers)
            assert not subscriber.take().pieces
    finally:
        hub.close()


def test_subscribers_that_join_while_events_are_published_have_neither_gap_nor_double(
    storage: Storage, topic: MakeTopic, hub: Hub
) -> None:
    watched = topic(partitions=2)
    start = places(storage, watched)
    total = 400

    def publish() -> None:
        for number in range(0, total, 10):
            storage.log.append(watched.name, numbered(10, start=number))

    publisher = threading.Thread(target=publish)
    publisher.start()
    subscribers = []
    for number in range(6):
        subscribers.append(hub.open([watched], start, lambda: None, complete=number % 2 == 0))
        time.sleep(0.02)
    publisher.join()
    for subscriber in subscribers:
        assert sorted(taken(subscriber, total)) == list(range(total))


def test_a_burst_that_a_page_can_hold_arrives_whole_a_frame_at_a_time(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    subscriber = hub.open([watched], places(storage, watched), lambda: None)
    assert list(subscriber.take().pieces) == []
    storage.log.append(watched.name, numbered(MOST_PENDING))
    assert taken(subscriber, MOST_PENDING) == list(range(MOST_PENDING))


def test_a_slow_subscriber_is_told_how_many_it_did_not_get(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    subscriber = hub.open([watched], places(storage, watched), lambda: None)
    fast = hub.open([watched], Start(), lambda: None, complete=True)
    subscriber.take()
    for start in (0, 300, 600):
        storage.log.append(watched.name, numbered(300, start=start))
        assert taken(fast, 300) == list(range(start, start + 300))
    found, last = [], subscriber.take()
    assert last.counts.slow >= 100
    while last.pieces:
        found += numbers_of(last)
        last = subscriber.take()
    counts = last.counts
    assert (counts.published, counts.matched, counts.shown) == (900, 900, len(found))
    assert counts.shown + counts.slow + counts.sampled == 900
    assert found == sorted(found) and found[-1] == 899


def test_however_many_watch_a_partition_is_read_once(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic(partitions=2)
    subscribers = [hub.open([watched], places(storage, watched), lambda: None) for _ in range(10)]
    readers = [thread.name for thread in threading.enumerate() if thread.name.startswith(f"tail {watched.name} ")]
    assert sorted(readers) == [f"tail {watched.name} {name}" for name in ("0", "1", "beat", "pulse")]
    storage.log.append(watched.name, numbered(40))
    for subscriber in subscribers:
        assert sorted(taken(subscriber, 40)) == list(range(40))
    entries = [entry for chunk in subscribers[0].tails[0].ring.since(0).chunks for entry in chunk.entries]
    assert len(entries) == 40
    assert all(entry.message.published.tzinfo is UTC for entry in entries)


def test_closing_the_hub_ends_its_readers(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    subscriber = hub.open([watched], places(storage, watched), lambda: None)
    hub.close()
    assert subscriber.ended
    assert eventually(lambda: not any(thread.name.startswith(f"tail {watched.name} ") for thread in threading.enumerate()))


def test_a_subscriber_that_comes_as_a_tail_stops_gets_a_new_one(storage: Storage, topic: MakeTopic, hub: Hub) -> None:
    watched = topic()
    first = hub.open([watched], places(storage, watched), lambda: None)
    stopped = first.tails[0]
    stopped.stop()
    assert first.ended
    second = hub.open([watched], places(storage, watched), lambda: None)
    assert second.tails[0] is not stopped, "a tail that has stopped takes nobody any more"
    storage.log.append(watched.name, numbered(3))
    assert taken(second, 3) == [0, 1, 2]


def test_who_finds_that_a_tail_has_just_stopped_leaves_nothing_in_its_ring(
    storage: Storage, topic: MakeTopic, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = topic()
    first = hub.open([watched], places(storage, watched), lambda: None)
    (stops,) = first.tails
    usual, left = stops.join, list[Any]()

    def join(cursor: Any) -> bool:
        stops.stop()
        left.append(cursor)
        return usual(cursor)

    monkeypatch.setattr(stops, "join", join)
    assert hub.open([watched], places(storage, watched), lambda: None).tails[0] is not stops
    assert [cursor.left for cursor in left] == [True]
