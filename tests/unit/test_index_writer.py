"""A batch of pointers and its checkpoint are one: nothing is lost, nothing doubled, versions and ordinals are gapless."""

import random
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import IntegrityError, connections

from eventstore.events import Event, Topic, TopicKind
from eventstore.index import queries
from eventstore.index.models import AggregateRow, IndexedPartition, PointerRow, StreamRow
from eventstore.index.writer import ROWS_A_STATEMENT, CheckpointMoved, checkpoint_of, note_caught_up, write_batch
from tests.indexing import START, event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")


def versions(type: str, id: str) -> list[int | None]:
    """Of the aggregate, in the order of the log."""
    rows = PointerRow.objects.using("index").filter(stream__aggregate__type=type, stream__aggregate__aggregate_id=id)
    return list(rows.order_by("partition__topic", "partition__number", "ordinal").values_list("version", flat=True))


def everything() -> tuple[int, int, int, int]:
    """How many pointers, streams, aggregates, and the sum of the ordinals' counters."""
    return (
        PointerRow.objects.using("index").count(),
        StreamRow.objects.using("index").count(),
        AggregateRow.objects.using("index").count(),
        sum(IndexedPartition.objects.using("index").values_list("next_ordinal", flat=True)),
    )


def test_a_new_partition_begins_with_nothing_and_has_not_caught_up() -> None:
    checkpoint = checkpoint_of(PATIENTS, 0)
    assert (checkpoint.position, checkpoint.next_ordinal) == (None, 0)
    assert checkpoint_of(PATIENTS, 0) == checkpoint
    (topic,) = queries.indexed_topics()
    assert (topic.events, topic.caught_up_at) == (0, None)


def test_an_empty_batch_changes_nothing() -> None:
    checkpoint = checkpoint_of(PATIENTS, 0)
    assert write_batch(PATIENTS, 0, checkpoint, []) == checkpoint
    assert everything() == (0, 0, 0, 0)


def test_the_checkpoint_that_is_answered_is_the_one_that_is_read_again() -> None:
    checkpoint = index([event(0), event(1)], topic=PATIENTS)
    assert (checkpoint.position, checkpoint.next_ordinal) == (place(1), 2)
    assert checkpoint_of(PATIENTS, 0) == checkpoint


def test_a_pointer_says_all_that_a_list_shows_and_no_payload() -> None:
    index([event(0)], topic=PATIENTS)
    found = queries.at(place(0))
    assert found is not None
    assert (found.event_id, found.type, found.version, found.ordinal) == ("e-patients-0-0", "patient.registered", 1, 0)
    assert (found.aggregate_type, found.aggregate_id, found.time, found.size) == ("patient", "4711", START, 2)
    assert not any(
        isinstance(value, bytes | memoryview) for row in PointerRow.objects.using("index").values() for value in row.values()
    )


def test_versions_count_on_from_batch_to_batch_for_each_aggregate() -> None:
    one, two = ("patient", "1"), ("patient", "2")
    index([event(0, aggregate=one), event(1, aggregate=two), event(2, aggregate=one)], topic=PATIENTS)
    index([event(3, aggregate=one), event(4, aggregate=two)], topic=PATIENTS)
    assert versions("patient", "1") == [1, 2, 3]
    assert versions("patient", "2") == [1, 2]


def test_one_id_under_two_types_is_two_aggregates() -> None:
    index([event(0, aggregate=("patient", "1")), event(1, aggregate=("document", "1"))], topic=PATIENTS)
    assert versions("patient", "1") == versions("document", "1") == [1]


def test_an_aggregate_that_spans_partitions_and_topics_has_a_stream_in_each_and_one_row() -> None:
    documents = Topic(name="documents")
    index([event(0), event(1)], topic=PATIENTS)
    index([event(0, partition=1)], topic=PATIENTS, partition=1)
    index([event(0, topic="documents")], topic=documents)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert found.events == 4
    assert [(s.topic, s.partition, s.events) for s in found.streams] == [
        ("documents", 0, 1),
        ("patients", 0, 2),
        ("patients", 1, 1),
    ]


def test_an_aggregates_last_type_is_that_of_its_latest_event_whatever_order_they_came_in() -> None:
    late, early = START + timedelta(hours=5), START - timedelta(hours=5)
    index([event(0, time=late, type="latest"), event(1, time=early, type="earliest")], topic=PATIENTS)
    index([event(2, time=START, type="between")], topic=PATIENTS)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert (found.first_time, found.last_time, found.last_type) == (early, late, "latest")


def test_what_fits_no_envelope_gets_an_ordinal_and_a_mark_but_no_version() -> None:
    index([event(0), event(1, problem="fits no envelope: it is empty"), event(2)], topic=PATIENTS)
    found = queries.at(place(1))
    assert found is not None
    assert (found.ordinal, found.version, found.unreadable, found.aggregate_id) == (1, None, True, "")
    assert versions("patient", "4711") == [1, 2]
    assert queries.unreadable_count() == (1, False)


