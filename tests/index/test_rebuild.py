"""A rebuild goes on beside what pages read, and takes its place at once, whatever is stopped, killed or published."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections

from eventstore.config.loading import Config
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.check.run import check_topic
from eventstore.index.indexer.run import Following, follow_everything, index_until_caught_up
from eventstore.index.lookup import queries
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild import swap as swapping
from eventstore.index.rebuild.build import AnotherRebuild
from eventstore.index.rebuild.remove_old import REMOVED
from eventstore.index.rebuild.run import Rebuilt, discard, rebuild_topic, remove_old, unfinished
from eventstore.index.writing.partition import CheckpointMoved, Memory, open_partition
from eventstore.index.writing.writer import write_batch
from eventstore.model.events import Topic
from tests.index.test_check import Shortened, message, publish
from tests.indexing import event
from tests.parts import StorageOver

ROOT = Path(__file__).resolve().parents[2]
COUNT = 600
PARTITIONS = 3
TABLES = ("idkey", "linkkey", "blockrow", "streamrow", "typecount", "hourcount", "anomalyrow", "anomalycount")

Do = Callable[[], object]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], autouse=True)
def environment(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    """The index in either database; the value is where another process finds it."""
    if request.param == "postgres":
        return {**desk_databases, "INDEX_DATABASE_URL": request.getfixturevalue("index_on_postgres")}
    return desk_databases


@pytest.fixture
def storage(environment: dict[str, str]) -> StorageOver[Shortened]:
    """A store with a topic of several partitions, all of it indexed."""
    storage = StorageOver(Shortened())
    storage.log.create_topic("patients", partitions=PARTITIONS)
    publish(storage, COUNT)
    catch_up(storage)
    return storage


def following(storage: DatabaseStorage, stop: threading.Event) -> Following:
    return Following(storage=storage, config=Config(), stop=stop, on_batch=lambda topic, partition, events: None)


def catch_up(storage: DatabaseStorage) -> None:
    index_until_caught_up(following(storage, threading.Event()))


def rebuild(
    storage: DatabaseStorage, meanwhile: Do = lambda: None, stop: threading.Event | None = None, batch: int = 50
) -> Rebuilt:
    """Rebuild in small steps, and do something after the first one."""
    done: list[int] = []

    def progressed(events: int) -> None:
        done.append(events)
        if len(done) == 1:
            meanwhile()

    topic = storage.log.topic("patients")
    return rebuild_topic(storage, Config(), topic, progressed, stop or threading.Event(), batch=batch)


def differences(storage: DatabaseStorage) -> list[str]:
    reports = check_topic(storage, Config(), storage.log.topic("patients"), lambda events: None, threading.Event())
    return [report.difference for report in reports if report.difference]


def events_shown() -> int:
    return sum(topic.events for topic in queries.indexed_topics())


def left_of(rows: set[int]) -> dict[str, int]:
    """What the tables have of these rows' builds."""
    found = {}
    with connections["index"].cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT partition_id FROM index_{table}")
            found[table] = sum(row[0] in rows for row in cursor.fetchall())
        cursor.execute("SELECT stream_id FROM index_streamkey WHERE stream_id NOT IN (SELECT id FROM index_streamrow)")
        found["streamkey"] = len(cursor.fetchall())
    return {table: count for table, count in found.items() if count}


def live() -> dict[int, int]:
    """The build that is live of each partition."""
    return dict(IndexedPartition.objects.using("index").filter(live=True).order_by("number").values_list("number", "build"))


def test_the_new_build_takes_the_old_ones_place_and_nothing_of_that_is_left(storage: StorageOver[Shortened]) -> None:
    old = set(IndexedPartition.objects.using("index").values_list("pk", flat=True))
    assert rebuild(storage) == Rebuilt(topic="patients", events=COUNT, before=COUNT, live=True)
    assert live() == dict.fromkeys(range(PARTITIONS), 1)
    assert remove_old("patients", lambda segments: None, threading.Event())
    assert left_of(old) == {}
    kinds = IndexedPartition.objects.using("index").filter(pk__in=old).values_list("kind", flat=True)
    assert set(kinds) == {REMOVED}
    assert (differences(storage), events_shown()) == ([], COUNT)


