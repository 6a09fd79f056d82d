"""On PostgreSQL, who moves keys and who changes or writes them wait for each other, but for nobody who hangs."""

import random
import threading
import time

import pytest
from django.db import OperationalError, connections

from eventstore.index.models import IdKey, IndexedPartition
from eventstore.index.rebuild.remove_old import abandon
from eventstore.index.rebuild.run import remove_old
from eventstore.index.segments import holding, merging
from eventstore.index.segments.holding import hold
from eventstore.index.segments.merging import merge_piece
from eventstore.index.segments.numbers import group_number, merged_to
from eventstore.index.tables.database import atomic, is_held
from eventstore.index.writing.partition import lock_row
from tests.index.segments.material import PATIENTS, filled, merge_all, merges_that_are_due, numbers_there
from tests.index.written import together

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("desk_databases", "index_on_postgres")]


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def test_no_key_is_moved_while_somebody_changes_keys(chance: random.Random) -> None:
    filled(chance)
    held, moved = threading.Event(), threading.Event()
    seen: list[bool] = []

    def change() -> None:
        with atomic():
            hold()
            held.set()
            seen.append(moved.wait(0.3))

    def move() -> None:
        assert held.wait(20)
        assert merge_piece("one")
        moved.set()
        connections.close_all()

    assert together(change, move) == []
    assert seen == [False]


def test_a_batch_that_was_begun_long_ago_is_waited_for_until_its_group_counts_as_merged(
    chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys go into a segment that was the newest one then, and nobody sees them before it ends."""
    monkeypatch.setattr(holding, "LONGEST_WAIT", 0.1)
    late = filled(chance)[0]
    paused, refused = threading.Event(), threading.Event()

    def write() -> None:
        with atomic():
            lock_row(late)
            paused.set()
            assert refused.wait(20)
            IdKey.objects.create(segment=0, hash=5, partition_id=late.id, ordinal=10**6)

    def merge() -> None:
        assert paused.wait(20)
        with pytest.raises(OperationalError) as error:
            merge_all()
        assert is_held(error.value)
        assert merged_to() == 0
        refused.set()

    assert together(write, merge) == []
    merge_all()
    assert IdKey.objects.get(hash=5).segment == group_number(0)
    assert merges_that_are_due() == 0


def test_who_merges_waits_for_no_process_that_hangs(chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it forgets, gives values to older events, removes a build, or writes."""
    monkeypatch.setattr(holding, "LONGEST_WAIT", 0.05)
    filled(chance)
    hangs, tried = threading.Event(), threading.Event()
    one = merging.Merging("one")

    def hang() -> None:
        with atomic():
            hold()
            hangs.set()
            assert tried.wait(20)

    def merge() -> None:
        assert hangs.wait(20)
        there = numbers_there()
        one.step()
        assert one.due > time.monotonic() + merging.LATER
        assert numbers_there() == there
        tried.set()

    assert together(hang, merge) == []
    one.step()
    assert IdKey.objects.filter(segment__lt=0).exists()


def test_keys_of_an_old_build_are_removed_before_or_after_a_piece_is_moved(chance: random.Random) -> None:
    filled(chance)
    abandon(IndexedPartition.objects.filter(number=1))
    claimed, removed = threading.Event(), threading.Event()
    seen: list[bool] = []

    def move() -> None:
        with atomic():
            assert holding.claim("one", 0)
            claimed.set()
            seen.append(removed.wait(0.3))

    def remove() -> None:
        assert claimed.wait(20)
        remove_old(PATIENTS.name, lambda segments: removed.set(), threading.Event())

    assert together(move, remove) == []
    assert (seen, removed.is_set()) == ([False], True)
