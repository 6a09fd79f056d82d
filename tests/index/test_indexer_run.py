"""The indexer while things go wrong, alone and beside others: it never ends for an error that passes, never takes silence for
the end, and no partition is written by two."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from eventstore.config.loading import Config
from eventstore.drivers.database.log import DatabaseLog
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.drivers.database.table_reads import TableReader
from eventstore.index.indexer import indexer as indexer_module
from eventstore.index.indexer import leases, reader_threads, topic_watch
from eventstore.index.indexer import run as following_module
from eventstore.index.indexer.indexer import IndexerStatus
from eventstore.index.indexer.run import Following, follow_everything, index_until_caught_up
from eventstore.index.lookup import progress, queries
from eventstore.index.lookup.value_lookup import by_value
from eventstore.index.models import IndexedPartition, IndexerRow
from eventstore.index.writing import writer
from eventstore.model.errors import StoreRefused, StoreUnreachable
from eventstore.model.events import Event, Message, NewMessage, Position, Topic
from eventstore.model.log import Edge, Ends, Reader
from eventstore.subscriptions.backlog import is_fresh
from tests.contract.helpers import eventually
from tests.indexing import place
from tests.parts import StorageOver

pytestmark = pytest.mark.usefixtures("desk_databases")

ENVELOPE = {"ce_id": "e-1", "ce_type": "document.read", "ce_source": "/tests", "ce_specversion": "1.0"}
FOUR = Topic(name="documents", partitions=4)


class RefusingAtFirst(DatabaseLog):
    """A log whose administration answers 500 a few times, as a broker does while it starts."""

    refusals = 2

    def topics(self) -> Sequence[Topic]:
        if self.refusals:
            self.refusals -= 1
            raise StoreRefused("The broker answered 500.")
        return super().topics()


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


class Watched(DatabaseLog):
    """A log in which one can take topics away from the indexer that looks for them."""

    hidden: frozenset[str] = frozenset()

    def topics(self) -> Sequence[Topic]:
        return [topic for topic in super().topics() if topic.name not in self.hidden]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks come ten times as often as they do in earnest."""
    monkeypatch.setattr(topic_watch, "LOOK_FOR_TOPICS", 0.05)
    monkeypatch.setattr(topic_watch, "ASK_FOR_ENDS", 0.2)
    monkeypatch.setattr(indexer_module, "REBALANCE_SECONDS", 0.1)


def following(storage: DatabaseStorage, stop: threading.Event, **more: Any) -> Following:
    settings = {"on_batch": lambda topic, partition, events: None, **more}
    return Following(storage=storage, config=Config(), stop=stop, **settings)


def published(storage: DatabaseStorage, count: int, *, topic: str = "documents", partitions: int = 1) -> None:
    storage.log.create_topic(topic, partitions=partitions)
    storage.log.append(topic, [NewMessage(payload=b"{}", key=f"k{n % 40}", properties=ENVELOPE) for n in range(count)])


def indexed(topic: str = "documents") -> int:
    """Events of the topic in the index."""
    return sum(IndexedPartition.objects.filter(topic=topic).values_list("next_ordinal", flat=True))


def owners() -> dict[int, str]:
    """Who has which partition."""
    return dict(IndexedPartition.objects.values_list("number", "owner"))


@contextmanager
def running(storage: DatabaseStorage, owner: str = "one", **more: Any) -> Iterator[threading.Event]:
    """An indexer that follows everything, in a thread of its own; the value ends it."""
    stop = threading.Event()
    thread = threading.Thread(target=follow_everything, args=(following(storage, stop, owner=owner, **more),))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()


def shares(*expected: int) -> Callable[[], bool]:
    """Whether the partitions lie with so many of each owner, most first; nobody has none."""

    def holds() -> bool:
        found = list(owners().values())
        return "" not in found and sorted(map(found.count, set(found)), reverse=True) == list(expected)

    return holds


def test_a_refusal_while_looking_for_topics_is_waited_out() -> None:
    storage = StorageOver(RefusingAtFirst())
    published(storage, 3)
    with running(storage):
        assert eventually(lambda: indexed() == 3)


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


def test_a_stop_leaves_what_is_written_and_no_lease() -> None:
    storage, stop = DatabaseStorage(), threading.Event()
    published(storage, 50)
    run = following(storage, stop, batch=10, on_batch=lambda topic, number, size: stop.set())
    assert index_until_caught_up(run) == 10
    assert owners() == {0: ""}
    assert index_until_caught_up(following(storage, threading.Event())) == 40


