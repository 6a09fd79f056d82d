"""A batch of pointers and its checkpoint are one: nothing is lost, nothing doubled, versions and ordinals are gapless."""

import random
import threading
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
from django.apps import apps
from django.db import IntegrityError, connections
from msgspec.structs import replace

from eventstore.index.lookup import anomaly_lookup, queries
from eventstore.index.models import BlockRow, HourCount, IndexedPartition, IndexSecret, NameRow, StreamKey, StreamRow
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL
from eventstore.index.tables.names import Names
from eventstore.index.writing import streams
from eventstore.index.writing.partition import Checkpoint, CheckpointMoved, Memory, checkpoint_of, open_partition
from eventstore.index.writing.prepared_batch import prepare_batch
from eventstore.index.writing.writer import note_caught_up, write_batch, write_prepared
from eventstore.model.events import Event, Topic, TopicKind
from eventstore.model.pointers import Pointer
from tests.indexing import START, all_pointers, event, index, place, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")

PATIENTS = Topic(name="patients")


def versions(type: str, id: str) -> list[int | None]:
    """Of the aggregate, in the order of the log."""
    found = [pointer for pointer in all_pointers() if (pointer.aggregate_type, pointer.aggregate_id) == (type, id)]
    return [pointer.version for pointer in found]


def facts(pointer: Pointer) -> tuple[object, ...]:
    """All that was found out about it but for what names its topic."""
    return (
        pointer.ordinal, pointer.type, pointer.time, pointer.version, pointer.aggregate_id, pointer.correlation_id,
        pointer.unreadable, tuple(pointer.anomalies),
    )  # fmt: skip


def everything() -> dict[str, int]:
    """How many rows each table has but that of the secret, and how many events there are."""
    tables = [model for model in apps.get_app_config("index").get_models() if model is not IndexSecret]
    rows = {model.__name__: model._default_manager.using("index").count() for model in tables}
    return {**rows, "events": sum(IndexedPartition.objects.using("index").values_list("next_ordinal", flat=True))}


def together(*work: Callable[[], None]) -> list[BaseException]:
    """Run these in parallel, each in a thread with its own connections; return what failed."""
    failures: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - shown by the test, in its own thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_a_new_partition_begins_with_nothing_and_has_not_caught_up() -> None:
    assert checkpoint_of(PATIENTS, 0) == Checkpoint(position=None, next_ordinal=0)
    assert open_partition(PATIENTS, 0, Memory()).checkpoint == Checkpoint(position=None, next_ordinal=0)
    assert open_partition(PATIENTS, 0, Memory()).checkpoint == checkpoint_of(PATIENTS, 0)
    (topic,) = queries.indexed_topics()
    assert (topic.partitions, topic.events, topic.caught_up_at) == (1, 0, None)


def test_asking_for_a_checkpoint_makes_nothing() -> None:
    checkpoint_of(PATIENTS, 0)
    assert queries.indexed_topics() == []


def test_an_empty_batch_changes_nothing() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    before = everything()
    assert write_batch(partition, []) == 0
    assert everything() == before
    assert before["events"] == 0


def test_the_checkpoint_of_a_written_partition_is_the_one_that_is_read_again() -> None:
    checkpoint = index([event(0), event(1)], topic=PATIENTS)
    assert (checkpoint.position, checkpoint.next_ordinal) == (place(1), 2)
    assert checkpoint_of(PATIENTS, 0) == checkpoint
    assert open_partition(PATIENTS, 0, Memory()).checkpoint == checkpoint


def test_a_pointer_says_all_that_a_list_shows() -> None:
    index([event(0, correlation="c", causation="b")], topic=PATIENTS)
    found = queries.at(place(0))
    assert found is not None
    assert (found.event_id, found.type, found.version, found.ordinal) == ("e-patients-0-0", "patient.registered", 1, 0)
    assert (found.aggregate_type, found.aggregate_id, found.time, found.size) == ("patient", "4711", START, 2)
    assert (found.correlation_id, found.causation_id, found.published) == ("c", "b", START)


def test_nothing_of_a_payload_is_kept() -> None:
    secret = "Erika Mustermann " * 40
    written = event(0, properties={"secret": secret})
    message = replace(written.message, payload=secret.encode())
    index([replace(written, message=message, data=secret.encode())], topic=PATIENTS)
    (pointer,) = pointers()
    assert pointer.size == len(secret)
    assert "Erika" not in repr(pointer)
    for block in BlockRow.objects.using("index").all():
        assert b"Erika" not in zlib.decompress(bytes(block.data))


def test_versions_count_on_from_batch_to_batch_for_each_aggregate() -> None:
    one, two = ("patient", "1"), ("patient", "2")
    index([event(0, aggregate=one), event(1, aggregate=two), event(2, aggregate=one)], topic=PATIENTS)
    index([event(3, aggregate=one), event(4, aggregate=two)], topic=PATIENTS)
    assert versions("patient", "1") == [1, 2, 3]
    assert versions("patient", "2") == [1, 2]


