"""The index on PostgreSQL, in a database that sorts texts by a language: what it does on SQLite, and two writers at once."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from django.db import connections

from eventstore.events import Topic
from eventstore.index.models import AggregateRow
from eventstore.index.writer import ROWS_A_STATEMENT
from tests.indexing import START, event, index

# The very tests that run on SQLite, collected here once more: this module's fixture puts the index elsewhere.
from tests.unit.test_backlogs import *  # noqa: F403
from tests.unit.test_index_queries import *  # noqa: F403
from tests.unit.test_index_writer import *  # noqa: F403

pytestmark = [pytest.mark.usefixtures("index_on_postgres"), pytest.mark.postgres]  # type: ignore[assignment] # instead of theirs

PATIENTS = Topic(name="patients")


def test_the_index_is_where_these_tests_say() -> None:
    assert connections["index"].vendor == "postgresql"
    with connections["index"].cursor() as cursor:
        cursor.execute("SELECT 'a' < 'B'")
        assert cursor.fetchone() == (True,), "this database sorts as C does: nothing would show"


def test_two_writers_whose_batches_meet_in_more_aggregates_than_a_statement_holds_do_not_block_each_other_for_good(
    index_on_postgres: str,
) -> None:
    """Their batches are cut into statements at different names, and the rows were made in the opposite order."""
    count = ROWS_A_STATEMENT
    names = [f"p{number:05}" for number in range(3 * count)]
    AggregateRow.objects.using("index").bulk_create(
        AggregateRow(type="patient", aggregate_id=name, first_time=START, last_time=START) for name in reversed(names)
    )
    batches = {0: names[: 2 * count], 1: names[count // 2 : 2 * count + count // 2]}
    failures: list[BaseException] = []

    def write(partition: int) -> None:
        events = [event(n, partition=partition, aggregate=("patient", name)) for n, name in enumerate(batches[partition])]
        try:
            index(events, topic=PATIENTS, partition=partition)
        except BaseException as error:  # noqa: BLE001 - shown below, in the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(partition,)) for partition in batches]
    with psycopg.connect(index_on_postgres) as holder:
        # Both stand before this row, in the first statement of each, until both have taken what comes before it.
        holder.execute("SELECT 1 FROM index_aggregaterow WHERE aggregate_id = %s FOR UPDATE", [names[count - count // 4]])
        for thread in threads:
            thread.start()
        _wait_until(lambda: _who_wait_for_a_lock(index_on_postgres) == len(threads))
        holder.rollback()
    for thread in threads:
        thread.join()
    assert failures == []
    assert AggregateRow.objects.using("index").filter(events=2).count() == 2 * count - count // 2


def _who_wait_for_a_lock(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted").fetchone()
    return int(found[0]) if found else 0


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the writers did not come to the row that is held"
        time.sleep(0.01)
