"""What the check says of an index that is right, and of one that somebody has damaged."""

import threading
from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest
from django.db import connections

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check import keys
from eventstore.index.check.run import PartitionReport, check_topic
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.models import BlockRow, IndexedPartition, StreamRow
from eventstore.index.tables import sql as bulk
from eventstore.index.tables.blocks import FULL, Columns, decoded, encoded
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge, Ends, Reader
from eventstore.model.tokens import encode
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")

COUNT = 2 * FULL + 40
PATIENTS = 7


class Shortened(DatabaseLog):
    """A log whose retention has taken the beginning away, and that does not deliver some events."""

    gone = 0
    lost: frozenset[int] = frozenset()

    def ends(self, topic: str) -> Sequence[Ends]:
        found = []
        for ends in super().ends(topic):
            there = self.read_forward(topic, ends.partition, limit=10_000)[self.gone :]
            left = [message for message in there if message.position.token not in self.tokens_lost()]
            first, last = (left[0].position, left[-1].position) if left else (None, None)
            found.append(Ends(topic=topic, partition=ends.partition, first=first, last=last))
        return found

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        if after is Edge.EARLIEST and self.gone:
            after = self.read_forward(topic, partition, limit=self.gone)[-1].position
        reader = super().open_reader(topic, partition, after=after)
        read = reader.read
        reader.read = lambda **how: [one for one in read(**how) if one.position.token not in self.tokens_lost()]  # type: ignore[method-assign]
        return reader

    def tokens_lost(self) -> set[str]:
        return {encode(number) for number in self.lost}


@pytest.fixture(params=["whole segments", "key by key"])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StorageOver[Shortened]:
    """A store with a topic of which everything is indexed; keys are compared in either way."""
    monkeypatch.setattr(keys, "WORTH_READING", 1 if request.param == "whole segments" else 1 << 40)
    storage = StorageOver(Shortened())
    storage.log.create_topic("patients")
    publish(storage, COUNT)
    catch_up(storage)
    return storage


def publish(storage: DatabaseStorage, count: int, topic: str = "patients") -> None:
    storage.log.append(topic, [message(number) for number in range(count)])


def message(number: int) -> NewMessage:
    properties = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": "/patients",
        "ce_type": f"patient.{('registered', 'moved', 'left')[number % 3]}",
        "ce_time": f"2024-05-01T09:{number // 60 % 60:02}:{number % 60:02}Z",
        "ce_aggregatetype": "patient",
        "ce_correlationid": str(uuid4()),
    }
    if number % 2:
        properties["ce_causationid"] = str(uuid4())
    if number == 100:
        del properties["ce_type"]  # fits no envelope
    return NewMessage(payload=b'{"secret": 1}', key=f"p{number % PATIENTS}", properties=properties)


def catch_up(storage: DatabaseStorage) -> None:
    nothing: Callable[[str, int, int], None] = lambda topic, partition, events: None  # noqa: E731
    index_until_caught_up(Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=nothing))


def check(storage: DatabaseStorage, topic: str = "patients", stop: threading.Event | None = None) -> list[PartitionReport]:
    done: list[int] = []
    known = storage.log.topic(topic)
    return check_topic(storage, Config(), known, done.append, stop or threading.Event())


def difference(storage: DatabaseStorage) -> str:
    (report,) = check(storage)
    return report.difference


def change_block(first: int, change: Callable[[Columns], None]) -> None:
    block = BlockRow.objects.using("index").get(first_ordinal=first)
    columns = decoded(bytes(block.data))
    change(columns)
    rows = BlockRow.objects.using("index").filter(first_ordinal=first)
    rows.update(data=encoded(columns), first_token=columns.tokens[0])


def sql(statement: str) -> int:
    with connections["index"].cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def test_a_healthy_index_has_no_difference(storage: StorageOver[Shortened]) -> None:
    (report,) = check(storage)
    assert report.difference == ""
    assert (report.indexed, report.compared, report.trimmed, report.stopped) == (COUNT, COUNT, 0, False)


def test_an_index_with_nothing_in_it_has_no_difference() -> None:
    storage = DatabaseStorage()
    storage.log.create_topic("patients", partitions=3)
    catch_up(storage)
    assert [(report.partition, report.indexed, report.difference) for report in check(storage)] == [
        (0, 0, ""),
        (1, 0, ""),
        (2, 0, ""),
    ]