def test_versions_count_on_for_a_writer_that_goes_on_and_for_one_that_has_forgotten_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "MOST_KEPT", 2)
    partition = open_partition(PATIENTS, 0, Memory())
    for start in range(0, 40, 4):
        write_batch(partition, [event(n, aggregate=("patient", str(n % 5))) for n in range(start, start + 4)])
        assert len(partition.known) <= 2
    for number in range(5):
        assert versions("patient", str(number)) == list(range(1, 9))


def test_batches_that_are_prepared_before_the_ones_ahead_of_them_are_written_come_out_the_same() -> None:
    def some(topic: str) -> list[Event]:
        return [
            event(
                n,
                topic=topic,
                type=f"patient.{n % 4}",
                aggregate=("patient", str(n % 3)),
                correlation=f"c-{n % 5}",
                sequence=str(n % 7),
                problem="no envelope" if n % 9 == 8 else "",
            )
            for n in range(40)
        ]

    partition = open_partition(PATIENTS, 0, Memory())
    starts = range(0, 40, 10)
    batches = [prepare_batch(PATIENTS, partition.key, some("patients")[start : start + 10]) for start in starts]
    for prepared in batches:
        write_prepared(partition, prepared)
    for start in starts:
        index(some("others")[start : start + 10], topic=Topic(name="others"))
    assert [facts(pointer) for pointer in pointers()] == [facts(pointer) for pointer in pointers("others")]
    assert len(queries.by_correlation("c-1")) == 2 * 7  # of eight each one is unreadable
    assert {kind for pointer in pointers() for kind in pointer.anomalies} >= {"sequence-goes-back", "unreadable"}


def test_one_id_under_two_types_is_two_aggregates() -> None:
    index([event(0, aggregate=("patient", "1")), event(1, aggregate=("document", "1"))], topic=PATIENTS)
    assert versions("patient", "1") == versions("document", "1") == [1]


def test_an_event_type_and_an_aggregate_type_of_one_name_are_told_apart() -> None:
    index(
        [event(0, type="patient", aggregate=("patient", "1")), event(1, type="x", aggregate=("patient", "1"))], topic=PATIENTS
    )
    assert [(pointer.type, pointer.aggregate_type) for pointer in pointers()] == [("patient", "patient"), ("x", "patient")]
    assert [(kind.name, kind.aggregates, kind.events) for kind in queries.aggregate_types()] == [("patient", 1, 2)]


def test_an_aggregate_that_spans_partitions_and_topics_has_a_stream_in_each() -> None:
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
    assert [pointer.version for pointer in all_pointers()] == [1, 1, 2, 1]
    (kind,) = queries.aggregate_types()
    assert (kind.aggregates, kind.events, kind.exact) == (1, 4, True)


def test_an_aggregates_last_type_is_that_of_its_latest_event_whatever_order_they_came_in() -> None:
    late, early = START + timedelta(hours=5), START - timedelta(hours=5)
    index([event(0, time=late, type="latest"), event(1, time=early, type="earliest")], topic=PATIENTS)
    index([event(2, time=START, type="between")], topic=PATIENTS)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert (found.first_time, found.last_time, found.last_type) == (early, late, "latest")


def test_of_events_of_the_same_time_the_later_one_in_the_log_is_the_last() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    index([event(0, type="created", time=at), event(1, type="deleted", time=at)], topic=PATIENTS)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert found.last_types == ["deleted", "created"]


def test_an_aggregates_last_types_are_a_few_newest_first() -> None:
    index([event(number, type=f"t{number}") for number in range(7)], topic=PATIENTS)
    index([event(7, type="t7")], topic=PATIENTS)
    found = queries.aggregate("patient", "4711")
    assert found is not None
    assert found.last_types == ["t7", "t6", "t5"]


def test_events_are_counted_by_type_and_hour_of_their_own_time() -> None:
    index([event(0, type="a"), event(1, type="a"), event(2, type="b"), event(60, type="a")], topic=PATIENTS)
    index([event(61, type="a"), event(62, type="a", time=START - timedelta(days=30_000, minutes=1))], topic=PATIENTS)
    names = Names()
    rows = HourCount.objects.using("index").all()
    hour = int(START.timestamp()) // 3600
    counted = {(names.texts_of([row.type_id])[row.type_id], row.hour): row.events for row in rows}
    assert counted == {("a", hour): 2, ("b", hour): 1, ("a", hour + 1): 2, ("a", hour - 30_000 * 24 - 1): 1}


