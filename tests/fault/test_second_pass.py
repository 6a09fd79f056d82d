"""Indexers that are killed while they give older events the values that were declared later: none is lost, none is doubled."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import IndexedPartition
from eventstore.index.tables.declared import first_other
from tests.fault.test_indexers import Indexers
from tests.index.second_pass.declaring import KEY, declaring, differences, index, publish, value_keys

COUNT, PARTITIONS, KILLS = 40_000, 2, 3
TOML = '[[searchable]]\ntopics = ["patients"]\nname = "number"\npath = "number"\nhashed = false\n'
NOW = declaring(number="number")


@pytest.mark.soak
def test_killed_indexers_go_on_with_the_second_pass(desk_databases: Mapping[str, str], tmp_path: Path) -> None:
    storage = DatabaseStorage()
    for start in range(0, COUNT, 5_000):
        publish(storage, range(start, start + 5_000), partitions=PARTITIONS)
    index(storage, declaring())
    (config := tmp_path / "desk.toml").write_text(TOML)
    settings = {**desk_databases, "EVENTDESK_CONFIG": str(config), "EVENTDESK_HASH_KEY": KEY}
    with Indexers(settings, 2, 500) as processes:
        for _ in range(KILLS):
            before = value_keys()
            wait_until(lambda before=before: value_keys() > before)  # type: ignore[misc]
            if ours := processes.at_work():
                processes.kill(ours[0])
        wait_until(lambda: not any(_left(row) for row in IndexedPartition.objects.all()))
        assert processes.end() == [0, 0]
    assert value_keys() == COUNT
    assert differences(storage, NOW) == []


def _left(row: IndexedPartition) -> bool:
    fingerprint = row.declared.rpartition('"')[0].rpartition('"')[2]
    return first_other(row.declared, row.next_ordinal, fingerprint) is not None or fingerprint == "none"


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, f"{value_keys()} values, process {os.getpid()}"
        time.sleep(0.01)
