"""The ring: bounded, numbered, and exact about what it no longer has."""

from datetime import UTC, datetime

from eventstore.events import Event, Message, Position
from eventstore.ring import Ring


def event(number: int, size: int = 10) -> Event:
    position = Position(topic="t", partition=0, token=f"{number:04d}")
    message = Message(position=position, payload=b"x" * size, published=datetime(2026, 1, 1, tzinfo=UTC))
    return Event(message=message, id=str(number), time=message.published, data=message.payload)


def ids(ring: Ring, since: int) -> list[str]:
    return [entry.event.id for entry in ring.since(since).entries]


def test_an_empty_ring_has_nothing_and_has_lost_nothing() -> None:
    found = Ring().since(0)
    assert (list(found.entries), found.lost, found.next_number) == ([], 0, 0)


def test_a_viewer_gets_what_came_since_its_place_in_order() -> None:
    ring = Ring()
    ring.add([event(0), event(1)])
    place = ring.next_number
    ring.add([event(2), event(3)])
    assert ids(ring, place) == ["2", "3"]
    assert ids(ring, ring.next_number) == []


def test_beyond_its_events_the_oldest_go_and_are_counted_for_whoever_had_not_read_them() -> None:
    ring = Ring(most_events=3)
    ring.add([event(number) for number in range(5)])
    found = ring.since(1)
    assert [entry.event.id for entry in found.entries] == ["2", "3", "4"]
    assert found.lost == 1
    assert found.next_number == 5


def test_a_viewer_that_lost_everything_is_told_the_whole_number() -> None:
    ring = Ring(most_events=2)
    ring.add([event(number) for number in range(10)])
    assert ring.since(0).lost == 8


def test_bytes_bound_it_too_but_the_newest_event_stays_however_large() -> None:
    ring = Ring(most_bytes=100)
    ring.add([event(0, 60), event(1, 60)])
    assert ids(ring, 0) == ["1"]
    ring.add([event(2, 5_000_000)])
    assert ids(ring, 0) == ["2"]
    ring.add([event(3, 10)])
    assert ids(ring, 0) == ["3"]