def test_what_is_published_after_the_checkpoint_is_no_difference(storage: StorageOver[Shortened]) -> None:
    publish(storage, 5)
    assert difference(storage) == ""


def test_what_is_indexed_while_the_check_runs_is_no_difference(
    storage: StorageOver[Shortened], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = storage.log.topic("patients")
    more = [True]

    def index_more(events: int) -> None:
        if more:
            more.pop()
            publish(storage, FULL)
            catch_up(storage)

    (report,) = check_topic(storage, Config(), known, index_more, threading.Event())
    assert (report.difference, report.indexed) == ("", COUNT)


def test_copies_in_a_derived_topic_are_compared_too() -> None:
    storage = DatabaseStorage()
    storage.log.create_topic("patients-DLQ")
    publish(storage, 30, "patients-DLQ")
    catch_up(storage)
    assert [(report.compared, report.difference) for report in check(storage, "patients-DLQ")] == [(30, "")]
    change_block(0, lambda columns: columns.originals.__setitem__(3, "another"))
    assert "ordinal 3 " in check(storage, "patients-DLQ")[0].difference


def other(name: str, place: int, value: object) -> Callable[[Columns], None]:
    return lambda columns: getattr(columns, name).__setitem__(place, value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ids", "somebody-else", "the event id is "),
        ("types", 0, "the type is "),
        ("times", 1, "and 1970-01-01T00:00:00.000001+00:00 in the index"),
        ("published", 1, "the publish time is "),
        ("correlations", "", "the correlation id is "),
        ("causations", "x", "the causation id is "),
        ("sizes", 99, "the size is 13 in the store and 99 in the index"),
        ("flags", 1, "the readability is readable in the store and unreadable in the index"),
        ("schemas", "7", "the schema version is none in the store and 7 in the index"),
        ("versions", 77, " by count, and 77 in the index"),
        ("streams", 0, "the aggregate is patient p4 in the store and none in the index"),
    ],
)
def test_whatever_is_changed_in_a_pointer_is_named_with_its_place(
    storage: StorageOver[Shortened], name: str, value: object, words: str
) -> None:
    change_block(FULL, other(name, 7, value))
    said = difference(storage)
    assert said.startswith(f"ordinal {FULL + 7} (")
    assert words in said
    assert "secret" not in said


def test_the_first_of_several_differences_is_named(storage: StorageOver[Shortened]) -> None:
    change_block(FULL, other("sizes", 30, 1))
    change_block(0, other("versions", 200, 77))
    change_block(0, other("sizes", 90, 1))
    assert difference(storage).startswith("ordinal 90 ")


def test_an_event_that_the_index_lacks_is_named(storage: StorageOver[Shortened]) -> None:
    def leave_out(columns: Columns) -> None:
        for field in Columns.__struct_fields__:
            if field != "values":
                del getattr(columns, field)[20]

    change_block(2 * FULL, leave_out)
    IndexedPartition.objects.using("index").update(next_ordinal=COUNT - 1)
    said = difference(storage)
    assert f"ordinal {2 * FULL + 20:,} " in said or said.startswith(f"ordinal {2 * FULL + 20} ")
    assert "that the index does not have" in said


def test_an_event_that_the_store_lacks_is_named(storage: StorageOver[Shortened]) -> None:
    storage.log.lost = frozenset({300})
    said = difference(storage)
    assert said.startswith("ordinal 300 (")
    assert "the store does not" in said


def test_events_at_the_end_that_the_store_lacks_are_named(storage: StorageOver[Shortened]) -> None:
    storage.log.lost = frozenset(range(COUNT - 3, COUNT))
    said = difference(storage)
    assert said.startswith(f"ordinal {COUNT - 3} (")
    assert "the store ends before it" in said


