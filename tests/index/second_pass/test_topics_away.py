"""The second pass and topics that are away, for a while or for good, and indexers that have what is to be passed over."""

import itertools
import os
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.utils import timezone

from eventstore.config.searchable_values import values_by
from eventstore.drivers.database.models import TopicRow
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer import leases
from eventstore.index.indexer.lease_owner import new_owner
from eventstore.index.models import IndexedPartition
from eventstore.index.second_pass import pieces, run
from eventstore.index.second_pass.progress import ValueProgress
from eventstore.index.second_pass.run import pass_all
from eventstore.index.tables.blocks import FULL
from eventstore.model.errors import StoreUnreachable
from tests.index.second_pass.declaring import (
    KEY,
    declaring,
    differences,
    found,
    index,
    pass_over,
    passing_with,
    publish,
    value_keys,
    values,
)

pytestmark = pytest.mark.usefixtures("desk_databases")
COUNT = FULL + 40
NOW = declaring(number="number")


@pytest.fixture
def storage() -> DatabaseStorage:
    storage = DatabaseStorage()
    publish(storage, range(COUNT))
    index(storage, declaring(city="city"))
    return storage


def building(config: Any) -> bool:
    return bool(ValueProgress(values_by(config.searchables, KEY)).of_topics())


def away(**more: Any) -> None:
    """As an indexer marks a topic that it does not find: left out of the configuration, or not permitted."""
    IndexedPartition.objects.update(gone_at=timezone.now(), **more)


@pytest.mark.parametrize("noted", [True, False])
def test_a_topic_that_was_away_meanwhile_gets_what_was_declared_then(storage: DatabaseStorage, noted: bool) -> None:
    if not noted:
        IndexedPartition.objects.update(declared="")
    away()
    both = declaring(city="city", number="number")
    pass_over(storage, NOW)
    assert (values(), value_keys(), building(NOW)) == ({}, 0, False)
    assert (pass_over(storage, both), building(both)) == (0, False)  # nothing can be given to it now, nor is it said to be
    publish(storage, range(COUNT, COUNT + 10))
    index(storage, both)
    assert IndexedPartition.objects.get().gone_at is None
    assert building(both)
    assert pass_over(storage, both) == COUNT
    assert (found(both, "5"), len(found(both, "city 1"))) == ({"e-5"}, (COUNT + 10) // 3)
    assert (value_keys(), differences(storage, both)) == (2 * (COUNT + 10), [])


def test_what_a_topic_that_is_away_keeps_is_known_when_it_comes_back(storage: DatabaseStorage) -> None:
    both = declaring(city="city", number="number")
    away()
    assert pass_over(storage, both) == 0  # it has nothing to lose
    assert pass_over(storage, declaring(number="number", city="person")) == COUNT
    assert (values(), pass_over(storage, both)) == ({}, 0)
    leases.mark_back(list(IndexedPartition.objects.values_list("pk", flat=True)))
    assert pass_over(storage, both) == COUNT
    assert (value_keys(), differences(storage, both)) == (2 * COUNT, [])


def test_a_topic_that_is_gone_with_its_indexer_holds_nobody_up(storage: DatabaseStorage) -> None:
    TopicRow.objects.all().delete()
    away(owner="gone-host", leased_until=timezone.now() - timedelta(seconds=60))
    assert pass_all(passing_with(storage, NOW), patience=0.5) == COUNT
    assert values() == {}


def test_a_partition_that_takes_longer_than_the_patience_is_waited_for_while_it_gets_on(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCKS", 1)
    clock = itertools.count()
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))  # each look takes a second
    monkeypatch.setattr(run, "A_TURN", 1.5)
    assert pass_all(passing_with(storage, NOW), patience=3.0) == COUNT


def test_each_partition_is_leased_for_its_turn_alone(storage: DatabaseStorage) -> None:
    publish(storage, range(70), topic="patients-too", partitions=3)
    index(storage, declaring())
    real, had = run._turn, []

    def turn(work: Any, one: Any, over: threading.Event) -> None:
        had.append(IndexedPartition.objects.filter(owner=work.owner).count())
        real(work, one, over)

    before = dict(IndexedPartition.objects.values_list("pk", "epoch"))
    with patch.object(run, "_turn", turn):
        pass_over(storage, NOW)
    assert had == [1] * 4
    assert dict(IndexedPartition.objects.values_list("pk", "epoch")) == {pk: epoch + 1 for pk, epoch in before.items()}


def test_a_database_that_is_busy_is_waited_for(storage: DatabaseStorage) -> None:
    real, busy = leases.take, [True, True]

    def take(*given: Any) -> Any:
        if busy:
            raise OperationalError(f"database is locked {busy.pop()}")
        return real(*given)

    with patch.object(leases, "take", take):
        assert pass_over(storage, NOW) == COUNT
        busy += [True] * 1_000
        with pytest.raises(OperationalError, match="locked"):
            pass_all(passing_with(storage, declaring()), patience=0.3)


def test_an_indexer_that_does_not_pass_over_what_it_has_is_named(storage: DatabaseStorage) -> None:
    """As one that was started before the configuration changed."""
    [leased] = leases.partitions()
    leases.take(new_owner(), [leased])
    with pytest.raises(StoreUnreachable, match=f"They are process {os.getpid()} on .* to give"):
        pass_all(passing_with(storage, NOW), patience=0.3)


def test_copies_of_an_older_index_are_not_looked_through(storage: DatabaseStorage) -> None:
    publish(storage, range(9), topic="patients-mailer-DLQ")
    index(storage, declaring(city="city"))
    IndexedPartition.objects.filter(topic__contains="DLQ").update(declared="")
    with patch.object(pieces, "_write_blocks", lambda *given: pytest.fail("blocks were read")):
        assert pass_over(storage, declaring(city="city")) == 9
    assert not building(declaring(city="city"))
