"""A batch of pointers and its checkpoint are one: nothing is lost, nothing doubled, versions and ordinals are gapless."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from eventstore.index.lookup import anomaly_lookup, queries
from eventstore.index.models import BlockRow, HourCount
from eventstore.index.tables.names import Names
from eventstore.index.tables.packing import unpack
from eventstore.index.writing import streams
from eventstore.index.writing.partition import Checkpoint, Memory, checkpoint_of, open_partition
from eventstore.index.writing.prepared_batch import prepare_batch
from eventstore.index.writing.writer import write_batch, write_prepared
from eventstore.model.events import Event, Topic, TopicKind
from tests.index.written import PATIENTS, everything, facts, versions
from tests.indexing import START, all_pointers, event, index, place, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")


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
        columns, values = unpack(bytes(block.data))
        assert "Erika" not in repr((columns, values))


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
    index([event(0), event(1, problem="unrecognised format: it is empty"), event(2)], topic=PATIENTS)
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
