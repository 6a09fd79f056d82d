"""A rebuild goes on beside what pages read, and takes its place at once, whatever is stopped, killed or published."""

import os
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import pytest
from django.db import connections

from eventstore.config.loading import Config
from eventstore.index.lookup import queries
from eventstore.index.models import IndexedPartition
from eventstore.index.rebuild.build import AnotherRebuild
from eventstore.index.rebuild.remove_old import REMOVED
from eventstore.index.rebuild.run import Rebuilt, discard, rebuild_topic, remove_old, unfinished
from tests import forked
from tests.index.check.checking import Shortened
from tests.index.rebuild.rebuilding import COUNT, PARTITIONS, differences, events_shown, live, rebuild
from tests.parts import StorageOver

ROOT = Path(__file__).resolve().parents[3]
TABLES = ("idkey", "linkkey", "blockrow", "streamrow", "typecount", "hourcount", "anomalyrow", "anomalycount")


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
    child = forked.start(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=PIPE,
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
