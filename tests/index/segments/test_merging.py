"""Full segments become one: every look-up answers before, meanwhile and afterwards what it has always answered."""

import random
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from eventstore.index.lookup import key_tables
from eventstore.index.models import IdKey, IndexedPartition, MergingRow
from eventstore.index.segments import holding, merging, numbers
from eventstore.index.segments.merging import Merging, merge_piece, next_group
from eventstore.index.segments.numbers import group_number, merged_to, numbers_between
from eventstore.index.tables import sql
from eventstore.index.writing.partition import Memory
from tests.index import duplicating
from tests.index.segments.material import (
    BEHIND,
    GROUP,
    KEY_TABLES,
    PATIENTS,
    Broken,
    answers,
    broken_before,
    filled,
    keys_there,
    merge_all,
    merges_that_are_due,
    newest_segment,
    numbers_there,
    opened,
    write_some,
)
from tests.indexing import event, index

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def test_an_empty_index_and_one_that_is_not_full_have_nothing_to_merge() -> None:
    assert (merge_piece("one"), next_group(), merged_to()) == (None, None, 0)
    index([event(0)], topic=PATIENTS)
    assert merge_piece("one") is None
    assert not MergingRow.objects.exists()


@pytest.mark.parametrize(("newest", "first"), [(GROUP + BEHIND - 1, None), (GROUP + BEHIND, 0)])
def test_a_group_is_merged_once_so_many_segments_behind_it_are_begun(newest: int, first: int | None) -> None:
    index([event(0)], topic=PATIENTS)
    IndexedPartition.objects.update(segment=newest)
    assert next_group() == first


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize("most", [1, 15, 10_000])
def test_every_look_up_answers_the_same_after_each_piece(chance: random.Random, most: int) -> None:
    filled(chance)
    before, there = answers(), keys_there()
    step = 0
    while merge_piece("one", most) is not None:
        step += 1
        if step % (9 if most == 1 else 3) == 0 or most > 100:
            assert answers() == before, step
    assert answers() == before
    assert (keys_there(), merges_that_are_due()) == (there, 0)
    assert merged_to() >= GROUP
    groups = {group_number(group) for group in range(merged_to() // GROUP)}
    assert {number for number in numbers_there() if number < merged_to()} == groups
    assert MergingRow.objects.count() == 1


@pytest.mark.usefixtures("either_database")
def test_a_stream_with_more_keys_than_a_piece_is_moved_in_pieces_and_read_meanwhile(chance: random.Random) -> None:
    index([event(number, id=f"e-{number % 3}") for number in range(60)], topic=PATIENTS, memory=Memory())
    partitions = opened()
    write_some(partitions[:1], chance, 10)
    for table in ("idkey", "streamkey"):
        sql.execute(f"UPDATE index_{table} SET segment = ordinal / 20 WHERE ordinal < 60", [])
    before, there = answers(), keys_there()
    moved = []
    while (count := merge_piece("one", GROUP * 2)) is not None:
        moved.append(count)
        assert len(moved) % 5 or answers() == before
    assert max(moved) <= GROUP * 2
    assert (answers(), keys_there()) == (before, there)


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize("word", ["INSERT INTO index_", "DELETE", 'UPDATE "index_mergingrow" SET "merged_to"'])
def test_a_piece_that_is_killed_has_changed_nothing_and_is_done_again(chance: random.Random, word: str) -> None:
    if sql.postgres() and not word.startswith("UPDATE"):
        word = "WITH gone"  # one statement for both
    filled(chance)
    before, there = answers(), keys_there()
    killed = 0
    while merges_that_are_due() > 0:
        numbers = numbers_there()
        with broken_before(word):
            try:
                merge_piece("one", 30)
            except Broken:
                killed += 1
                assert (numbers_there(), keys_there()) == (numbers, there)
        merge_piece("one", 30)
    assert killed
    assert (answers(), keys_there()) == (before, there)


def test_two_who_merge_take_turns_and_one_that_died_is_succeeded(chance: random.Random) -> None:
    filled(chance)
    before = answers()
    assert merge_piece("one", 12)
    assert merge_piece("two", 12) is None
    assert merge_piece("one", 12)
    MergingRow.objects.update(leased_until=timezone.now() - timedelta(minutes=1))
    assert merge_piece("two", 12)
    assert merge_piece("one", 12) is None
    while merge_piece("two") is not None:
        pass
    assert (answers(), merges_that_are_due()) == (before, 0)


def test_who_believes_that_a_merged_group_is_still_to_be_merged_moves_nothing(
    chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its piece was chosen before another one moved those keys, and is claimed afterwards."""
    filled(chance)
    chosen, between, claimed = merging._next_piece, [True], list[bool]()

    def chosen_early(table: str, segments: range, most: int) -> merging._Piece | None:
        piece = chosen(table, segments, most)
        if between.pop() if between else False:
            merge_all()
            MergingRow.objects.update(owner="")
        return piece

    def claim(owner: str, first: int) -> bool:
        claimed.append(holding.claim(owner, first))
        return claimed[-1]

    with monkeypatch.context() as stale:
        stale.setattr(merging, "_next_piece", chosen_early)
        stale.setattr(merging, "claim", claim)
        before = answers()
        assert merge_piece("two") is None
    assert (claimed[-1], set(claimed[:-1])) == (False, {True})
    assert (answers(), merges_that_are_due()) == (before, 0)


def test_who_reads_with_what_was_merged_a_while_ago_finds_everything(
    chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(chance)
    before = answers()
    merge_all()
    for reached in range(0, merged_to(), GROUP):
        with monkeypatch.context() as stale:
            stale.setattr(numbers, "merged_to", lambda: reached)  # noqa: B023
            stale.setattr(key_tables, "every_number", lambda: numbers_between(0, newest_segment(), reached))  # noqa: B023
            assert answers() == before


def test_a_key_that_came_late_into_a_segment_is_moved_before_the_group_counts_as_merged(chance: random.Random) -> None:
    """From a writer that was paused: none may stay behind unseen."""
    filled(chance)
    while all(table.objects.filter(segment__range=(0, GROUP - 1)).exists() for table in KEY_TABLES):
        merge_piece("one", 12)
    IdKey.objects.create(segment=1, hash=5, partition_id=1, ordinal=10**6)
    merge_all()
    assert IdKey.objects.get(hash=5).segment == group_number(0)


@pytest.mark.parametrize("remembers", [True, False])
def test_events_that_come_again_after_the_merge_are_duplicates(chance: random.Random, remembers: bool) -> None:
    """By their keys in small batches, by the filters in large ones."""
    memory = Memory()
    write_some(opened(memory), chance, 14)
    merge_all()
    again_there: list[int] = []
    for count in (3, duplicating.FEW + 1):
        start = IndexedPartition.objects.get(number=0).next_ordinal
        again = [event(start + n, id=f"e-patients-0-{n}" if n < 3 else "") for n in range(count)]
        index(again, topic=PATIENTS, memory=memory if remembers else Memory())
        again_there += range(start, start + 3)
        assert duplicating.duplicates() == again_there


def test_merging_rests_while_there_is_nothing_and_while_events_wait(chance: random.Random) -> None:
    one = Merging("one")
    one.step()
    idle = one.due
    assert idle > time.monotonic() + merging.LATER
    filled(chance)
    one.step()
    assert (one.due < idle, merges_that_are_due() > 0) == (True, True)
    left = merges_that_are_due()
    for late, waits, longest in ((True, False, merging.LATER), (True, True, merging.LATER), (False, True, merging.SOON)):
        begun = time.monotonic()
        one.step(late=late, waits=waits)
        assert begun <= one.due - longest <= time.monotonic()
    assert merges_that_are_due() == left


def test_an_error_of_the_database_is_logged_once_and_waited_out(
    chance: random.Random, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(chance)
    one = Merging("one")

    def fail(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if statement.startswith("DELETE"):
            raise OperationalError("database or disk is full")
        return execute(statement, parameters, many, context)

    for _ in range(3):
        with connections["index"].execute_wrapper(fail):
            one.step()
        assert one.due > time.monotonic() + merging.LATER
    one.step()
    one.step()
    assert caplog.messages == [
        "Merging segments: trying again: OperationalError: database or disk is full",
        "Merging segments: works again.",
    ]
