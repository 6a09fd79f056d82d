"""Several indexers share the partitions: each has one owner, and a lease of an indexer that is gone is taken over."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer import indexer as indexer_module
from eventstore.index.indexer import leases
from eventstore.index.indexer.run import index_until_caught_up
from eventstore.index.indexer.throughput import IndexerStatus
from eventstore.index.lookup import progress, queries
from eventstore.index.models import IndexedPartition, IndexerRow
from eventstore.model.events import Topic
from tests.contract.helpers import soon
from tests.index.running_indexers import following, indexed, owners, published, running

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")
FOUR = Topic(name="documents", partitions=4)


def shares(*expected: int) -> Callable[[], bool]:
    """Whether the partitions lie with so many of each owner, most first; nobody has none."""

    def holds() -> bool:
        found = list(owners().values())
        return "" not in found and sorted(map(found.count, set(found)), reverse=True) == list(expected)

    return holds


# -- several indexers


def test_two_indexers_share_and_nothing_is_written_twice() -> None:
    storage = DatabaseStorage()
    published(storage, 400, partitions=4)
    with running(storage, "one"), running(storage, "two"):
        assert soon(shares(2, 2))
        published(storage, 400)
        assert soon(lambda: indexed() == 800)
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
        assert soon(shares(4))
        with running(storage, "two"):
            assert soon(shares(2, 2))
            with running(storage, "three"):
                assert soon(shares(2, 1, 1))
            assert soon(shares(2, 2))
        assert soon(shares(4))
    assert not IndexerRow.objects.exists()


def test_the_leases_of_one_that_vanished_are_taken_over_when_they_end() -> None:
    storage = DatabaseStorage()
    published(storage, 10, partitions=4)
    leases.make_partitions([FOUR], known=[])
    leases.take("elsewhere", leases.partitions())
    leases.heartbeat("elsewhere", wants_more=False)
    with running(storage, "one"):
        assert soon(lambda: IndexerRow.objects.filter(owner="one", wants_more=True).exists())
        assert indexed() == 0
        past = timezone.now() - timedelta(seconds=1)
        IndexedPartition.objects.update(leased_until=past)
        IndexerRow.objects.filter(owner="elsewhere").update(until=past)
        assert soon(lambda: indexed() == 10)


def test_a_partition_that_nobody_takes_is_taken_even_while_another_wants_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer_module, "FREE_FOR", 0.3)
    storage = DatabaseStorage()
    published(storage, 100, partitions=4)
    leases.heartbeat("stuck", wants_more=True)
    with running(storage, "one"):
        assert soon(lambda: indexed() == 100)


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
    assert soon(lambda: bool(looks) and looks[-1].elsewhere == 1)
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
        assert soon(lambda: progress.topics()[0].progress.behind == 0)
    (found,) = progress.topics()
    assert (found.progress.indexed, found.progress.caught_up, found.progress.fraction) == (60, 2, 1.0)
    assert found.progress.seconds_to_go == 0.0