def test_new_topics_are_found_and_those_that_went_are_let_go() -> None:
    storage = StorageOver(Watched())
    published(storage, 3)
    with running(storage):
        assert eventually(lambda: indexed() == 3)
        published(storage, 7, topic="permits", partitions=3)
        assert eventually(lambda: indexed("permits") == 7)
        storage.log.hidden = frozenset({"permits"})
        assert eventually(lambda: not IndexedPartition.objects.filter(topic="permits").exclude(owner="").exists())
        published(storage, 2)
        assert eventually(lambda: indexed() == 5)


def gone() -> set[str]:
    """The topics of which a partition is noted as gone from the store."""
    return set(IndexedPartition.objects.filter(gone_at__isnull=False).values_list("topic", flat=True))


def test_a_topic_that_went_is_noted_as_gone_and_holds_up_nothing_until_it_is_back() -> None:
    storage = StorageOver(Watched())
    published(storage, 3)
    published(storage, 3, topic="permits")
    with running(storage):
        assert eventually(lambda: (indexed(), indexed("permits")) == (3, 3))
        storage.log.hidden = frozenset({"permits"})
        assert eventually(lambda: gone() == {"permits"})
        IndexedPartition.objects.filter(topic="permits").update(caught_up_at=None)
        known = {topic.topic: topic for topic in queries.indexed_topics()}
        assert known["permits"].gone_at is not None
        assert (known["documents"].gone_at, known["permits"].events) == (None, 3)
        storage.log.hidden = frozenset()
        assert eventually(lambda: gone() == set())
        assert eventually(lambda: "" not in owners().values())


def test_no_topic_is_noted_as_gone_while_the_store_does_not_tell_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = StorageOver(RefusingAtFirst())
    storage.log.refusals = 0
    published(storage, 3)
    index_until_caught_up(following(storage, threading.Event()))
    storage.log.refusals = 1_000
    with running(storage):
        assert eventually(lambda: storage.log.refusals < 990)
    assert gone() == set()


def test_what_another_indexer_watches_is_not_gone_for_one_that_does_not() -> None:
    storage, narrow = DatabaseStorage(), StorageOver(Watched())
    narrow.log.hidden = frozenset({"permits"})
    published(storage, 3)
    published(storage, 3, topic="permits")
    with running(storage, "wide"):
        assert eventually(lambda: indexed("permits") == 3)
        with running(narrow, "narrow"):
            assert eventually(lambda: set(IndexerRow.objects.values_list("owner", flat=True)) == {"wide", "narrow"})
            published(storage, 2, topic="permits")
            assert eventually(lambda: indexed("permits") == 5)
            assert gone() == set()


