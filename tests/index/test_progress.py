"""How far the index is: what is measured, noted and told."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from tqdm import tqdm

from eventstore.index.indexer import leases
from eventstore.index.indexer.assigned_partition import AssignedPartition
from eventstore.index.indexer.throughput import IndexerStatus, Meter
from eventstore.index.lookup import progress
from eventstore.index.models import IndexedPartition
from eventstore.management.commands import run_index
from eventstore.management.commands.run_index import status_text
from eventstore.model.events import Topic
from eventstore.model.log import Amounts
from eventstore.model.progress import IndexProgress

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def one(**more: object) -> IndexProgress:
    settings = {
        "partitions": 1,
        "caught_up": 0,
        "indexed": 100,
        "behind": 300,
        "exact": True,
        "rate": 30.0,
        "caught_up_at": NOW,
        "published": NOW - timedelta(hours=2),
    }
    return IndexProgress(**{**settings, **more})  # type: ignore[arg-type]


def test_what_waits_gives_the_fraction_and_the_time_to_go() -> None:
    assert (one().fraction, one().seconds_to_go) == (0.25, 10.0)
    assert (one(behind=0).fraction, one(behind=0).seconds_to_go) == (1.0, 0.0)
    assert (one(behind=None).fraction, one(behind=None).seconds_to_go) == (None, None)
    assert one(rate=0.0).seconds_to_go is None


def test_several_together_are_as_far_as_the_last_of_them() -> None:
    late = NOW - timedelta(days=1)
    both = progress.combined([one(), one(caught_up=1, behind=0, published=None, caught_up_at=late, exact=False)])
    assert (both.partitions, both.caught_up, both.indexed, both.behind, both.rate) == (2, 1, 200, 300, 60.0)
    assert (both.exact, both.caught_up_at, both.published) == (False, late, NOW - timedelta(hours=2))
    assert progress.combined([one(), one(caught_up_at=None)]).caught_up_at is None
    assert progress.combined([one(), one(behind=None)]).behind is None
    assert progress.combined([]).partitions == 0


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_what_is_noted_is_told_topic_by_topic(
    database: str, request: pytest.FixtureRequest, desk_databases: dict[str, str]
) -> None:
    if database == "postgres":
        request.getfixturevalue("index_on_postgres")
    leases.make_partitions([Topic(name="b", partitions=2), Topic(name="a")], known=[])
    rows = {(leased.topic, leased.number): leased.id for leased in leases.partitions()}
    assert [found.topic for found in progress.topics()] == ["a", "b"]
    assert progress.topics()[1].progress.behind is None
    progress.note({rows["b", 0]: one(behind=7, exact=False), rows["b", 1]: one(behind=0, rate=2.5)})
    progress.note({})
    progress.note_caught_up([rows["b", 0]], NOW)
    progress.note_caught_up([rows["b", 0], rows["b", 1]], NOW - timedelta(hours=1))
    found = progress.topics()[1].progress
    assert (found.behind, found.exact, found.rate, found.caught_up) == (7, False, 32.5, 1)
    assert found.caught_up_at == NOW - timedelta(hours=1)
    assert IndexedPartition.objects.get(pk=rows["b", 0]).caught_up_at == NOW
    IndexedPartition.objects.update(measured_at=timezone.now() - timedelta(minutes=1))
    assert progress.topics()[1].progress.rate == 0.0


def test_entries_are_taken_to_hold_as_many_events_as_those_before() -> None:
    meter = Meter(exact=False)
    assigned = AssignedPartition(topic=Topic(name="a"), number=0, row=1, epoch=1)
    measured = meter.measure(assigned.row, 0.0, 0)
    assert meter.waiting(measured, 0) is None
    meter.observe(assigned, Amounts(before=0, behind=50), indexed=0)
    assert meter.waiting(measured, 0) == 50
    meter.observe(assigned, Amounts(before=10, behind=40), indexed=200)
    assert meter.waiting(measured, 200) == 800
    assert meter.waiting(measured, 500) == 500
    assert meter.waiting(measured, 5_000) == 1


def test_counted_events_are_not_multiplied() -> None:
    meter = Meter(exact=True)
    assigned = AssignedPartition(topic=Topic(name="a"), number=0, row=1, epoch=1)
    measured = meter.measure(assigned.row, 0.0, 0)
    meter.observe(assigned, Amounts(before=100, behind=50), indexed=70)
    assert meter.waiting(measured, 90) == 30


def test_the_command_says_how_it_stands() -> None:
    caught_up = one(partitions=10, caught_up=10, behind=0, published=None)
    assert status_text(IndexerStatus(progress=caught_up, elsewhere=0), NOW) == "caught up"
    assert status_text(IndexerStatus(progress=caught_up, elsewhere=0, store_away=True), NOW) == "the store does not answer"
    assert status_text(IndexerStatus(progress=progress.combined([]), elsewhere=0), NOW) == "no topics yet"
    behind = one(partitions=10, caught_up=7, behind=1)
    assert status_text(IndexerStatus(progress=behind, elsewhere=4), NOW) == (
        "3 of 10 partitions behind, by 2:00:00 of publish time; 4 with other indexers"
    )


@pytest.mark.parametrize(
    ("status", "total"),
    [
        (IndexerStatus(progress=one(behind=5), elsewhere=0), 7),
        (IndexerStatus(progress=one(behind=0), elsewhere=0), 2),
        (IndexerStatus(progress=one(behind=None), elsewhere=0), None),
        (IndexerStatus(progress=one(behind=0), elsewhere=0, store_away=True), None),
        (IndexerStatus(progress=progress.combined([]), elsewhere=0), None),
    ],
)
def test_the_bar_has_a_total_only_where_it_is_known(status: IndexerStatus, total: int | None) -> None:
    with tqdm(file=StringIO(), initial=2) as bar:
        run_index._show(bar, status)
        assert bar.total == total


def test_a_partition_of_which_nothing_is_known_yet_is_not_caught_up(desk_databases: dict[str, str]) -> None:
    """It is not open, or the store has not told where it ends."""
    leases.make_partitions([Topic(name="a", partitions=2)], known=[])
    meter = Meter(exact=True)
    held = [AssignedPartition(topic=Topic(name="a", partitions=2), number=n, row=n + 1, epoch=1) for n in range(2)]
    open_one: Any = SimpleNamespace(writing=SimpleNamespace(checkpoint=SimpleNamespace(next_ordinal=70)))
    held[1].opened = open_one
    meter.note(held, [])
    assert meter.now is not None
    assert (meter.now.partitions, meter.now.caught_up, meter.now.behind, meter.now.indexed) == (2, 0, None, 70)
    held[1].end_known = True
    meter._note_at = 0.0
    meter.note(held[1:], [])
    assert (meter.now.caught_up, meter.now.behind) == (1, 0)
