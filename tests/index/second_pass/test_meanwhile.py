"""The second pass while indexers write, topics come and go, and processes are killed: nothing is lost, and nothing doubled."""

import os
import signal
import threading
from typing import Any, NoReturn
from unittest.mock import patch

import pytest
from django.db import connections

from eventstore.config.searchable_values import values_by
from eventstore.drivers.database.models import TopicRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import IndexedPartition, SecondPassRow
from eventstore.index.rebuild.run import rebuild_topic
from eventstore.index.second_pass import pieces, run
from eventstore.index.second_pass.run import pass_all, passing
from eventstore.index.tables.blocks import FULL
from eventstore.index.writing.value_keys import delete_value_keys
from eventstore.model.errors import StoreUnreachable
from tests.contract.helpers import soon
from tests.index.running_indexers import running
from tests.index.second_pass.declaring import (
    KEY,
    TOPIC,
    declaring,
    differences,
    found,
    index,
    pass_over,
    pass_some,
    passing_with,
    publish,
    value_keys,
    values,
)

pytestmark = pytest.mark.usefixtures("desk_databases", "in_a_hurry")
COUNT = 3 * FULL + 40
NOW = declaring(number="number")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DatabaseStorage:
    """With events that were indexed while nothing was searchable, and a pass of a block at a time."""
    if request.param == "postgres":
        request.getfixturevalue("index_on_postgres")
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    storage = DatabaseStorage()
    publish(storage, range(COUNT))
    index(storage, declaring())
    return storage


@pytest.fixture
def only_sqlite(monkeypatch: pytest.MonkeyPatch) -> DatabaseStorage:
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    storage = DatabaseStorage()
    publish(storage, range(COUNT))
    index(storage, declaring())
    return storage


def all_have_it(storage: DatabaseStorage, count: int = COUNT) -> None:
    assert values() == {f"e-{n}": {"number": str(n)} for n in range(count)}
    assert value_keys() == count
    assert differences(storage, NOW) == []


def test_a_process_killed_within_a_piece_has_changed_nothing_of_it_and_the_next_goes_on(
    storage: DatabaseStorage,
) -> None:
    connections.close_all()
    if (child := os.fork()) == 0:
        _pass_until_killed(storage, piece=2)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(values()) == value_keys() == FULL
    assert pass_over(storage, NOW) == COUNT - FULL
    all_have_it(storage)


def _pass_until_killed(storage: DatabaseStorage, piece: int) -> NoReturn:
    """In a process of its own: killed in this piece's transaction, with blocks written and the row not."""
    left = iter(range(piece - 1, -1, -1))

    def die(keys: Any) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        delete_value_keys(keys)

    try:
        with patch.object(pieces, "delete_value_keys", die):
            pass_over(storage, NOW)
    finally:
        os._exit(1)


def test_an_indexer_goes_on_all_the_while(storage: DatabaseStorage) -> None:
    stop, begun = threading.Event(), threading.Event()
    published = iter(range(COUNT, 100_000, 9))
    ends = [COUNT]

    def go_on() -> None:
        while not stop.is_set():
            first = next(published)
            publish(storage, range(first, first + 9))
            index(storage, NOW)
            ends.append(first + 9)
            begun.set()
        connections.close_all()

    thread = threading.Thread(target=go_on)
    thread.start()
    assert begun.wait(60)
    pass_over(storage, NOW)
    stop.set()
    thread.join()
    pass_over(storage, NOW)
    all_have_it(storage, ends[-1])


