"""What the tests of the index share."""

import pytest

from eventstore.index.indexer import assigned_partition, topic_watch
from eventstore.index.indexer import indexer as indexer_module
from eventstore.index.writing import duplicates as detector
from tests.index.duplicating import LARGE


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks come ten times as often as they do in earnest."""
    monkeypatch.setattr(topic_watch, "LOOK_FOR_TOPICS", 0.05)
    monkeypatch.setattr(topic_watch, "ASK_FOR_ENDS", 0.2)
    monkeypatch.setattr(indexer_module, "REBALANCE_SECONDS", 0.1)
    monkeypatch.setattr(assigned_partition, "LONGEST_TOLD", 0.5)
    monkeypatch.setattr(assigned_partition, "FIRST_TROUBLE", 0.02)
    monkeypatch.setattr(assigned_partition, "LONGEST_TROUBLE", 0.5)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a batch, and filters of two segments; every writer knows at once how many events there are."""
    monkeypatch.setattr(detector, "EVENTS_PER_SEGMENT", LARGE)
    monkeypatch.setattr(detector, "SEGMENTS_PER_FILTER", 2)
    monkeypatch.setattr(detector, "BITS", 1 << 13)
    monkeypatch.setattr(detector, "COUNT_AGAIN", -1.0)