def test_what_fits_no_envelope_gets_an_ordinal_and_a_mark_but_no_version() -> None:
    index([event(0), event(1, problem="fits no envelope: it is empty"), event(2)], topic=PATIENTS)
    found = queries.at(place(1))
    assert found is not None
    assert (found.ordinal, found.version, found.unreadable, found.aggregate_id) == (1, None, True, "")
    assert versions("patient", "4711") == [1, 2]
    assert anomaly_lookup.anomaly_counts() == {"unreadable": 1}


def test_a_batch_of_nothing_but_unreadable_messages_is_indexed() -> None:
    assert index([event(0, problem="it is empty"), event(1, problem="it is empty")], topic=PATIENTS).next_ordinal == 2
    assert [pointer.unreadable for pointer in pointers()] == [True, True]
    assert queries.aggregate_types() == []


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


def test_a_copy_is_found_by_what_it_says_of_its_original() -> None:
    replay = Topic(name="patients-replay", kind=TopicKind.REPLAY)
    letters = Topic(name="patients-DLQ", kind=TopicKind.DEAD_LETTER)
    index([event(0)], topic=PATIENTS)
    index([event(0, topic="patients-replay", id="r", properties={"replayof": "e-patients-0-0"})], topic=replay)
    index([event(0, topic="patients-DLQ", id="d", properties={"ORIGIN_MESSAGE_ID": "7:0:-1:3"})], topic=letters)
    assert [pointer.event_id for pointer in queries.copies_of("e-patients-0-0")] == ["r"]
    assert [pointer.event_id for pointer in queries.copies_of("7:0:3")] == ["d"]
    assert [pointer.event_id for pointer in queries.by_event_id("e-patients-0-0")] == ["e-patients-0-0"]


def test_a_twin_that_read_the_same_checkpoint_writes_nothing() -> None:
    first, twin = (open_partition(PATIENTS, 0, Memory()) for _ in range(2))
    write_batch(first, [event(0), event(1)])
    before = everything()
    with pytest.raises(CheckpointMoved):
        write_batch(twin, [event(0), event(1)])
    assert everything() == before
    assert [pointer.version for pointer in pointers()] == [1, 2]


def test_a_twin_whose_batch_would_leave_the_ordinal_where_it_is_writes_nothing() -> None:
    """Both have indexed as many events, of different logs: the token tells them apart."""
    first, twin = (open_partition(PATIENTS, 0, Memory()) for _ in range(2))
    write_batch(first, [event(0)])
    twin.checkpoint = Checkpoint(position=place(5), next_ordinal=1)
    with pytest.raises(CheckpointMoved):
        write_batch(twin, [event(6)])
    assert [pointer.position for pointer in pointers()] == [place(0)]


def test_who_has_lost_the_partition_to_another_owner_writes_nothing() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    write_batch(partition, [event(0)])
    IndexedPartition.objects.using("index").update(epoch=partition.epoch + 1)
    before = everything()
    with pytest.raises(CheckpointMoved):
        write_batch(partition, [event(1)])
    assert everything() == before
    write_batch(open_partition(PATIENTS, 0, partition.memory), [event(1)])
    assert [pointer.version for pointer in pointers()] == [1, 2]


def test_who_writes_a_partition_that_is_gone_writes_nothing() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    IndexedPartition.objects.using("index").all().delete()
    with pytest.raises(CheckpointMoved):
        write_batch(partition, [event(0)])
    assert set(everything().values()) == {0}


def test_a_batch_that_breaks_half_way_leaves_no_pointer_count_or_checkpoint_and_can_be_written_again() -> None:
    """The rows collide with one that somebody wrote by hand. The batch has names that nobody has met."""
    memory = Memory()
    checkpoint = index([event(0)], topic=PATIENTS, memory=memory)
    stream = StreamRow.objects.using("index").get()
    by_hand = StreamKey.objects.using("index").create(segment=0, stream_id=stream.pk, ordinal=7)
    batch = [event(number, type=f"new{number % 3}") for number in range(1, 10)]
    before = everything()
    partition = open_partition(PATIENTS, 0, memory)
    with pytest.raises(IntegrityError):
        write_batch(partition, batch)
    assert everything() == before
    assert checkpoint_of(PATIENTS, 0) == checkpoint
    assert versions("patient", "4711") == [1]
    StreamKey.objects.using("index").filter(stream_id=by_hand.stream_id, ordinal=7).delete()
    NameRow.objects.using("index").create(text="somebody else's, who got the number that was given back")
    assert index(batch, topic=PATIENTS, memory=memory).next_ordinal == 10
    assert versions("patient", "4711") == list(range(1, 11))
    assert [pointer.type for pointer in pointers()[1:]] == [written.type for written in batch]


