"""What it costs to show a topic's last hours: as much after years as after weeks. Counted in steps of SQLite's machine."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connections

from eventstore.index.lookup import hour_counts
from eventstore.index.models import HourCount, IndexedPartition
from tests.index.asking import PATIENTS
from tests.indexing import event, index

pytestmark = pytest.mark.usefixtures("desk_databases")
FIRST = datetime(2012, 1, 1, tzinfo=UTC)


def fill(partition: int, start: int, end: int) -> None:
    """One event of one type in each of these hours."""
    type = HourCount.objects.using("index").values_list("type_id", flat=True)[0]
    begin = int(FIRST.timestamp()) // 3600
    rows = [HourCount(partition_id=partition, hour=begin + hour, type_id=type, events=1) for hour in range(start, end)]
    HourCount.objects.using("index").bulk_create(rows)


def steps(ask: Callable[[], object]) -> int:
    """How many hundred instructions SQLite's machine takes."""
    seen = []
    connection = connections["index"]
    connection.ensure_connection()
    connection.connection.set_progress_handler(lambda: seen.append(1), 100)
    try:
        ask()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return len(seen)


def test_the_last_hours_of_a_long_history_cost_no_more_than_those_of_a_short_one() -> None:
    index([event(0, time=FIRST)], topic=PATIENTS)
    partition = IndexedPartition.objects.using("index").get().pk

    def last_hours() -> None:
        assert len(hour_counts.hours_of("patients", 24)) == 24

    fill(partition, 1, 300)
    short = steps(last_hours)
    fill(partition, 300, 9_000)
    assert steps(last_hours) <= 2 * short
