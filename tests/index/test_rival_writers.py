"""Writers that must not write, and writers that share names or partitions: nothing is lost, doubled or left half done."""

import random
import threading
from functools import partial

import pytest
from django.db import IntegrityError

from eventstore.index.lookup import anomaly_lookup, queries
from eventstore.index.models import IndexedPartition, NameRow, StreamKey, StreamRow
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import FULL
from eventstore.index.writing.partition import Checkpoint, CheckpointMoved, Memory, checkpoint_of, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Event
from tests.index.written import PATIENTS, assert_same_as, everything, together, versions
from tests.indexing import all_pointers, event, index, place, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")


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
