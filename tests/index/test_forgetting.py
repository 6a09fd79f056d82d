"""The searchable values of a forgotten aggregate leave the index, and nothing that is indexed later brings them back."""

import os
import signal
import threading
from collections.abc import Sequence
from typing import NoReturn

import pytest
from django.db import connections

from eventstore.forgotten.memory import Forgotten, ForgottenUnknown, forgotten_since, remember
from eventstore.forgotten.models import ForgottenRow
from eventstore.index.indexer.failures import may_be_the_message
from eventstore.index.lookup.value_lookup import by_value, count_values
from eventstore.index.models import IndexedPartition, LinkKey
from eventstore.index.tables.blocks import FULL
from eventstore.index.writing import forgetting
from eventstore.index.writing.forgetting import Removed, remove_values
from eventstore.index.writing.partition import Memory, Partition, open_partition
from eventstore.index.writing.prepared_batch import Stored
from eventstore.index.writing.writer import write_batch
from tests.index.written import PATIENTS
from tests.indexing import event, pointers

pytestmark = pytest.mark.usefixtures("desk_databases")
ANNA, BERT = ("patient", "anna"), ("patient", "bert")


def values_of(id: str, number: int) -> Sequence[Stored]:
    return (("name", f"{id} the person"), ("visit", f"{id}-{number}"))


def write(partition: Partition, numbers: Sequence[int]) -> None:
    """Index the events with these numbers: even ones are Anna's, odd ones Bert's, each with two values."""
    whose = [ANNA if number % 2 == 0 else BERT for number in numbers]
    events = [event(number, aggregate=one) for number, one in zip(numbers, whose, strict=True)]
    write_batch(partition, events, [values_of(one[1], number) for number, one in zip(numbers, whose, strict=True)])


def left() -> dict[str, int]:
    """How many values the pointers have, by aggregate."""
    found: dict[str, int] = {}
    for pointer in pointers():
        found[pointer.aggregate_id] = found.get(pointer.aggregate_id, 0) + len(pointer.values)
    return found


