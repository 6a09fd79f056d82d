"""The index on PostgreSQL, in a database that sorts texts by a language: the same as on SQLite, and two writers together."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import psycopg
import pytest
from django.db import connections, transaction

from eventstore.index.lookup.anomaly_lookup import anomaly_counts
from eventstore.index.models import NameRow
from eventstore.index.tables import sql
from eventstore.index.tables.blocks import Columns
from eventstore.index.tables.names import Names
from eventstore.index.writing import duplicates
from eventstore.index.writing.anomalies import DetectedAnomaly
from eventstore.index.writing.partition import Memory
from eventstore.model.anomalies import Anomaly
from eventstore.model.events import Event, Topic
from tests.index.test_pointer_queries import *  # noqa: F403
from tests.index.test_queries import *  # noqa: F403
from tests.index.test_rival_writers import *  # noqa: F403
from tests.index.test_writer import *  # noqa: F403
from tests.index.test_written_values import *  # noqa: F403
from tests.index.written import together
from tests.indexing import event, index, pointers

# The tests that run on SQLite, collected here once more: this module's fixture puts the index on PostgreSQL.
from tests.unit.subscriptions.test_backlog import *  # noqa: F403

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres]  # type: ignore[assignment] # instead of theirs

PATIENTS = Topic(name="patients")


def test_the_index_is_where_these_tests_say() -> None:
    assert connections["index"].vendor == "postgresql"
    with connections["index"].cursor() as cursor:
        cursor.execute("SELECT 'a' < 'B'")
        assert cursor.fetchone() == (True,), "this database sorts as C does: nothing would show"


@pytest.mark.parametrize("kept", [True, False])
def test_who_meets_a_name_that_another_has_not_committed_yet_waits_for_its_number(index_on_postgres: str, kept: bool) -> None:
    """If the other one rolls back instead, the waiting one assigns the number."""
    numbers: list[int] = []
    with psycopg.connect(index_on_postgres) as other:
        found = other.execute("INSERT INTO index_namerow (text) VALUES ('patient') RETURNING id").fetchone()
        waiting = threading.Thread(target=lambda: numbers.append(_number_of("patient")))
        waiting.start()
        _wait_until(lambda: _who_wait_for_a_lock(index_on_postgres) == 1)
        if kept:
            other.commit()
        else:
            other.rollback()
    waiting.join()
    assert list(NameRow.objects.using("index").values_list("text", "id")) == [("patient", numbers[0])]
    assert found is not None
    assert (numbers == [found[0]]) is kept


def test_two_writers_that_meet_the_same_new_names_in_opposite_roles_do_not_block_each_other_for_good(
    index_on_postgres: str,
) -> None:
    """The event type of one is the aggregate type of the other, and both wait before a third name until each has taken its
    first."""

    def write(partition: int, type: str, aggregate: str) -> None:
        batch = [
            event(0, partition=partition, type=type, aggregate=(aggregate, "1")),
            event(1, partition=partition, type="zoo", aggregate=(aggregate, "1")),
        ]
        index(batch, topic=PATIENTS, partition=partition)

    for partition in range(2):
        index([], topic=PATIENTS, partition=partition)
    failures: list[BaseException] = []
    with psycopg.connect(index_on_postgres) as holder:
        holder.execute("INSERT INTO index_namerow (text) VALUES ('zoo')")
        writers = threading.Thread(
            target=lambda: failures.extend(
                together(lambda: write(0, "admitted", "patient"), lambda: write(1, "patient", "admitted"))
            )
        )
        writers.start()
        _wait_until(lambda: _who_wait_for_a_lock(index_on_postgres) == 2)
        holder.rollback()
    writers.join()
    assert failures == []
    assert [pointer.type for pointer in pointers()] == ["admitted", "zoo"]
    assert [pointer.type for pointer in pointers(partition=1)] == ["patient", "zoo"]
    assert sorted(NameRow.objects.using("index").values_list("text", flat=True)) == ["admitted", "patient", "zoo"]


@pytest.mark.parametrize("size", [1, duplicates.FEW, 3 * duplicates.FEW])
@pytest.mark.parametrize("before", [1, 3 * duplicates.FEW])
def test_an_id_that_several_write_at_the_same_moment_is_noticed_on_all_but_one(
    monkeypatch: pytest.MonkeyPatch, size: int, before: int
) -> None:
    """Each of them looks before any other has committed. After a large batch, a writer has a filter in memory."""
    writers = 3
    memories = [Memory() for _ in range(writers)]
    for number, memory in enumerate(memories):
        index(_of_ids(number, 0, [f"{number}-{n}" for n in range(before)]), topic=PATIENTS, partition=number, memory=memory)
    looked = threading.Barrier(writers, timeout=15)
    late = duplicates.DuplicateDetector.find_concurrent

    def after_all_have_looked(self: duplicates.DuplicateDetector, partition: int, columns: Columns) -> list[DetectedAnomaly]:
        looked.wait()
        return late(self, partition, columns)

    monkeypatch.setattr(duplicates.DuplicateDetector, "find_concurrent", after_all_have_looked)

    def write(number: int) -> None:
        ids = ["same", *(f"{number} {n}" for n in range(1, size))]
        index(_of_ids(number, before, ids), topic=PATIENTS, partition=number, memory=memories[number])

    assert together(*(partial(write, number) for number in range(writers))) == []
    marked = [Anomaly.DUPLICATE_ID in pointers(partition=number)[before].anomalies for number in range(writers)]
    assert sorted(marked) == [False, True, True]
    assert anomaly_counts() == {"duplicate-id": 2}


def _of_ids(partition: int, start: int, ids: Sequence[str]) -> list[Event]:
    return [event(start + number, partition=partition, id=id) for number, id in enumerate(ids)]


def _number_of(name: str) -> int:
    try:
        with transaction.atomic(using="index"):
            return Names().numbers_of([name])[name]
    finally:
        connections.close_all()


def _who_wait_for_a_lock(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted").fetchone()
    return int(found[0]) if found else 0


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the writers did not come to the row that is held"
        time.sleep(0.01)


HOSTILE_TEXTS = [
    *("", "a", " a ", "a,b", '"', "'", "\\", '\\"', "{}", "{1,2}", "NULL", "null"),
    *("\t\r\n", "%s", "ä🩺", "\x01", "e'\\x00"),
]


@pytest.mark.parametrize("texts", [HOSTILE_TEXTS, *([text] for text in HOSTILE_TEXTS)])
def test_texts_reach_the_database_as_they_are(texts: list[str]) -> None:
    rows = [(number - 1, text) for number, text in enumerate(texts)]
    assert sql.select("SELECT number, text FROM {given}", {"number": "bigint", "text": "text"}, rows) == rows


def test_missing_numbers_and_bytes_reach_the_database_as_they_are() -> None:
    rows = [(None, None, b"{\x00"), (1, "NULL", b"")]
    columns = {"number": "bigint", "text": "text", "data": "bytea"}
    found = sql.select("SELECT number, text, data FROM {given}", columns, rows)
    assert [(number, text, bytes(data)) for number, text, data in found] == rows
