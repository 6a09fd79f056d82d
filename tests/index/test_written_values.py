"""Ids, types and times of any kind come back as they were, however a log is cut into batches."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from eventstore.index.lookup import anomaly_lookup, queries
from eventstore.index.tables.blocks import FULL
from eventstore.index.writing.partition import Memory, checkpoint_of, open_partition
from eventstore.index.writing.writer import note_caught_up, write_batch
from tests.index.written import PATIENTS, assert_same_as, everything, versions
from tests.indexing import all_pointers, event, index, place, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.mark.parametrize("seed", range(5))
def test_however_a_log_is_cut_into_batches_the_index_is_the_same(seed: int) -> None:
    """By writers that go on, and by new ones; over several blocks."""
    chance = random.Random(seed)
    count = chance.choice([60, 2 * FULL, 3 * FULL + 1])
    log = [event(number, aggregate=("patient", str(chance.randrange(6)))) for number in range(count)]
    partition, start = open_partition(PATIENTS, 0, Memory()), 0
    while start < len(log):
        end = min(len(log), start + chance.choice([1, 7, 20, FULL, FULL + 1, 400]))
        if chance.random() < 0.3:
            partition = open_partition(PATIENTS, 0, chance.choice([Memory(), partition.memory]))
        write_batch(partition, log[start:end])
        start = end
    assert_same_as(log)
    assert everything()["BlockRow"] == -(-count // FULL)


HOSTILE = [
    "a/b",
    "%2F",
    "..",
    " ",
    "~",
    "<script>alert(1)</script>",
    "\U0001f9be",
    "\u202egnp.exe",
    "ß" * 500,
    "'; DROP TABLE x; --",
    '{"a": [1]}',
    "{1,2}",
    "\\",
    "%s",
    "null",
    "007",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_and_types_come_back_character_for_character(text: str) -> None:
    index([event(0, aggregate=(text, text), type=text, id=text, correlation=text, causation=text)], topic=PATIENTS)
    found = queries.aggregate(text, text)
    assert found is not None
    assert (found.type, found.id, found.last_type) == (text, text, text)
    for find in (queries.by_event_id, queries.by_correlation, queries.caused_by):
        assert [pointer.event_id for pointer in find(text)] == [text]
    index([event(1, aggregate=(text, text), type=text)], topic=PATIENTS)
    assert versions(text, text) == [1, 2]


def test_ids_that_differ_only_in_case_or_by_a_trailing_space_are_different_aggregates() -> None:
    ids = ["Anna", "anna", "anna ", "ANNA"]
    index([event(number, aggregate=("patient", id)) for number, id in enumerate(ids)], topic=PATIENTS)
    assert [versions("patient", id) for id in ids] == [[1]] * 4


def test_times_of_any_offset_are_kept_as_the_same_instant() -> None:
    there = datetime(2024, 5, 1, 14, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    index([event(0, time=there)], topic=PATIENTS)
    found = queries.at(place(0))
    assert found is not None
    assert found.time == there
    assert found.time.astimezone(UTC).hour == 8


@pytest.mark.parametrize("year", [2, 1600, 1969, 9998])
def test_times_of_any_year_are_kept_to_the_microsecond(year: int) -> None:
    at = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    index([event(0, time=at)], topic=PATIENTS)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert [pointer.time for pointer in pointers()] == [found.first_time] == [found.last_time] == [at]


def test_a_topic_has_caught_up_only_when_its_last_partition_has() -> None:
    index([event(0)], topic=PATIENTS)
    index([event(0, partition=1)], topic=PATIENTS, partition=1, caught_up=False)
    assert queries.indexed_topics()[0].caught_up_at is None
    note_caught_up(PATIENTS, 1)
    assert queries.indexed_topics()[0].caught_up_at is not None


def test_a_build_beside_the_live_one_is_written_apart_and_read_by_nobody() -> None:
    index([event(0), event(1)], topic=PATIENTS)
    building = open_partition(PATIENTS, 0, Memory(), build=1)
    assert building.checkpoint.next_ordinal == 0
    assert write_batch(building, [event(0, id="other"), event(1, problem="it is empty")]) == 1
    assert [pointer.event_id for pointer in all_pointers()] == ["e-patients-0-0", "e-patients-0-1"]
    assert queries.by_event_id("other") == []
    assert anomaly_lookup.anomaly_counts() == {}
    assert [(topic.partitions, topic.events) for topic in queries.indexed_topics()] == [(1, 2)]
    (kind,) = queries.aggregate_types()
    assert (kind.aggregates, kind.events) == (1, 2)
    assert checkpoint_of(PATIENTS, 0).next_ordinal == 2
