"""The indexer while things go wrong: it never ends for an error that passes, and never takes silence for the end."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.database.table_reads import TableReader
from eventstore.index.indexer import batch_queue, reader_threads
from eventstore.index.indexer import run as following_module
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.indexer.throughput import IndexerStatus
from eventstore.index.lookup import queries
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.models import IndexedPartition, IndexerRow
from eventstore.index.writing import writer
from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Event, Message, NewMessage, Position, Topic
from eventstore.model.log import Edge, Reader
from eventstore.subscriptions.counting import is_fresh
from tests.contract.helpers import soon
from tests.index.running_indexers import RefusingAtFirst, following, indexed, owners, published, running
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")


class Silent(DatabaseLog):
    """A log whose readers deliver nothing, as on a connection that is half dead."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        reader = super().open_reader(topic, partition, after=after)
        assert isinstance(reader, TableReader)
        reader.read = self.nothing  # type: ignore[method-assign]
        return reader

    def nothing(self, *, limit: int, timeout: float) -> Sequence[Message]:
        self.asked.release()
        return []


class BrokenAt(DatabaseLog):
    """A log whose readers of one partition fail a few times."""

    def __init__(self, partition: int, error: Exception, times: int) -> None:
        super().__init__()
        self.partition, self.error, self.times = partition, error, times

    def open_reader(self, topic: str, partition: int, *, after: Position | Edge) -> Reader:
        if partition == self.partition and self.times:
            self.times -= 1
            raise self.error
        return super().open_reader(topic, partition, after=after)


def test_a_refusal_while_looking_for_topics_is_waited_out() -> None:
    storage = StorageOver(RefusingAtFirst())
    published(storage, 3)
    with running(storage):
        assert soon(lambda: indexed() == 3)


def test_silence_before_the_end_is_not_being_caught_up() -> None:
    storage = StorageOver(Silent())
    published(storage, 3)
    with running(storage):
        for _ in range(8):
            assert storage.log.asked.acquire(timeout=20)
    assert IndexedPartition.objects.get().caught_up_at is None


def test_silence_before_the_end_ends_a_run_that_should_catch_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_module, "PATIENCE", 0.3)
    storage = StorageOver(Silent())
    published(storage, 3)
    with pytest.raises(StoreUnreachable, match="partition 0 of documents"):
        index_until_caught_up(following(storage, threading.Event()))
    assert owners() == {0: ""}


def test_an_empty_partition_is_caught_up() -> None:
    storage = DatabaseStorage()
    storage.log.create_topic("documents")
    assert index_until_caught_up(following(storage, threading.Event())) == 0
    assert IndexedPartition.objects.get().caught_up_at is not None


def test_a_run_that_has_caught_up_ends_with_saying_so() -> None:
    """The last measurement is older than the end: it said that all partitions are behind, at 89 %."""
    storage = DatabaseStorage()
    published(storage, 30, partitions=3)
    told: list[IndexerStatus] = []
    index_until_caught_up(following(storage, threading.Event(), on_status=told.append))
    last = told[-1].progress
    assert (last.partitions, last.caught_up, last.behind) == (3, 3, 0)
    assert set(IndexedPartition.objects.values_list("behind", flat=True)) <= {0, None}


def test_nothing_to_follow_is_caught_up_at_once() -> None:
    assert index_until_caught_up(following(DatabaseStorage(), threading.Event())) == 0
    assert not IndexerRow.objects.exists()


def test_what_is_there_is_indexed_once_however_often_it_is_run() -> None:
    storage = DatabaseStorage()
    published(storage, 5)
    assert index_until_caught_up(following(storage, threading.Event())) == 5
    assert index_until_caught_up(following(storage, threading.Event())) == 0
    row = queries.partition_row("documents", 0)
    assert row is not None
    assert [found.ordinal for found in queries.at_ordinals(row, range(10))] == [0, 1, 2, 3, 4]
    assert row.owner == ""


