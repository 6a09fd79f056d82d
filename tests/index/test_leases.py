"""Who indexes which partition: a lease is taken once, runs out, is given back, and shared fairly by all that live."""

import os
import sys
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from eventstore.index.indexer import leases
from eventstore.index.indexer.lease_owner import is_dead, new_owner
from eventstore.index.indexer.leases import Leased, Member
from eventstore.index.models import IndexedPartition, IndexerRow
from eventstore.index.writing.partition import CheckpointMoved, Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Topic
from tests import forked
from tests.indexing import event

PATIENTS = Topic(name="patients", partitions=4)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> str:
    """An index with the four partitions of a topic, which nobody has."""
    if request.param == "postgres":
        request.getfixturevalue("index_on_postgres")
    assert leases.make_partitions([PATIENTS], known=[])
    return str(request.param)


def expire(owner: str) -> None:
    """What fifteen seconds without a sign of life do."""
    past = timezone.now() - timedelta(seconds=1)
    IndexedPartition.objects.filter(owner=owner).update(leased_until=past)
    IndexerRow.objects.filter(owner=owner).update(until=past)


def free() -> list[Leased]:
    return [leased for leased in leases.partitions() if leased.free]


def test_a_new_topic_gets_a_row_for_each_partition_once(database: str) -> None:
    found = leases.partitions()
    assert sorted((leased.topic, leased.number, leased.free) for leased in found) == [
        ("patients", number, True) for number in range(4)
    ]
    assert not leases.make_partitions([PATIENTS], known=[(leased.topic, leased.number) for leased in found])


def test_a_partition_is_taken_once_and_each_taking_has_the_next_epoch(database: str) -> None:
    everything = free()
    first = leases.take("one", everything)
    assert len(first) == 4
    assert set(first.values()) == {1}
    assert leases.take("two", everything) == {}
    leases.release("one", list(first)[:1])
    assert leases.take("two", everything) == {next(iter(first)): 2}


def test_an_expired_lease_is_free_and_a_renewed_one_is_not(database: str) -> None:
    leases.take("one", free())
    expire("one")
    leases.renew("one")
    assert free() == []
    expire("one")
    assert len(leases.take("two", free())) == 4


def test_leaving_frees_everything_at_once(database: str) -> None:
    leases.heartbeat("one", wants_more=False)
    leases.take("one", free())
    leases.leave("one")
    assert len(free()) == 4
    assert leases.others("two") == []


def test_who_let_a_partition_go_long_ago_cannot_free_it_for_its_new_owner(database: str) -> None:
    rows = leases.take("one", free())
    expire("one")
    leases.take("two", free())
    leases.release("one", rows)
    leases.leave("one")
    assert free() == []
    assert {leased.owner for leased in leases.partitions()} == {"two"}


def test_a_late_twin_writes_nothing(database: str) -> None:
    leases.take("one", free())
    late = open_partition(PATIENTS, 0, Memory())
    write_batch(late, [event(0)])
    expire("one")
    leases.take("two", free())
    with pytest.raises(CheckpointMoved):
        write_batch(late, [event(1)])
    again = open_partition(PATIENTS, 0, Memory())
    assert again.checkpoint.next_ordinal == 1
    write_batch(again, [event(1)])


def test_many_that_take_at_the_same_moment_get_each_partition_once(database: str) -> None:
    start = threading.Barrier(6)
    taken: dict[str, dict[int, int]] = {}

    def take(owner: str) -> None:
        try:
            everything = free()
            start.wait(timeout=30)
            taken[owner] = leases.take(owner, everything)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=(f"owner {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    rows = [row for mine in taken.values() for row in mine]
    assert len(taken) == 6
    assert len(rows) == len(set(rows))
    leases.take("last", free())
    for leased in leases.partitions():
        assert leased.owner == "last" or leased.id in taken[leased.owner]


def test_who_lives_is_known_to_the_others_with_its_hunger(database: str) -> None:
    leases.heartbeat("one", wants_more=False)
    leases.heartbeat("two", wants_more=True)
    assert leases.others("one") == [Member(owner="two", wants_more=True)]
    leases.heartbeat("two", wants_more=False)
    assert leases.others("one") == [Member(owner="two", wants_more=False)]
    expire("two")
    assert leases.others("one") == []


@pytest.mark.parametrize(("partitions", "owners"), [(0, 1), (1, 1), (4, 1), (4, 3), (3, 4), (1, 5), (500, 7)])
def test_shares_are_as_equal_as_can_be_and_add_up(partitions: int, owners: int) -> None:
    names = [f"owner {number}" for number in range(owners)]
    shares = [
        leases.share_of(name, [Member(owner=other, wants_more=False) for other in names if other != name], partitions)
        for name in names
    ]
    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1


def test_the_lease_of_a_process_that_died_here_is_free_at_once(database: str) -> None:
    script = "from eventstore.index.indexer.lease_owner import new_owner; print(new_owner(), end='')"
    died = forked.run([sys.executable, "-c", script], text=True).stdout
    leases.heartbeat(died, wants_more=True)
    assert len(leases.take(died, free())) == 4
    assert leases.others("two") == []
    assert len(leases.take("two", free())) == 4


def test_only_a_process_of_this_machine_is_ever_known_to_be_dead() -> None:
    mine = new_owner()
    host, *rest = mine.split(" ")
    assert not is_dead(mine)
    assert mine != new_owner()
    assert is_dead(mine.replace(f" {os.getpid()} ", " 4194305 "))
    assert not is_dead(" ".join([f"not-{host}", *rest]).replace(f" {os.getpid()} ", " 4194305 "))
    for damaged in ("", "one", "one two three four", " ".join(mine.split(" ")[:-1]), mine.replace(str(os.getpid()), "x")):
        assert not is_dead(damaged)