def test_two_events_in_the_wrong_order_are_named(storage: StorageOver[Shortened]) -> None:
    def swap(columns: Columns) -> None:
        for field in Columns.__struct_fields__:
            if field not in ("values", "versions"):
                column = getattr(columns, field)
                column[10], column[11] = column[11], column[10]

    change_block(FULL, swap)
    said = difference(storage)
    assert said.startswith(f"ordinal {FULL + 10} (")
    assert "the store behind it" in said


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM index_idkey WHERE ordinal = 300", "it is not found by its event id"),
        ("DELETE FROM index_streamkey WHERE ordinal = 300", "it is not found in its stream"),
        ("DELETE FROM index_linkkey WHERE ordinal = 300", "it is not found by its correlation id"),
        ("UPDATE index_idkey SET hash = hash + 1 WHERE ordinal = 300", "it is not found by its event id"),
        ("UPDATE index_idkey SET segment = 9 WHERE ordinal = 300", "it is not found by its event id"),
    ],
)
def test_a_key_that_is_missing_is_named(storage: StorageOver[Shortened], damage: str, words: str) -> None:
    assert sql(damage) > 0
    said = difference(storage)
    assert said.startswith("ordinal 300 (")
    assert words in said


def test_a_key_too_many_is_named_where_segments_are_read_whole(
    monkeypatch: pytest.MonkeyPatch, storage: StorageOver[Shortened]
) -> None:
    monkeypatch.setattr(keys, "WORTH_READING", 1)
    streams = list(StreamRow.objects.using("index").order_by("pk").values_list("pk", flat=True))
    for stream in streams[:2]:  # one of them may be its own
        sql(f"INSERT INTO index_streamkey (segment, stream_id, ordinal) VALUES (0, {stream}, 300) ON CONFLICT DO NOTHING")
    said = difference(storage)
    assert said.startswith("ordinal 300: the index counts it to another stream")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE index_streamrow SET events = events + 1 WHERE aggregate_id = 'p3'", "the stream of patient p3 has 7"),
        ("UPDATE index_typecount SET events = events - 1", f"the type patient has 7 streams with {COUNT - 1} events"),
        ("UPDATE index_typecount SET streams = 6", "and the index counts 6 with"),
        ("UPDATE index_hourcount SET events = 1 WHERE events > 1", "since 1970 has "),
        ("UPDATE index_anomalycount SET events = 5", "1 anomalies of the kind unreadable are noted, and the index counts 5"),
        (
            "UPDATE index_indexedpartition SET checkpoint = '1f'",
            f"the checkpoint is 15, and the last event lies at {COUNT - 1}",
        ),
    ],
)
def test_a_count_that_is_wrong_is_named(storage: StorageOver[Shortened], damage: str, words: str) -> None:
    assert sql(damage) > 0
    assert words in difference(storage)


def test_a_block_that_is_missing_or_damaged_is_named(storage: StorageOver[Shortened]) -> None:
    rows = BlockRow.objects.using("index").filter(first_ordinal=FULL)
    whole = bytes(rows.values_list("data", flat=True)[0])
    for damaged in (whole[:-10], b"", b"nonsense", whole[:40] + b"\xff" * 20 + whole[60:]):
        rows.update(data=damaged)
        assert difference(storage) == f"the index's block from ordinal {FULL} on is damaged"
    rows.delete()
    assert difference(storage) == f"the index has no block from ordinal {FULL} on; the next begins at {2 * FULL}"


def test_what_retention_has_trimmed_is_counted_and_no_difference(storage: StorageOver[Shortened]) -> None:
    for gone in (1, FULL, FULL + 33, COUNT):
        storage.log.gone = gone
        (report,) = check(storage)
        assert (report.difference, report.trimmed, report.compared) == ("", gone, COUNT)


