"""What the check does not call a difference, and what it does though something else is wrong or missing."""

import threading
from collections.abc import Sequence

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.models import IndexedPartition
from eventstore.index.tables import sql as bulk
from eventstore.index.tables.blocks import FULL
from eventstore.model.events import NewMessage
from tests.index.check.checking import (
    COUNT,
    PATIENTS,
    Shortened,
    catch_up,
    change_block,
    check,
    difference,
    message,
    other,
    publish,
    sql,
)
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")


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


def test_what_sources_count_is_judged_again_as_it_was(storage: StorageOver[Shortened]) -> None:
    """One counter over three aggregates, beside a source that counts each by itself and leaves one number out."""
    base, counted = message(1), [0, 0, 0]
    for number in range(1, 40):
        counted[number % 3] += 2 if number == 30 else 1
        for source, sequence in (("/one", number), ("/each", counted[number % 3])):
            own = {"ce_id": f"{source}-{number}", "ce_source": source, "ce_sequence": str(sequence)}
            properties = {**base.properties, **own, "ce_aggregateid": f"o-{number % 3}"}
            storage.log.append("patients", [NewMessage(payload=b"{}", key="o", properties=properties)])
    catch_up(storage)
    assert bulk.query("SELECT count(*) FROM index_anomalyrow WHERE kind = 'sequence-skips'", []) == [(1,)]
    for gone in (0, 300, COUNT + 20):
        storage.log.gone = gone
        assert difference(storage) == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("unreadable", "its format is not recognised, and the index does not note it"),
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
