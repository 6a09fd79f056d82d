"""A rebuild while others write, publish, trim and run: the new build has everything, the old one no more."""

import threading

import pytest
from django.db import connections

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer.run import run_until_stopped
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild import swap as swapping
from eventstore.index.rebuild.build import AnotherRebuild
from eventstore.index.rebuild.run import Rebuilt, discard, remove_old
from eventstore.index.writing.partition import CheckpointMoved, Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Topic
from tests.index.check.checking import Shortened, message, publish
from tests.index.rebuild.rebuilding import COUNT, PARTITIONS, catch_up, differences, events_shown, following, live, rebuild
from tests.indexing import event
from tests.parts import StorageOver


def test_a_second_rebuild_of_the_same_topic_is_refused_and_the_first_goes_on(storage: StorageOver[Shortened]) -> None:
    def another() -> None:
        with pytest.raises(AnotherRebuild):
            rebuild(storage)
        with pytest.raises(AnotherRebuild):
            discard("patients")

    assert rebuild(storage, another).live
    assert differences(storage) == []


def test_events_that_are_published_and_indexed_meanwhile_are_in_the_new_build(storage: StorageOver[Shortened]) -> None:
    def more() -> None:
        publish(storage, 100)
        catch_up(storage)

    assert rebuild(storage, more).events == COUNT + 100
    publish(storage, 10)
    catch_up(storage)
    assert (differences(storage), events_shown()) == ([], COUNT + 110)


def test_a_writer_of_the_old_build_writes_no_more(storage: StorageOver[Shortened]) -> None:
    topic = Topic(name="patients", partitions=PARTITIONS)
    writing = open_partition(topic, 0, Memory())
    rebuild(storage)
    with pytest.raises(CheckpointMoved):
        write_batch(writing, [event(999_999)])
    again = open_partition(topic, 0, Memory())
    assert (again.id != writing.id, again.checkpoint.position) == (True, writing.checkpoint.position)


def test_a_writer_that_holds_an_epoch_of_its_own_is_refused_too_once_its_row_is_not_live(
    storage: StorageOver[Shortened],
) -> None:
    writing = open_partition(Topic(name="patients", partitions=PARTITIONS), 0, Memory())
    IndexedPartition.objects.using("index").filter(pk=writing.id).update(live=False)
    with pytest.raises(CheckpointMoved):
        write_batch(writing, [event(999_999)])


@pytest.mark.timeout(120)
def test_indexers_that_run_all_the_while_go_on_with_the_new_build(storage: StorageOver[Shortened]) -> None:
    store, stop, published = DatabaseStorage(), threading.Event(), [COUNT]
    indexing = threading.Thread(target=run_until_stopped, args=(following(store, stop),))

    def keep_publishing() -> None:
        while not stop.wait(0.05) and published[0] < 5 * COUNT:
            store.log.append("patients", [message(number) for number in range(7)])
            published[0] += 7
        connections.close_all()

    publishing = threading.Thread(target=keep_publishing)
    indexing.start()
    publishing.start()
    try:
        for _ in range(2):
            assert rebuild(store, batch=1_000).live
    finally:
        stop.set()
        publishing.join()
        indexing.join()
    catch_up(store)
    assert live() == dict.fromkeys(range(PARTITIONS), 2)
    assert (differences(storage), events_shown()) == ([], published[0])


def test_what_the_store_has_trimmed_is_not_in_the_new_build(storage: StorageOver[Shortened]) -> None:
    storage.log.gone = 50
    found = rebuild(storage)
    assert (found.events, found.before, found.live) == (COUNT - 50 * PARTITIONS, COUNT, True)
    assert differences(storage) == []


def test_a_store_that_lost_its_end_does_not_keep_a_rebuild_from_ending(storage: StorageOver[Shortened]) -> None:
    storage.log.lost = frozenset(range(COUNT // PARTITIONS - 40, COUNT))
    found = rebuild(storage)
    assert found.live
    assert found.events < COUNT
    assert differences(storage) == []


def test_an_empty_topic_is_rebuilt() -> None:
    storage = StorageOver(Shortened())
    storage.log.create_topic("patients")
    catch_up(storage)
    assert rebuild(storage) == Rebuilt(topic="patients", events=0, before=0, live=True)
    publish(storage, 5)
    catch_up(storage)
    assert (live(), events_shown(), differences(storage)) == ({0: 1}, 5, [])


def test_a_partition_that_is_new_after_a_rebuild_belongs_to_the_live_build(storage: StorageOver[Shortened]) -> None:
    rebuild(storage)
    grown = Topic(name="patients", partitions=PARTITIONS + 1)
    assert open_partition(grown, PARTITIONS, Memory()).id
    assert live() == dict.fromkeys(range(PARTITIONS + 1), 1)


def test_segments_of_keys_never_go_back_when_a_build_is_removed(storage: StorageOver[Shortened]) -> None:
    before = sum(IndexedPartition.objects.using("index").values_list("next_ordinal", flat=True))
    rebuild(storage)
    remove_old("patients", lambda segments: None, threading.Event())
    assert sum(IndexedPartition.objects.using("index").values_list("next_ordinal", flat=True)) == 2 * before


def test_an_exchange_that_breaks_leaves_the_old_build_and_is_tried_again(
    storage: StorageOver[Shortened], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    swap = swapping._swap

    def breaking(*arguments: object) -> None:
        swap(*arguments)  # type: ignore[arg-type]
        tried.append(events_shown())
        if len(tried) == 1:
            raise swapping._NotReached

    monkeypatch.setattr(swapping, "_swap", breaking)
    assert rebuild(storage).live
    assert len(tried) == 2
    assert (differences(storage), events_shown()) == ([], COUNT)