def test_what_is_left_after_trimming_is_still_compared(storage: StorageOver[Shortened]) -> None:
    storage.log.gone = 100
    change_block(0, other("sizes", 50, 1))
    assert difference(storage) == ""
    change_block(0, other("versions", 50, 99))
    assert difference(storage).startswith("ordinal 50 (")
    change_block(0, other("versions", 50, 50 // PATIENTS + 1))
    change_block(0, other("sizes", 150, 1))
    assert difference(storage).startswith("ordinal 150 (")


def test_one_partitions_difference_does_not_keep_the_others_from_being_compared() -> None:
    storage = DatabaseStorage()
    storage.log.create_topic("patients", partitions=3)
    publish(storage, 200)
    catch_up(storage)
    rows = {row.number: row.pk for row in IndexedPartition.objects.using("index")}
    assert sql(f"DELETE FROM index_idkey WHERE partition_id = {rows[1]}") > 0
    reports = check(storage)
    assert [bool(report.difference) for report in reports] == [False, True, False]
    assert sum(report.compared for report in reports if not report.difference) > 0


def test_a_partition_or_a_topic_that_is_not_indexed_at_all_is_named_where_the_store_has_events_of_it() -> None:
    storage = DatabaseStorage()
    storage.log.create_topic("patients", partitions=3)
    publish(storage, 200)
    catch_up(storage)
    IndexedPartition.objects.using("index").filter(number=1).delete()
    reports = {report.partition: report for report in check(storage)}
    assert [bool(reports[number].difference) for number in range(3)] == [False, True, False]
    assert reports[1].difference == "it is not indexed, and the store has events of it"
    assert reports[1].behind
    storage.log.create_topic("empty", partitions=2)
    assert [(report.difference, report.behind) for report in check(storage, "empty")] == [("", 0), ("", 0)]


def test_what_lies_behind_the_checkpoint_is_counted(storage: StorageOver[Shortened]) -> None:
    assert check(storage)[0].behind == 0
    publish(storage, 5)
    assert check(storage)[0].behind == 5


def odd_stream(numbers: Sequence[tuple[str, str, str]]) -> list[NewMessage]:
    """Events of one aggregate: id, the publisher's number, and the second at which each happened."""
    base = message(1)
    return [
        NewMessage(
            payload=b"{}",
            key="odd",
            properties={**base.properties, "ce_id": id, "ce_sequence": number, "ce_time": f"2024-05-02T09:00:{second}Z"},
        )
        for id, number, second in numbers
    ]


ODD = [
    ("a", "7", "10"), ("b", "8", "11"), ("c", "11", "12"), ("d", "9", "13"), ("e", "12", "05"), ("f", "13", "06"),
    ("g", "x", "20"), ("h", "14", "21"), ("b", "8", "11"), ("i", "15", "22"), ("j", "0016", "23"), ("k", "18", "24"),
]  # fmt: skip


def test_anomalies_are_judged_again(storage: StorageOver[Shortened]) -> None:
    storage.log.append("patients", odd_stream(ODD))
    catch_up(storage)
    kinds = dict(bulk.query("SELECT kind, count(*) FROM index_anomalyrow GROUP BY kind", []))
    assert kinds == {"unreadable": 1, "sequence-skips": 2, "sequence-goes-back": 1, "time-goes-back": 2, "duplicate-id": 1}
    assert difference(storage) == ""
    storage.log.gone = 300
    assert difference(storage) == ""
    storage.log.gone = COUNT + 3
    assert difference(storage) == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("unreadable", "it fits no envelope, and the index does not note it"),
        ("sequence-skips", "its sequence skips, and the index does not note it"),
        ("sequence-goes-back", "its sequence goes back, and the index does not note it"),
        ("time-goes-back", "its time goes back, and the index does not note it"),
    ],
)
def test_an_anomaly_that_is_not_noted_is_named_though_the_counts_agree(
    storage: StorageOver[Shortened], kind: str, words: str
) -> None:
    storage.log.append("patients", odd_stream(ODD))
    catch_up(storage)
    assert sql(f"DELETE FROM index_anomalyrow WHERE kind = '{kind}'") > 0
    assert sql(f"DELETE FROM index_anomalycount WHERE kind = '{kind}'") > 0
    assert words in difference(storage)


@pytest.mark.parametrize("kind", ["unreadable", "schema", "sequence-skips", "time-goes-back"])
def test_an_anomaly_that_is_none_is_named(storage: StorageOver[Shortened], kind: str) -> None:
    row = IndexedPartition.objects.using("index").get().pk
    sql(
        "INSERT INTO index_anomalyrow (partition_id, ordinal, kind, stream_id, detail) "
        f"VALUES ({row}, 300, '{kind}', NULL, '')"
    )
    said = difference(storage)
    assert said.startswith("ordinal 300 (")
    assert "and it is not so" in said


def test_a_check_that_is_stopped_says_how_far_it_came(storage: StorageOver[Shortened]) -> None:
    stop = threading.Event()
    known = storage.log.topic("patients")
    (report,) = check_topic(storage, Config(), known, lambda events: stop.set(), stop)
    assert report.stopped
    assert 0 < report.compared < report.indexed == COUNT
    assert report.difference == ""
