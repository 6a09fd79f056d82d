"""From positions to ordinals: at, before, between and behind what is indexed, in one block and in many."""

import random

import pytest
from msgspec.structs import replace

from eventstore.extent import one_answer
from eventstore.index.lookup import pointers, queries
from eventstore.index.lookup.ordinals import ordinal_after, ordinals_after
from eventstore.index.lookup.pointers import last_ordinals, ordinals_at, pointers_at, published_at
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.blocks import FULL, Columns, opened
from eventstore.index.writing.partition import Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Event, Position, Topic
from eventstore.model.tokens import AFTER_ALL, encode
from tests.indexing import event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")


def partition_with(*numbers: int) -> IndexedPartition:
    """The partition, once events of these numbers are indexed."""
    index([event(number) for number in numbers], topic=PATIENTS)
    found = queries.partition_row("patients", 0)
    assert found is not None
    return found


def whole_entry(number: int) -> Position:
    """A cursor's position that stands for all events of this entry."""
    return Position(topic="patients", partition=0, token=encode(7, number) + AFTER_ALL)


def test_behind_an_event_is_the_next_one_and_at_it_is_itself() -> None:
    partition = partition_with(10, 20, 30)
    assert [ordinal_after(partition, place(number)) for number in (10, 20, 30)] == [1, 2, 3]
    assert [ordinal_after(partition, place(number), inclusive=True) for number in (10, 20, 30)] == [0, 1, 2]


def test_between_two_events_both_are_the_later_one() -> None:
    partition = partition_with(10, 20, 30)
    for number, expected in ((5, 0), (11, 1), (25, 2)):
        assert ordinal_after(partition, place(number)) == expected
        assert ordinal_after(partition, place(number), inclusive=True) == expected


def test_before_the_first_is_the_first_and_behind_the_last_is_none_yet() -> None:
    partition = partition_with(10, 20)
    for inclusive in (True, False):
        assert ordinal_after(partition, None, inclusive=inclusive) == 0
        assert ordinal_after(partition, place(0), inclusive=inclusive) == 0
        assert ordinal_after(partition, place(1_000_000), inclusive=inclusive) == 2


def test_in_a_partition_of_which_nothing_is_indexed_everything_is_the_first() -> None:
    open_partition(PATIENTS, 0, Memory())
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    assert ordinal_after(partition, place(7)) == ordinal_after(partition, place(7), inclusive=True) == 0
    assert ordinals_after(partition, [place(7)]) == {place(7): 0}


def test_a_position_that_stands_for_a_whole_entry_is_behind_all_of_its_events() -> None:
    """Three events in one entry, then one of the next."""
    events = [event(0), event(1), event(2), event(3)]
    tokens = [encode(7, 4, 0), encode(7, 4, 1), encode(7, 4, 2), encode(7, 5, 0)]
    batch = [moved(written, token) for written, token in zip(events, tokens, strict=True)]
    index(batch, topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    for inclusive in (True, False):
        assert ordinal_after(partition, whole_entry(3), inclusive=inclusive) == 0
        assert ordinal_after(partition, whole_entry(4), inclusive=inclusive) == 3
        assert ordinal_after(partition, whole_entry(5), inclusive=inclusive) == 4


def moved(written: Event, token: str) -> Event:
    """The event, but at this token."""
    message = replace(written.message, position=Position(topic="patients", partition=0, token=token))
    return replace(written, message=message)


@pytest.mark.parametrize("count", [1, FULL - 1, FULL, FULL + 1, 3 * FULL])
def test_at_the_edges_of_blocks_it_is_as_anywhere(count: int) -> None:
    partition = partition_with(*range(0, 2 * count, 2))
    edges = {0, 1, FULL - 1, FULL, FULL + 1, 2 * FULL - 1, 2 * FULL, count - 2, count - 1} & set(range(count))
    for ordinal in edges:
        assert ordinal_after(partition, place(2 * ordinal)) == ordinal + 1
        assert ordinal_after(partition, place(2 * ordinal), inclusive=True) == ordinal
        assert ordinal_after(partition, place(2 * ordinal + 1)) == ordinal + 1


@pytest.mark.parametrize("seed", range(5))
def test_any_positions_are_where_a_plain_list_says(seed: int) -> None:
    """Written in batches, asked all at once and each alone."""
    chance = random.Random(seed)
    numbers = sorted(chance.sample(range(5_000), chance.choice([1, 50, 3 * FULL])))
    partition, start = open_partition(PATIENTS, 0, Memory()), 0
    while start < len(numbers):
        end = start + chance.choice([1, 40, FULL])
        write_batch(partition, [event(number) for number in numbers[start:end]])
        start = end
    index([event(number, partition=1) for number in range(300)], topic=PATIENTS, partition=1)
    row = queries.partition_row("patients", 0)
    assert row is not None
    asked = [chance.randrange(5_100) for _ in range(60)] + chance.sample(numbers, min(40, len(numbers)))
    before = {number: sum(there <= number for there in numbers) for number in asked}
    assert ordinals_after(row, [place(number) for number in asked]) == {place(n): count for n, count in before.items()}
    assert last_ordinals(row.pk, [place(number).token for number in asked]) == [before[number] - 1 for number in asked]
    there = {number: ordinal for ordinal, number in enumerate(numbers)}
    tokens = [place(number).token for number in asked]
    assert ordinals_at(row.pk, tokens) == {place(n).token: there[n] for n in asked if n in there}
    for number in asked[:10]:
        assert ordinal_after(row, place(number)) == before[number]
        assert ordinal_after(row, place(number), inclusive=True) == sum(existing < number for existing in numbers)


def test_asking_for_nothing_is_answered_with_nothing() -> None:
    partition = partition_with(1)
    assert (ordinals_after(partition, []), last_ordinals(partition.pk, []), ordinals_at(partition.pk, [])) == ({}, [], {})


def test_an_event_behind_what_was_kept_of_its_block_is_found() -> None:
    partition = partition_with(10, 20)
    with one_answer():
        assert len(pointers_at([(partition.pk, 0), (partition.pk, 1)])) == 2
        partition_with(30)
        assert list(published_at([(partition.pk, 2)])) == [(partition.pk, 2)]
        assert [pointer.ordinal for pointer in pointers_at([(partition.pk, 1), (partition.pk, 2)])] == [1, 2]


def test_within_an_answer_a_block_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = partition_with(10, 20)
    times = []

    def noted(data: bytes) -> Columns:
        times.append(data)
        return opened(data)

    monkeypatch.setattr(pointers, "opened", noted)
    with one_answer():
        assert len(pointers_at([(partition.pk, 0)])) == 1
        assert list(published_at([(partition.pk, 1)])) == [(partition.pk, 1)]
        assert last_ordinals(partition.pk, [place(20).token]) == [1]
    assert len(times) == 1
    assert len(pointers_at([(partition.pk, 0)])) == 1
    assert len(times) == 2
