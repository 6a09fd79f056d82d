"""The index of a topic that is made anew: the old one's pointers stay, and the new one begins beside them."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from eventstore.config.loading import Config
from eventstore.drivers.database.models import MessageRow, PartitionRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.indexer import made_anew
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.lookup import progress, queries
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild.run import forget, rebuild_topic
from eventstore.model.events import Message
from eventstore.streams.payload_cache import PayloadCache
from eventstore.streams.rows import Missing, Rows
from tests.contract.helpers import soon
from tests.index.made_anew import Untold, delete, lives, publish
from tests.index.running_indexers import following, running
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")


def catch_up(storage: DatabaseStorage) -> None:
    index_until_caught_up(following(storage, threading.Event()))


def indexed_twice(old: int, new: int) -> DatabaseStorage:
    """Index so many events of a topic, and then those of the topic that was made anew under its name."""
    storage = DatabaseStorage()
    publish(storage, old)
    catch_up(storage)
    delete()
    publish(storage, new, life="new")
    catch_up(storage)
    return storage


def difference(storage: DatabaseStorage) -> str:
    reports = check_topic(storage, Config(), storage.log.topic("documents"), lambda events: None, threading.Event())
    return "; ".join(report.difference for report in reports if report.difference)


@pytest.mark.parametrize("count", [20, 30, 60])
def test_a_topic_made_anew_is_indexed_beside_the_old_one_whether_shorter_equal_or_longer(count: int) -> None:
    storage = DatabaseStorage()
    publish(storage, 30)
    catch_up(storage)
    delete()
    publish(storage, count, life="new")
    assert "made anew: the store created it later" in difference(storage)
    catch_up(storage)
    assert lives() == [(30, True), (count, False)]
    assert difference(storage) == ""
    (one,) = progress.made_anew()
    assert (one.topic, one.events) == ("documents", 30)
    assert one.why == f"{made_anew.CREATED}."
    assert [topic.events for topic in queries.indexed_topics()] == [count]


@pytest.mark.parametrize("count", [20, 30, 60])
def test_an_indexer_that_follows_begins_anew_as_well(count: int) -> None:
    storage = DatabaseStorage()
    publish(storage, 30)
    with running(storage):
        assert soon(lambda: lives() == [(30, False)])
    delete()
    publish(storage, count, life="new")
    with running(storage):
        assert soon(lambda: lives() == [(30, True), (count, False)])
        publish(storage, 5, life="newer")
        assert soon(lambda: lives() == [(30, True), (count + 5, False)])
    assert difference(storage) == ""


def test_both_lives_of_an_aggregate_are_streams_and_the_new_one_begins_with_version_1() -> None:
    storage = indexed_twice(3, 2)
    (type,) = [found.name for found in queries.aggregate_types()]
    aggregate = queries.aggregate(type, "d-1")
    assert aggregate is not None
    assert [(stream.events, stream.ended_at is not None) for stream in aggregate.streams] == [(3, True), (2, False)]
    (old,), (new,) = queries.by_event_id("old-1"), queries.by_event_id("new-1")
    assert (old.version, new.version, old.position == new.position) == (2, 2, True)
    assert (old.ended_at is None, new.ended_at is None) == (False, True)
    rows = Rows(
        log=storage.log, read=lambda message: pytest.fail("nothing of the old one is read"), cache=PayloadCache(most_bytes=0)
    )
    assert [row.missing for row in rows.of([old])] == [Missing.ANEW]
    assert queries.at(old.position) == new


def test_the_same_events_published_anew_are_no_duplicates() -> None:
    storage = DatabaseStorage()
    publish(storage, 3)
    catch_up(storage)
    delete()
    publish(storage, 3)
    catch_up(storage)
    assert [list(pointer.anomalies) for pointer in queries.by_event_id("old-1")] == [[], []]


def test_without_a_word_of_the_store_an_end_before_the_checkpoint_tells() -> None:
    storage = StorageOver(Untold())
    publish(storage, 30)
    catch_up(storage)
    delete()
    publish(storage, 20, life="new")
    assert "ordinal 0 " in difference(storage)
    catch_up(storage)
    assert lives() == [(30, True), (20, False)]


def test_an_end_that_was_asked_for_before_later_events_were_indexed_tells_nothing() -> None:
    storage = DatabaseStorage()
    publish(storage, 20)
    early = {(end.topic, end.partition): end.last for end in storage.log.ends("documents")}
    publish(storage, 10, life="later")
    catch_up(storage)
    made_anew.end_those_made_anew(storage.log, {"documents": storage.log.topic("documents")}, early)
    assert lives() == [(30, False)]


class Silent(Untold):
    """A store that gives nothing at a place and an earlier event at its end, as a broker may that does not answer in time."""

    def read_forward(self, topic: str, partition: int, **how: Any) -> Sequence[Message]:
        return []

    def read_backward(self, topic: str, partition: int, **how: Any) -> Sequence[Message]:
        return super().read_forward(topic, partition, limit=1)


def test_silence_at_the_checkpoint_tells_nothing() -> None:
    storage = StorageOver(Silent())
    publish(storage, 30)
    with running(storage):
        assert soon(lambda: lives() == [(30, False)])
    publish(storage, 5, life="later")
    with running(storage):
        assert soon(lambda: lives() == [(35, False)])


def test_without_a_word_of_the_store_another_event_at_the_checkpoint_tells() -> None:
    storage = StorageOver(Untold())
    publish(storage, 30)
    catch_up(storage)
    delete()
    publish(storage, 60, life="new")
    catch_up(storage)
    assert lives() == [(30, True), (60, False)]
    assert progress.made_anew()[0].why.endswith(f"{made_anew.OTHER_EVENT}.")


def test_an_end_before_the_checkpoint_is_noticed_while_the_partition_is_followed() -> None:
    """As after a restored backup, whose topics the store takes for the same."""
    storage = DatabaseStorage()
    publish(storage, 30)
    with running(storage):
        assert soon(lambda: lives() == [(30, False)])
        MessageRow.objects.filter(number__gte=20).delete()
        PartitionRow.objects.update(next_number=20)
        assert soon(lambda: lives() == [(30, True), (20, False)])
    assert difference(storage) == ""


def test_an_empty_log_and_a_trimmed_one_are_the_same_log_still() -> None:
    storage = StorageOver(Untold())
    publish(storage, 30)
    catch_up(storage)
    MessageRow.objects.all().delete()
    with running(storage):
        publish(storage, 5, life="later")
        assert soon(lambda: lives() == [(35, False)])
    assert progress.made_anew() == []


def test_other_partitions_are_made_anew_each_by_itself() -> None:
    storage = DatabaseStorage()
    publish(storage, 60, partitions=3, keys=20)
    catch_up(storage)
    delete()
    publish(storage, 40, life="new", partitions=2, keys=20)
    catch_up(storage)
    rows = IndexedPartition.objects.filter(live=True).order_by("number", "pk")
    assert [(row.number, row.ended_at is not None) for row in rows] == [
        (0, True),
        (0, False),
        (1, True),
        (1, False),
        (2, False),
    ]
    assert sum(row.next_ordinal for row in rows) == 60 + 40
    assert difference(storage) == ""


def test_a_rebuild_keeps_the_pointers_of_the_old_life_and_forgetting_removes_all() -> None:
    storage = indexed_twice(3, 2)
    rebuilt = rebuild_topic(storage, Config(), storage.log.topic("documents"), lambda events: None, threading.Event())
    assert (rebuilt.live, rebuilt.events, rebuilt.before) == (True, 2, 2)
    assert lives() == [(3, True), (2, False)]
    delete()
    publish(storage, 1, life="newest")
    catch_up(storage)
    assert lives() == [(3, True), (2, True), (1, False)]
    assert forget("documents") == 1
    assert lives() == []