def test_two_indexers_share_it_and_each_passes_over_what_it_has(storage: DatabaseStorage) -> None:
    storage.log.create_topic("patients-too", partitions=4)
    publish(storage, range(400), topic="patients-too", partitions=4)
    index(storage, declaring())
    passed: list[tuple[str, int]] = []
    real = run._turn

    def turn(work: Any, one: Any, over: threading.Event) -> None:
        passed.append((work.owner, one.row.pk))
        real(work, one, over)

    values_of = values_by(NOW.searchables, KEY)
    with (
        patch.object(run, "_turn", turn),
        patch.object(run, "LOOK_AGAIN", 0.1),
        running(storage, "one", values_of=values_of),
        running(storage, "two", values_of=values_of),
    ):
        assert soon(lambda: len(set(IndexedPartition.objects.values_list("owner", flat=True))) == 2)
        with passing(passing_with(storage, NOW, owner="one")), passing(passing_with(storage, NOW, owner="two")):
            assert soon(lambda: value_keys() == COUNT + 400 and not SecondPassRow.objects.exists())
    assert {owner for owner, _ in passed} == {"one", "two"}


def test_two_passes_over_the_same_partition_do_it_once(storage: DatabaseStorage) -> None:
    """As a twin that was paused: its piece is worked out, and the other one has written it meanwhile."""
    real = pieces._values
    inside: list[int] = []

    def and_the_other_passes(*given: Any) -> Any:
        found = real(*given)
        if not inside:
            inside.append(1)
            work = given[0]
            while pieces.pass_piece(work) is not None:
                pass
        return found

    with patch.object(pieces, "_values", and_the_other_passes):
        pass_over(storage, NOW)
    all_have_it(storage)


def test_a_topic_that_is_made_anew_half_way_gets_no_value_of_another_event(only_sqlite: DatabaseStorage) -> None:
    storage = only_sqlite
    pass_some(storage, NOW, 1)
    TopicRow.objects.get(name=TOPIC).delete()
    publish(storage, range(2000, 2000 + COUNT))
    with pytest.raises(StoreUnreachable):
        pass_all(passing_with(storage, NOW), patience=0.3)
    assert len(values()) == FULL
    assert "made anew" in SecondPassRow.objects.get().trouble
    index(storage, NOW)
    pass_over(storage, NOW)
    assert {id: of["number"] for id, of in values().items()} == {f"e-{n}": str(n) for n in range(2000, 2000 + COUNT)}
    assert value_keys() == FULL + COUNT
    pass_over(storage, declaring())
    assert (values(), value_keys()) == ({}, 0)


def test_a_topic_that_is_deleted_loses_what_is_not_declared_any_more(only_sqlite: DatabaseStorage) -> None:
    storage = only_sqlite
    pass_over(storage, NOW)
    TopicRow.objects.get(name=TOPIC).delete()
    with running(storage):
        assert soon(lambda: IndexedPartition.objects.get().gone_at is not None)
        with patch.object(run, "LOOK_AGAIN", 0.1), passing(passing_with(storage, declaring(), owner="one")):
            assert soon(lambda: not values())
    assert value_keys() == 0


def test_a_rebuild_half_way_has_all_values_and_ends_the_pass(only_sqlite: DatabaseStorage) -> None:
    storage = only_sqlite
    pass_some(storage, NOW, 1)
    topic, stop = storage.log.topic(TOPIC), threading.Event()
    values_of = values_by(NOW.searchables, KEY)
    assert rebuild_topic(storage, NOW, topic, lambda events: None, stop, values_of=values_of).live
    assert values() == {f"e-{n}": {"number": str(n)} for n in range(COUNT)}
    assert pass_over(storage, NOW) == 0


def test_while_it_is_under_way_a_check_compares_everything_else(only_sqlite: DatabaseStorage) -> None:
    storage = only_sqlite
    pass_some(storage, NOW, 1)
    assert differences(storage, NOW) == []
    assert found(NOW, "3") == {"e-3"}


def test_an_error_of_one_partition_is_told_and_waited_out(only_sqlite: DatabaseStorage) -> None:
    storage = only_sqlite

    def away(*given: Any) -> Any:
        raise StoreUnreachable("The store does not answer.")

    with patch.object(pieces, "_values", away), pytest.raises(StoreUnreachable):
        pass_all(passing_with(storage, NOW), patience=0.3)
    assert SecondPassRow.objects.get().trouble == "The store does not answer."
    pass_over(storage, NOW)
    assert SecondPassRow.objects.count() == 0
    all_have_it(storage)
