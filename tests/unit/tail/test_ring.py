"""The ring: bounded, numbered, and exact about what it no longer has."""

import sys
from collections.abc import Sequence

from eventstore.search import parse_filter
from eventstore.tail.pieces import Chunk
from eventstore.tail.ring import Ring
from tests.unit.tail.entries import entries, numbers_of

T1 = parse_filter("type:t1")


class TailSubscriber:
    left = False


def ring_of(*chunks: Sequence[int], most_events: int = 1_000, most_bytes: int = 10_000_000) -> Ring:
    ring = Ring({0: ""}, most_events=most_events, most_bytes=most_bytes)
    for numbers in chunks:
        ring.add(entries(numbers), sealed=0.0)
    return ring


def numbers_in(chunks: Sequence[Chunk]) -> list[list[int]]:
    return [numbers_of(chunk.entries) for chunk in chunks]


def test_an_empty_ring_has_nothing_and_has_lost_nothing() -> None:
    found = Ring({0: "000007"}).since(0)
    assert (list(found.chunks), dict(found.gone)) == ([], {})
    assert Ring({0: "000007"}).gone == {0: "000007"}


def test_a_subscriber_gets_what_was_sealed_since_its_place_in_order() -> None:
    ring = ring_of([0, 1])
    place = ring.next_number
    ring.add(entries([2, 3]), sealed=0.0)
    ring.add(entries([4]), sealed=0.0)
    assert numbers_in(ring.since(place).chunks) == [[2, 3], [4]]
    assert list(ring.since(ring.next_number).chunks) == []


def test_beyond_its_events_the_oldest_go_and_their_last_place_is_said() -> None:
    ring = ring_of([0, 1], [2], [3, 4], most_events=3)
    found = ring.since(0)
    assert numbers_in(found.chunks) == [[2], [3, 4]]
    assert found.gone == {0: "000001"}
    assert not ring.since(1).gone


def test_bytes_bound_it_too_but_the_newest_chunk_stays_however_large() -> None:
    ring = Ring({0: ""}, most_bytes=20_000)
    ring.add(entries([0], size=9_000), sealed=0.0)
    ring.add(entries([1], size=9_000), sealed=0.0)
    assert numbers_in(ring.since(0).chunks) == [[1]]
    ring.add(entries([2], size=5_000_000), sealed=0.0)
    assert numbers_in(ring.since(0).chunks) == [[2]]
    ring.add(entries([3]), sealed=0.0)
    assert numbers_in(ring.since(0).chunks) == [[3]]


def test_what_is_made_of_its_events_counts_as_well_and_goes_with_them() -> None:
    ring, subscriber = ring_of(most_bytes=50_000), TailSubscriber()
    ring_filter = ring.watch(subscriber, None, None).ring_filter
    ring.add(entries([0]), sealed=0.0)
    (chunk,) = ring.since(0).chunks
    before = ring.bytes
    piece = ring_filter.result_of(chunk).slices[0].piece
    for _ in range(2):
        assert piece.made("text", lambda given: "x" * 40_000) == "x" * 40_000
    assert ring.bytes == before + sys.getsizeof("x" * 40_000)
    ring.add(entries([1], size=20_000), sealed=0.0)
    assert numbers_in(ring.since(0).chunks) == [[1]]
    assert 20_000 < ring.bytes < 25_000
    piece.made("more", lambda given: "x" * 40_000)
    assert ring.bytes < 25_000, "it is not the ring's any more"


def test_what_filters_make_of_quiet_chunks_counts_and_is_given_back_with_them() -> None:
    ring, subscribers = ring_of(most_bytes=200_000, most_events=10_000), [TailSubscriber() for _ in range(20)]
    for number, subscriber in enumerate(subscribers):
        ring.watch(subscriber, parse_filter(f"type:t1 or type:other{number}"), 500 if number % 2 else None)
    for number in range(100):
        ring.add(entries([number]), sealed=0.0)
    chunks = ring.since(0).chunks
    assert 3 < len(chunks) < 30, "twenty filters take more than the event"
    assert ring.bytes <= 200_000
    result = next(iter(chunks[-3].results.values()))
    result.slices[0].piece.made("text", lambda given: "x" * 1_000)
    for subscriber in subscribers:
        ring.leave(subscriber)
    left = ring.since(0).chunks
    assert all(not chunk.results and not chunk.matches for chunk in left)
    alone = ring_of(*([int(chunk.entries[0].message.position.token)] for chunk in left))
    assert ring.bytes == alone.bytes


