"""Ranges of ordinals, and what the index finds in them: few blocks, however many events they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.index.lookup import queries
from eventstore.index.lookup.ordinals import Ranges, aggregates_in, newest_of_type
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.names import Names
from eventstore.model.events import Topic
from tests.indexing import event, index

PATIENTS = Topic(name="patients")


def ranges_of(ordinals: set[int]) -> Ranges:
    return Ranges((ordinal, ordinal + 1) for ordinal in ordinals)


@given(st.sets(st.integers(0, 40)), st.integers(0, 45))
def test_ranges_say_what_their_ordinals_say(ordinals: set[int], place: int) -> None:
    ranges = ranges_of(ordinals)
    assert len(ranges) == len(ordinals)
    assert (place in ranges) is (place in ordinals)
    assert list(ranges.ordinals(place)) == sorted(each for each in ordinals if each >= place)
    assert list(ranges.ordinals_back(place)) == sorted((each for each in ordinals if each < place), reverse=True)
    assert list(ranges.ordinals_back()) == sorted(ordinals, reverse=True)
    assert list(ranges.left_out(place).ordinals()) == sorted(set(range(place)) - ordinals)
    assert set(ranges.edges) == ({min(ordinals), max(ordinals)} if ordinals else set())


def test_ranges_name_each_block_once_from_either_end() -> None:
    ranges = Ranges([(0, 3), (7, 9), (FULL - 1, FULL + 1), (5 * FULL, 5 * FULL)])
    assert list(ranges.blocks()) == [0, FULL]
    assert list(ranges.blocks(newest_first=True)) == [FULL, 0]


@pytest.fixture
def partition(desk_databases: dict[str, str]) -> int:
    """Three blocks of one event in ten that is moved, of a patient in turn, and a last one that cannot be read."""
    events = [
        event(
            number,
            type="patient.moved" if number % 10 == 0 else "patient.registered",
            aggregate=("patient", str(number % 50)),
            problem="has no type" if number == 3 * FULL - 1 else "",
        )
        for number in range(3 * FULL)
    ]
    index(events, topic=PATIENTS)
    row = queries.partition_row("patients", 0)
    assert row is not None
    return row.pk


def test_the_newest_event_of_a_type_is_found_within_the_ranges_alone(partition: int) -> None:
    moved = Names().known("patient.moved")
    assert newest_of_type(partition, Ranges([(0, 3 * FULL)]), moved, 9) == (760, 3)
    assert newest_of_type(partition, Ranges([(0, 57), (58, 60)]), moved, 9) == (50, 1)
    assert newest_of_type(partition, Ranges([(1, 10)]), moved, 9) == (None, 1)
    assert newest_of_type(partition, Ranges([]), moved, 9) == (None, 0)


def test_any_type_means_any_message_that_can_be_read(partition: int) -> None:
    assert newest_of_type(partition, Ranges([(0, 3 * FULL)]), None, 9) == (3 * FULL - 2, 3)


def test_the_search_ends_after_so_many_blocks(partition: int) -> None:
    unknown = 999_999
    assert newest_of_type(partition, Ranges([(0, 3 * FULL)]), unknown, 2) == (None, 2)


def test_aggregates_are_counted_in_the_oldest_blocks(partition: int) -> None:
    everything = {partition: Ranges([(0, 3 * FULL)])}
    counted = aggregates_in(everything, 9)
    assert (counted.aggregates, counted.events) == (50, 3 * FULL)
    counted = aggregates_in(everything, 1)
    assert (counted.aggregates, counted.events) == (50, FULL)
    counted = aggregates_in({partition: Ranges([(0, 2), (100, 101)])}, 9)
    assert (counted.aggregates, counted.events) == (2, 3), "0 and 100 are one patient's"
    assert aggregates_in({}, 9).aggregates == 0


def test_an_aggregate_in_two_partitions_counts_once(desk_databases: dict[str, str]) -> None:
    topic = Topic(name="patients", partitions=2)
    for number in (0, 1):
        index([event(1, partition=number), event(2, partition=number)], topic=topic, partition=number)
    rows = queries.partition_rows("patients")
    counted = aggregates_in({row.pk: Ranges([(0, 2)]) for row in rows.values()}, 9)
    assert (counted.aggregates, counted.events) == (1, 4)
