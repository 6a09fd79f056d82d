"""An indexer merges while no event waits."""

import threading

import pytest

from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.batch_queue import BatchQueue
from eventstore.index.indexer.indexer import Indexer
from eventstore.index.segments import merging
from eventstore.index.segments.numbers import merged_to
from tests.contract.helpers import soon
from tests.index.running_indexers import indexed, running
from tests.index.second_pass.declaring import declaring, index, publish
from tests.index.segments.material import PATIENTS, merges_that_are_due

pytestmark = pytest.mark.usefixtures("desk_databases")


def test_an_indexer_merges_once_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = DatabaseStorage()
    publish(storage, range(90))
    monkeypatch.setattr(merging, "MUCH_LATER", 0.05)
    monkeypatch.setattr(merging, "LATER", 0.05)
    with running(storage, batch=4):
        assert soon(lambda: merged_to() > 0 and merges_that_are_due() == 0)
    assert indexed("patients") == 90


@pytest.mark.parametrize("waits", ["a late partition", "a batch"])
def test_an_indexer_does_not_merge_while_events_wait(monkeypatch: pytest.MonkeyPatch, waits: str) -> None:
    storage = DatabaseStorage()
    publish(storage, range(90))
    index(storage, declaring(), batch=4)
    if waits == "a batch":
        monkeypatch.setattr(BatchQueue, "is_empty", lambda self: False)
    else:
        monkeypatch.setattr(Indexer, "late", lambda self: [AssignedPartition(topic=PATIENTS, number=0, row=1, epoch=1)])
    monkeypatch.setattr(merging, "LATER", 0.05)
    rounds = threading.Semaphore(0)
    step = merging.Merging.step

    def stepped(self: merging.Merging, *, late: bool, waits: bool) -> None:
        step(self, late=late, waits=waits)
        rounds.release()

    monkeypatch.setattr(merging.Merging, "step", stepped)
    with running(storage):
        for _ in range(5):
            assert rounds.acquire(timeout=20)
    assert merged_to() == 0


def test_an_indexer_merges_although_a_topic_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a partition is late for as long as that lasts."""
    storage = DatabaseStorage()
    publish(storage, range(90))
    index(storage, declaring(), batch=4)
    unreadable = AssignedPartition(topic=PATIENTS, number=7, row=7, epoch=1, failures=1)
    monkeypatch.setattr(Indexer, "late", lambda self: [unreadable])
    assert merges_that_are_due() > 0
    with running(storage):
        assert soon(lambda: merges_that_are_due() == 0)