def test_a_filter_that_looks_at_what_is_there_pays_for_it_at_once() -> None:
    ring, subscriber = ring_of(*([number] for number in range(50)), most_bytes=200_000, most_events=10_000), TailSubscriber()
    before = ring.bytes
    ring.watch(subscriber, parse_filter("type:none"), 500, number=0)
    assert before < ring.bytes <= 200_000
    ring.leave(subscriber)
    assert ring.bytes == before


def test_the_first_chunks_from_a_number_on_can_be_had_alone() -> None:
    ring = ring_of(*([number] for number in range(9)))
    for number in range(10):
        assert numbers_in(ring.since(number, 3).chunks) == [[one] for one in range(number, min(9, number + 3))]


def test_a_filter_in_use_has_counted_what_is_gone() -> None:
    ring, subscriber = ring_of([0, 1], most_events=4), TailSubscriber()
    begun = ring.watch(subscriber, T1, 500)
    assert (begun.number, begun.events, begun.matched) == (1, 2, 0)
    for start in range(2, 20, 2):
        ring.add(entries([start, start + 1]), sealed=0.0)
    first = ring.since(begun.number).chunks[0]
    assert (numbers_of(first.entries), first.before) == ([16, 17], 16)
    assert first.results[begun.ring_filter.key].before == len([number for number in range(2, 16) if number % 3 == 1])


def test_a_filter_that_comes_later_looks_at_what_is_there_already() -> None:
    ring = ring_of([0, 1, 2], [3, 4, 5], [6, 7])
    place = ring.watch(TailSubscriber(), T1, 500, number=1)
    ring.add(entries([8, 9, 10]), sealed=0.0)
    earlier = ring.watch(TailSubscriber(), T1, 500, number=0)
    assert earlier.ring_filter is place.ring_filter
    results = [chunk.results[earlier.ring_filter.key] for chunk in ring.since(0).chunks]
    assert [result.before - earlier.matched for result in results] == [0, 1, 2, 3]
    assert results[1].before == place.matched
    assert earlier.ring_filter.total - earlier.matched == 4


def test_a_user_whose_place_is_gone_is_told_where_it_stands() -> None:
    ring = ring_of([0], [1], [2], most_events=1)
    place = ring.watch(TailSubscriber(), T1, 500, number=0)
    assert (place.number, place.events) == (2, 2)


def test_subscribers_of_one_filter_share_it_and_nothing_is_kept_of_it_after_the_last() -> None:
    ring, one, other = ring_of(), TailSubscriber(), TailSubscriber()
    ring_filter = ring.watch(one, T1, 500).ring_filter
    assert ring.watch(other, parse_filter("type:t1"), 500).ring_filter is ring_filter
    ring.add(entries([0, 1, 2]), sealed=0.0)
    (chunk,) = ring.since(0).chunks
    ring.leave(one)
    assert (len(chunk.results), len(chunk.matches)) == (1, 1)
    ring.watch(other, None, 500)
    assert list(chunk.matches) == []
    ring.leave(other)
    assert (len(chunk.results), len(chunk.matches)) == (0, 0)
    ring.watch(one, T1, 500)
    ring.add(entries([3]), sealed=0.0)
    assert not ring.since(1).chunks[0].results, "a user that has left is not counted"


def test_places_meet_the_ring_where_it_has_all_that_lies_behind_them() -> None:
    ring = Ring({0: "000002", 1: ""}, most_events=4)
    assert ring.meet({0: "000001", 1: ""}, None) is None, "what came before the tail is in the store alone"
    assert ring.meet({0: "000002", 1: ""}, 0) == 0
    ring.add(entries([3, 4]), sealed=0.0)
    ring.add(entries([0, 1], partition=1), sealed=0.0)
    assert ring.meet({0: "000002", 1: ""}, None) == 0
    assert ring.meet({0: "000002", 1: ""}, 3) is None, "more wait than are wanted"
    assert ring.meet({0: "000003", 1: "000001"}, None) == 0
    assert ring.meet({0: "000004", 1: ""}, 2) == 1
    assert ring.meet({0: "000004", 1: "000001"}, 0) == 2
    assert ring.meet({0: "000099", 1: "000001"}, 0) == 2, "the store may be ahead of the ring"
    ring.add(entries([5]), sealed=0.0)
    assert ring.meet({0: "000002", 1: ""}, None) is None, "some of it is gone by now"