def test_copies_in_a_derived_topic_are_neither_versions_nor_aggregates() -> None:
    letters = Topic(name="patients-DLQ", kind=TopicKind.DEAD_LETTER)
    index([event(0)], topic=PATIENTS)
    index([event(0, topic="patients-DLQ", id="e-patients-0-0")], topic=letters)
    original, copy = queries.by_event_id("e-patients-0-0")
    assert (original.version, original.derived) == (1, False)
    assert (copy.version, copy.derived) == (None, True)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert found.events == 1


def test_a_twin_that_read_the_same_checkpoint_writes_nothing() -> None:
    checkpoint = checkpoint_of(PATIENTS, 0)
    write_batch(PATIENTS, 0, checkpoint, [event(0), event(1)])
    before = everything()
    with pytest.raises(CheckpointMoved):
        write_batch(PATIENTS, 0, checkpoint, [event(0), event(1)])
    assert everything() == before


def test_a_batch_that_breaks_half_way_leaves_no_pointer_count_or_checkpoint() -> None:
    """The second statement's rows collide with a pointer that somebody wrote by hand."""
    checkpoint = index([event(0)], topic=PATIENTS)
    partition = queries.partition_row("patients", 0)
    assert partition is not None
    PointerRow.objects.using("index").create(
        partition=partition,
        ordinal=1 + ROWS_A_STATEMENT,
        token="f",
        event_id="x",
        type="",
        time=START,
        published=START,
        size=0,
    )
    before = everything()
    with pytest.raises(IntegrityError):
        write_batch(PATIENTS, 0, checkpoint, [event(number) for number in range(1, ROWS_A_STATEMENT + 10)])
    assert everything() == before
    assert checkpoint_of(PATIENTS, 0) == checkpoint
    assert versions("patient", "4711") == [1]


@pytest.mark.parametrize("aggregates", [1, 3 * ROWS_A_STATEMENT])
def test_a_batch_larger_than_a_statement_is_indexed_whole(aggregates: int) -> None:
    count = 3 * ROWS_A_STATEMENT + 7
    index([event(number, aggregate=("patient", f"p{number % aggregates}")) for number in range(count)], topic=PATIENTS)
    assert everything() == (count, aggregates, aggregates, count)
    assert max(versions("patient", "p0"), key=lambda version: version or 0) == -(-count // aggregates)


@pytest.mark.parametrize("seed", range(5))
def test_however_a_log_is_cut_into_batches_the_index_is_the_same(seed: int) -> None:
    chance = random.Random(seed)
    log = [event(number, aggregate=("patient", str(chance.randrange(6)))) for number in range(60)]
    start = 0
    while start < len(log):
        end = min(len(log), start + chance.randrange(1, 20))
        index(log[start:end], topic=PATIENTS)
        start = end
    rows = PointerRow.objects.using("index").order_by("ordinal")
    assert [row.ordinal for row in rows] == list(range(60))
    assert [row.token for row in rows] == [written.position.token for written in log]
    for number in range(6):
        of_it = [written for written in log if written.aggregate_id == str(number)]
        assert versions("patient", str(number)) == list(range(1, len(of_it) + 1))


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
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_and_types_come_back_character_for_character(text: str) -> None:
    index([event(0, aggregate=(text, text), type=text, id=text)], topic=PATIENTS)
    found = queries.aggregate(text, text)
    assert found is not None
    assert (found.type, found.id, found.last_type) == (text, text, text)
    assert [pointer.event_id for pointer in queries.by_event_id(text)] == [text]


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


def test_a_topic_has_caught_up_only_when_its_last_partition_has() -> None:
    index([event(0)], topic=PATIENTS)
    index([event(0, partition=1)], topic=PATIENTS, partition=1, caught_up=False)
    assert queries.indexed_topics()[0].caught_up_at is None
    note_caught_up(PATIENTS, 1)
    assert queries.indexed_topics()[0].caught_up_at is not None


def test_writers_of_many_partitions_that_share_aggregates_lose_no_count() -> None:
    """Each partition has its own writer; all of them meet in the same three aggregates, in opposite orders."""
    failures: list[BaseException] = []

    def write(partition: int) -> None:
        try:
            for start in range(0, 40, 10):
                batch: list[Event] = [
                    event(number, partition=partition, aggregate=("patient", str((number * (1 + partition)) % 3)))
                    for number in range(start, start + 10)
                ]
                index(batch, topic=PATIENTS, partition=partition)
        except BaseException as error:  # noqa: BLE001 - shown below, in the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(partition,)) for partition in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    counts = AggregateRow.objects.using("index").values_list("events", flat=True)
    streams = StreamRow.objects.using("index").values_list("events", flat=True)
    assert sum(counts) == sum(streams) == everything()[0] == 160


def test_of_events_of_the_same_time_the_later_one_in_the_log_is_the_last() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    index([event(0, type="created", time=at), event(1, type="deleted", time=at)], topic=PATIENTS)
    assert AggregateRow.objects.get().last_type == "deleted"
