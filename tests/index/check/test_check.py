"""What the check says of an index that is right, and of one that somebody has damaged."""

import threading

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.tables.blocks import FULL
from tests.index.check.checking import COUNT, Shortened, catch_up, change_block, check, difference, publish
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")


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