@pytest.mark.parametrize("aggregates", [1, 700])
@pytest.mark.parametrize("count", [1, FULL - 1, FULL, FULL + 1, 2 * FULL, 3 * FULL + 7])
def test_a_batch_of_any_size_is_indexed_whole(count: int, aggregates: int) -> None:
    log = [event(number, aggregate=("patient", f"p{number % aggregates}")) for number in range(count)]
    index(log, topic=PATIENTS)
    found = pointers()
    assert [pointer.position for pointer in found] == [written.position for written in log]
    assert [pointer.version for pointer in found] == [1 + number // aggregates for number in range(count)]
    assert everything()["IdKey"] == everything()["StreamKey"] == everything()["events"] == count
    assert everything()["StreamRow"] == min(aggregates, count)


def test_a_batch_of_more_events_than_a_place_can_number_is_refused_and_the_largest_is_not() -> None:
    partition = open_partition(PATIENTS, 0, Memory())
    largest = [event(number, aggregate=("patient", str(number % 7))) for number in range(sql.MOST_EVENTS)]
    with pytest.raises(ValueError, match="at most"):
        write_batch(partition, [*largest, event(sql.MOST_EVENTS)])
    assert everything()["events"] == 0
    assert write_batch(partition, largest) == 0
    assert [pointer.event_id for pointer in queries.by_event_id(largest[-1].id)] == [largest[-1].id]
    last = queries.at(largest[-1].position)
    assert last is not None
    assert last.ordinal == sql.MOST_EVENTS - 1


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


def assert_same_as(log: Sequence[Event]) -> None:
    """The partition's pointers are this log's, event for event, with the versions that counting gives."""
    counted: dict[str, int] = {}
    expected = []
    for ordinal, written in enumerate(log):
        counted[written.aggregate_id] = counted.get(written.aggregate_id, 0) + 1
        expected.append((ordinal, written.position, written.id, written.time, counted[written.aggregate_id]))
    found = [(p.ordinal, p.position, p.event_id, p.time, p.version) for p in pointers()]
    assert found == expected


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


def test_writers_of_many_partitions_that_share_aggregates_lose_no_count() -> None:
    """Each partition has its own writer; all of them meet in the same three aggregates, in opposite orders."""

    def write(partition: int) -> None:
        for start in range(0, 40, 10):
            batch: list[Event] = [
                event(number, partition=partition, aggregate=("patient", str((number * (1 + partition)) % 3)))
                for number in range(start, start + 10)
            ]
            index(batch, topic=PATIENTS, partition=partition)

    assert together(*(partial(write, partition) for partition in range(4))) == []
    counts = StreamRow.objects.using("index").values_list("events", flat=True)
    assert sum(counts) == everything()["events"] == len(all_pointers()) == 160
    assert StreamRow.objects.using("index").values("pk").distinct().count() == len(counts)
    (kind,) = queries.aggregate_types()
    assert (kind.aggregates, kind.events) == (3, 160)


def test_writers_of_one_partition_get_in_each_others_way_and_leave_a_gapless_index() -> None:
    log = [event(number, aggregate=("patient", str(number % 3))) for number in range(120)]
    moved = threading.Semaphore(0)
    all_open = threading.Barrier(3, timeout=60)  # they stand at the same checkpoint, which only one of them can move

    def write(size: int) -> None:
        memory = Memory()
        partition = open_partition(PATIENTS, 0, memory)
        all_open.wait()
        while (done := partition.checkpoint.next_ordinal) < len(log):
            try:
                write_batch(partition, log[done : done + size])
            except CheckpointMoved:
                moved.release()
                partition = open_partition(PATIENTS, 0, memory)

    assert together(lambda: write(3), lambda: write(5), lambda: write(7)) == []
    assert moved.acquire(blocking=False), "they never met: the test shows nothing"
    assert_same_as(log)
    assert anomaly_lookup.anomaly_counts() == {}


def test_names_that_many_writers_meet_at_once_have_one_number_each() -> None:
    """Event types of one are aggregate types of another, in opposite orders."""

    def write(partition: int) -> None:
        chance = random.Random(partition)
        names = [f"name{number}" for number in range(60)]
        chance.shuffle(names)
        writing = open_partition(PATIENTS, partition, Memory())
        for start in range(0, 60, 6):
            six = names[start : start + 6]
            write_batch(
                writing,
                [event(start + n, partition=partition, type=name, aggregate=(six[-1 - n], "1")) for n, name in enumerate(six)],
            )

    assert together(*(partial(write, partition) for partition in range(4))) == []
    rows = list(NameRow.objects.using("index").values_list("text", flat=True))
    assert sorted(rows) == sorted({f"name{number}" for number in range(60)})
    for partition in range(4):
        names = [f"name{number}" for number in range(60)]
        random.Random(partition).shuffle(names)
        assert [pointer.type for pointer in pointers(partition=partition)] == names