def remove(type: str = "patient", id: str = "anna") -> Removed:
    remember(type, id)
    return remove_values(type, id, lambda events: None)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_values_go_from_blocks_and_keys_and_nobody_elses(database: str, request: pytest.FixtureRequest) -> None:
    if database == "postgres":
        request.getfixturevalue("index_on_postgres")
    count = 2 * FULL + 20
    write(open_partition(PATIENTS, 0, Memory()), range(count))
    keys = LinkKey.objects.count()
    assert remove() == Removed(values=count, events=count // 2)
    assert left() == {"anna": 0, "bert": count}
    assert (keys, LinkKey.objects.count()) == (2 * count, count)
    assert not by_value("visit", ["anna-0"]).pointers
    assert len(by_value("visit", ["bert-1"]).pointers) == 1
    assert [pointer.version for pointer in pointers()[-2:]] == [count // 2, count // 2]


def test_a_writer_that_goes_on_neither_writes_them_nor_brings_back_its_last_block() -> None:
    writer = open_partition(PATIENTS, 0, Memory())
    write(writer, range(10))
    remove()
    write(writer, range(10, 20))
    write(writer, range(20, 30))
    assert left() == {"anna": 0, "bert": 30}


def test_a_batch_that_was_prepared_before_is_written_without_them() -> None:
    writer = open_partition(PATIENTS, 0, Memory())
    write(writer, range(4))  # it has asked for forgotten ones, and found none
    remember(*ANNA)
    write(writer, range(4, 8))
    assert left() == {"anna": 4, "bert": 8}
    assert remove() == Removed(values=4, events=2)
    assert left() == {"anna": 0, "bert": 8}


def test_a_new_index_and_a_second_build_are_without_them() -> None:
    write(open_partition(PATIENTS, 0, Memory()), range(6))
    remove()
    IndexedPartition.objects.using("index").update(live=False, kind="removed")
    write(open_partition(PATIENTS, 0, Memory(), build=7), range(6))
    IndexedPartition.objects.using("index").filter(build=7).update(live=True)
    assert left() == {"anna": 0, "bert": 6}


def test_a_build_that_is_not_live_yet_loses_them_as_well() -> None:
    write(open_partition(PATIENTS, 0, Memory(), build=3), range(6))
    assert remove() == Removed(values=6, events=3)


def test_what_was_killed_half_way_is_finished_by_doing_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BLOCKS_AT_ONCE", 1)
    count = 3 * FULL
    write(open_partition(PATIENTS, 0, Memory()), range(count))

    class Killed(BaseException):
        pass

    def kill(events: int) -> None:
        raise Killed

    remember(*ANNA)
    with pytest.raises(Killed):
        remove_values(*ANNA, kill)
    assert left()["anna"] == count - FULL
    assert forgotten_since(*ANNA) is not None
    assert remove().values == count - FULL
    assert left() == {"anna": 0, "bert": count}
    assert remove() == Removed(values=0, events=0)


@pytest.mark.parametrize(("within", "gone"), [(True, 0), (False, FULL)])
def test_a_process_that_a_signal_killed_leaves_a_whole_index_and_is_finished(within: bool, gone: int) -> None:
    """Killed within a transaction, with blocks written and keys still there; and between two."""
    count = 3 * FULL
    write(open_partition(PATIENTS, 0, Memory()), range(count))
    remember(*ANNA)
    connections.close_all()
    if (child := os.fork()) == 0:
        _remove_until_killed(within)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert left() == {"anna": count - gone, "bert": count}
    assert LinkKey.objects.count() == 2 * count - gone
    assert remove().values == count - gone
    assert (left(), LinkKey.objects.count()) == ({"anna": 0, "bert": count}, count)


def _remove_until_killed(within: bool) -> NoReturn:
    """In a process of its own, a block at a time: killed ``within`` the first transaction, or after it."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    try:
        forgetting.BLOCKS_AT_ONCE = 1
        if within:
            forgetting.delete_value_keys = die  # type: ignore[assignment,attr-defined]
        remove_values(*ANNA, die)
    finally:
        os._exit(1)


def test_while_it_is_indexed_no_value_stays() -> None:
    """A writer goes on in another thread all the while."""
    stop, numbers = threading.Event(), iter(range(10_000))
    begun = threading.Event()

    def go_on() -> None:
        writer = open_partition(PATIENTS, 0, Memory())
        while not stop.is_set():
            write(writer, [next(numbers) for _ in range(8)])
            begun.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    begun.wait(60)
    remove()
    stop.set()
    thread.join()
    there = left()
    assert there["anna"] == 0
    assert there["bert"] > 0


def test_values_are_counted_by_name_within_a_bound() -> None:
    write(open_partition(PATIENTS, 0, Memory()), range(3 * FULL))
    whole = count_values("patient", "anna", most_blocks=10)
    assert (whole.values, whole.events, whole.complete) == ({"name": 384, "visit": 384}, 384, True)
    some = count_values("patient", "anna", most_blocks=1)
    assert (some.values, some.events, some.complete) == ({"name": 128, "visit": 128}, 128, False)
    assert count_values("patient", "nobody", most_blocks=1).complete


def test_the_memory_holds_no_id_and_survives_hostile_ones() -> None:
    ids = ["anna", "a\0b", "\ud800", "ß" * 900, "", '","']
    since = {id: remember("patient", id) for id in ids}
    assert all(forgotten_since("patient", id) == since[id] for id in ids)
    assert forgotten_since("patient", "other") is None
    assert forgotten_since("patien", "tanna") is None
    assert not any(id and id in row.hash for row in ForgottenRow.objects.all() for id in ids)
    assert Forgotten().among([("patient", "anna"), BERT]) == {("patient", "anna")}


def test_while_nobody_tells_who_is_forgotten_no_value_is_written_and_no_message_is_blamed() -> None:
    writer = open_partition(PATIENTS, 0, Memory())
    with connections["default"].cursor() as cursor:
        cursor.execute("ALTER TABLE forgotten_aggregate RENAME TO away")
        try:
            with pytest.raises(ForgottenUnknown, match="database default does not") as raised:
                write(writer, range(2))
            assert not may_be_the_message(raised.value)
            write_batch(open_partition(PATIENTS, 0, Memory()), [event(0)])  # one without values needs nobody
        finally:
            cursor.execute("ALTER TABLE away RENAME TO forgotten_aggregate")
    assert len(pointers()) == 1