def test_a_small_batch_and_one_thread_index_the_same() -> None:
    storage, sizes = DatabaseStorage(), []
    published(storage, 50, partitions=4)
    run = following(storage, threading.Event(), batch=3, threads=1, on_batch=lambda topic, number, size: sizes.append(size))
    assert index_until_caught_up(run) == 50
    assert (max(sizes), sum(sizes)) == (3, 50)


def test_a_stop_leaves_what_is_written_and_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "MOST_SECONDS", -1.0)  # one batch in a transaction, however many wait by then
    storage, stop = DatabaseStorage(), threading.Event()
    published(storage, 50)
    run = following(storage, stop, batch=10, on_batch=lambda topic, number, size: stop.set())
    assert index_until_caught_up(run) == 10
    assert owners() == {0: ""}
    assert index_until_caught_up(following(storage, threading.Event())) == 40


def test_many_partitions_are_served_by_few_threads() -> None:
    storage = DatabaseStorage()
    published(storage, 200, partitions=60)
    published(storage, 200, topic="permits", partitions=60)
    before = threading.active_count()
    with running(storage, threads=3):
        assert soon(lambda: (indexed(), indexed("permits")) == (200, 200))
        assert threading.active_count() <= before + 6  # three readers, the watch, the blocks, the news


def test_a_partition_that_fails_is_opened_again_and_the_others_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (StoreUnreachable("away"), OperationalError("locked"), ZeroDivisionError("a fault of ours")):
        storage = StorageOver(BrokenAt(2, error, times=3))
        topic = f"of {type(error).__name__}"
        published(storage, 100, topic=topic, partitions=4)
        with running(storage):
            whole = [end.last for end in storage.log.ends(topic)]
            assert all(whole)
            assert soon(lambda topic=topic: indexed(topic) == 100)  # type: ignore[misc]
        assert storage.log.times == 0


def test_an_error_of_the_database_while_writing_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = writer.write_prepared
    turns = iter(range(1_000))

    def failing(*arguments: Any) -> int:
        if next(turns) % 3 == 1:
            raise OperationalError("the database went away")
        return written(*arguments)

    monkeypatch.setattr(batch_queue, "write_prepared", failing)
    storage = DatabaseStorage()
    published(storage, 100, partitions=2)
    assert index_until_caught_up(following(storage, threading.Event(), batch=10)) == 100
    assert indexed() == 100


def test_an_error_that_lasts_ends_a_run_that_should_catch_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_module, "PATIENCE", 1.0)
    storage = StorageOver(BrokenAt(0, StoreUnreachable("The broker at here does not answer."), times=1_000))
    published(storage, 3)
    with pytest.raises(StoreUnreachable, match="The broker at here"):
        index_until_caught_up(following(storage, threading.Event()))


def test_searchable_values_are_asked_for_and_kept() -> None:
    storage = DatabaseStorage()
    published(storage, 3)

    def values(topic: Topic, events: Sequence[Event]) -> Sequence[Sequence[tuple[str, str]]]:
        return [[("number", str(number))] for number, _ in enumerate(events)]

    index_until_caught_up(following(storage, threading.Event(), values_of=values))
    (found,) = by_value("number", ["1"]).pointers
    assert found.ordinal == 1


def test_a_stream_that_never_pauses_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events come all the time, so that no reader ever finds nothing: what was there a moment ago is indexed nevertheless."""
    monkeypatch.setattr(reader_threads, "BUSY_WAIT", 0.5)
    storage, ended = DatabaseStorage(), threading.Event()
    published(storage, 1)

    def publishing() -> None:
        while not ended.wait(0.02):
            storage.log.append("documents", [NewMessage(payload=b"{}", key="k")])

    thread = threading.Thread(target=publishing)
    thread.start()
    try:
        with running(storage):
            begun = timezone.now()
            assert soon(lambda: _caught_up_since(begun + timedelta(seconds=1)))
    finally:
        ended.set()
        thread.join()
    assert is_fresh(IndexedPartition.objects.get(), timezone.now())


def _caught_up_since(moment: Any) -> bool:
    found = IndexedPartition.objects.filter(caught_up_at__gt=moment)
    return found.exists()