def test_pages_read_the_old_build_until_the_new_one_is_there(storage: StorageOver[Shortened]) -> None:
    said: list[tuple[int, int, bool]] = []
    pointer = queries.latest_pointers("patients", 1)[0]

    def look() -> None:
        found = queries.aggregate("patient", "p3")
        assert found is not None
        caught_up = queries.indexed_topics()[0].caught_up_at is not None
        said.append((len(queries.by_event_id(pointer.event_id)), found.events, caught_up))

    look()
    rebuild(storage, look)
    look()
    assert said[0] == said[1] == said[2]
    assert said[0][0] == 1


def test_what_was_wrong_is_right_afterwards(storage: StorageOver[Shortened]) -> None:
    with connections["index"].cursor() as cursor:
        cursor.execute("DELETE FROM index_idkey WHERE ordinal % 7 = 3")
        cursor.execute("UPDATE index_streamrow SET events = events + 1")
    assert len(differences(storage)) == PARTITIONS
    rebuild(storage)
    assert differences(storage) == []


def test_no_anomaly_is_noticed_because_the_old_build_has_the_same_ids(storage: StorageOver[Shortened]) -> None:
    before = queries.aggregate("patient", "p2")
    rebuild(storage)
    after = queries.aggregate("patient", "p2")
    assert before is not None
    assert after is not None
    assert after.anomalies == before.anomalies


def test_a_stopped_rebuild_changes_nothing_and_is_taken_up_where_it_was(storage: StorageOver[Shortened]) -> None:
    stop = threading.Event()
    found = rebuild(storage, stop.set, stop)
    assert not found.live
    assert 0 < found.events < COUNT
    assert live() == dict.fromkeys(range(PARTITIONS), 0)
    assert unfinished("patients") == 1
    steps: list[int] = []
    topic = storage.log.topic("patients")
    again = rebuild_topic(storage, Config(), topic, steps.append, threading.Event(), batch=50)
    assert (again.events, again.live, sum(steps)) == (COUNT, True, COUNT - found.events)
    assert differences(storage) == []


def test_an_unfinished_rebuild_can_be_thrown_away(storage: StorageOver[Shortened]) -> None:
    stop = threading.Event()
    rebuild(storage, stop.set, stop)
    begun = set(IndexedPartition.objects.using("index").filter(live=False).values_list("pk", flat=True))
    assert left_of(begun)
    assert discard("patients")
    assert not discard("patients")
    assert unfinished("patients") is None
    assert remove_old("patients", lambda segments: None, threading.Event())
    assert left_of(begun) == {}
    assert (differences(storage), events_shown()) == ([], COUNT)
    rebuild(storage)
    assert live() == dict.fromkeys(range(PARTITIONS), 2)


def test_removing_that_was_stopped_is_finished_by_the_next(
    storage: StorageOver[Shortened], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = set(IndexedPartition.objects.using("index").values_list("pk", flat=True))
    rebuild(storage)
    stop = threading.Event()
    assert not remove_old("patients", lambda segments: stop.set(), stop)
    assert left_of(old)
    assert remove_old("patients", lambda segments: None, threading.Event())
    assert left_of(old) == {}
    assert differences(storage) == []


@pytest.mark.timeout(120)
def test_a_rebuild_that_is_killed_half_way_leaves_the_live_index_and_is_taken_up(
    storage: StorageOver[Shortened], environment: dict[str, str]
) -> None:
    script = (
        "import django, threading; django.setup()\n"
        "from eventstore.config.loading import Config\n"
        "from eventstore.drivers.database.storage import DatabaseStorage\n"
        "from eventstore.index.rebuild.run import rebuild_topic\n"
        "def wait(events): print('begun', flush=True); threading.Event().wait()\n"
        "s = DatabaseStorage()\n"
        "rebuild_topic(s, Config(), s.log.topic('patients'), wait, threading.Event(), batch=50)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "dashboard.settings"},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    with pytest.raises(AnotherRebuild):
        rebuild(storage)
    child.kill()
    child.wait()
    child.stdout.close()
    assert (differences(storage), events_shown()) == ([], COUNT)
    assert live() == dict.fromkeys(range(PARTITIONS), 0)
    assert unfinished("patients") == 1
    assert rebuild(storage).live
    assert live() == dict.fromkeys(range(PARTITIONS), 1)
    assert differences(storage) == []


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
    indexing = threading.Thread(target=follow_everything, args=(following(store, stop),))

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