def test_topics_that_change_in_the_middle_of_a_look_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watching thread replaces them whenever the store says so: between the leasing of a partition and its opening too."""
    storage = DatabaseStorage()
    published(storage, 3)
    taken = leases.take
    with following_module._indexer(following(storage, threading.Event(), owner="one")) as indexer:
        indexer.topics = {topic.name: topic for topic in storage.log.topics()}

        def take(*arguments: Any, **more: Any) -> dict[int, int]:
            indexer.topics = {}
            return taken(*arguments, **more)

        monkeypatch.setattr(leases, "take", take)
        indexer.rebalance()
        assert owners() == {0: "one"}
        indexer.rebalance()
        assert owners() == {0: ""}


def test_many_partitions_are_served_by_few_threads() -> None:
    storage = DatabaseStorage()
    published(storage, 200, partitions=60)
    published(storage, 200, topic="permits", partitions=60)
    before = threading.active_count()
    with running(storage, threads=3):
        assert eventually(lambda: (indexed(), indexed("permits")) == (200, 200))
        assert threading.active_count() <= before + 5


def test_a_partition_that_fails_is_opened_again_and_the_others_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (StoreUnreachable("away"), OperationalError("locked"), ZeroDivisionError("a fault of ours")):
        storage = StorageOver(BrokenAt(2, error, times=3))
        topic = f"of {type(error).__name__}"
        published(storage, 100, topic=topic, partitions=4)
        with running(storage):
            whole = [end.last for end in storage.log.ends(topic)]
            assert all(whole)
            assert eventually(lambda topic=topic: indexed(topic) == 100)  # type: ignore[misc]
        assert storage.log.times == 0


def test_an_error_of_the_database_while_writing_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = writer.write_prepared
    turns = iter(range(1_000))

    def failing(*arguments: Any) -> int:
        if next(turns) % 3 == 1:
            raise OperationalError("the database went away")
        return written(*arguments)

    monkeypatch.setattr(indexer_module, "write_prepared", failing)
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
            assert eventually(lambda: _caught_up_since(begun + timedelta(seconds=1)))
    finally:
        ended.set()
        thread.join()
    assert is_fresh(IndexedPartition.objects.get(), timezone.now())


def _caught_up_since(moment: Any) -> bool:
    found = IndexedPartition.objects.filter(caught_up_at__gt=moment)
    return found.exists()


def test_an_end_that_was_taken_away_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "ASK_AGAIN", 0.3)
    storage = DatabaseStorage()
    published(storage, 3)
    later: Callable[[Ends], Ends] = lambda ends: replace(ends, last=place(9, topic="documents"))  # noqa: E731
    gone = [storage.log.position("documents", 0, end.last.token) for end in storage.log.ends("documents") if end.last]
    assert gone
    changes = iter([later])

    def ends(topic: str) -> Sequence[Ends]:
        change = next(changes, None)
        found = DatabaseLog.ends(storage.log, topic)
        return [change(end) for end in found] if change else found

    monkeypatch.setattr(storage.log, "ends", ends)
    with running(storage):
        assert eventually(lambda: IndexedPartition.objects.filter(caught_up_at__isnull=False).exists())


# -- several indexers


def test_two_indexers_share_and_nothing_is_written_twice() -> None:
    storage = DatabaseStorage()
    published(storage, 400, partitions=4)
    with running(storage, "one"), running(storage, "two"):
        assert eventually(shares(2, 2))
        published(storage, 400)
        assert eventually(lambda: indexed() == 800)
    assert set(owners().values()) == {""}
    for number in range(4):
        row = queries.partition_row("documents", number)
        assert row is not None
        tokens = [found.position.token for found in queries.at_ordinals(row, range(row.next_ordinal))]
        assert tokens == sorted(set(tokens))


def test_a_new_indexer_gets_its_share_and_the_others_take_it_over_when_it_ends() -> None:
    storage = DatabaseStorage()
    published(storage, 10, partitions=4)
    with running(storage, "one"):
        assert eventually(shares(4))
        with running(storage, "two"):
            assert eventually(shares(2, 2))
            with running(storage, "three"):
                assert eventually(shares(2, 1, 1))
            assert eventually(shares(2, 2))
        assert eventually(shares(4))
    assert not IndexerRow.objects.exists()


def test_the_leases_of_one_that_vanished_are_taken_over_when_they_end() -> None:
    storage = DatabaseStorage()
    published(storage, 10, partitions=4)
    leases.make_partitions([FOUR], known=[])
    leases.take("elsewhere", leases.partitions())
    leases.heartbeat("elsewhere", wants_more=False)
    with running(storage, "one"):
        assert eventually(lambda: IndexerRow.objects.filter(owner="one", wants_more=True).exists())
        assert indexed() == 0
        past = timezone.now() - timedelta(seconds=1)
        IndexedPartition.objects.update(leased_until=past)
        IndexerRow.objects.filter(owner="elsewhere").update(until=past)
        assert eventually(lambda: indexed() == 10)


def test_a_partition_that_nobody_takes_is_taken_even_while_another_wants_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer_module, "FREE_FOR", 0.3)
    storage = DatabaseStorage()
    published(storage, 100, partitions=4)
    leases.heartbeat("stuck", wants_more=True)
    with running(storage, "one"):
        assert eventually(lambda: indexed() == 100)


def test_catching_up_waits_for_what_another_indexer_has() -> None:
    storage = DatabaseStorage()
    published(storage, 100, partitions=4)
    leases.make_partitions([FOUR], known=[])
    (held,) = [leased for leased in leases.partitions() if leased.number == 1]
    leases.take("elsewhere", [held])
    total: list[int] = []
    looks: list[IndexerStatus] = []
    run = following(storage, threading.Event(), on_status=looks.append)
    thread = threading.Thread(target=lambda: total.append(index_until_caught_up(run)))
    thread.start()
    assert eventually(lambda: bool(looks) and looks[-1].elsewhere == 1)
    assert thread.is_alive()
    leases.leave("elsewhere")
    thread.join(timeout=60)
    assert total == [100]


def test_three_that_catch_up_together_index_everything_once() -> None:
    storage = DatabaseStorage()
    published(storage, 3_000, partitions=4)
    totals: list[int] = []
    threads = [
        threading.Thread(target=lambda: totals.append(index_until_caught_up(following(storage, threading.Event(), batch=50))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert (len(totals), sum(totals), indexed()) == (3, 3_000, 3_000)


# -- how far it is


def test_progress_says_what_waits_and_ends_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DatabaseStorage()
    published(storage, 30, partitions=2)
    index_until_caught_up(following(storage, threading.Event()))
    (found,) = progress.topics()
    assert (found.topic, found.progress.partitions, found.progress.indexed) == ("documents", 2, 30)
    assert found.progress.caught_up_at is not None
    published(storage, 30)
    with running(storage):
        assert eventually(lambda: progress.topics()[0].progress.behind == 0)
    (found,) = progress.topics()
    assert (found.progress.indexed, found.progress.caught_up, found.progress.fraction) == (60, 2, 1.0)
    assert found.progress.seconds_to_go == 0.0
