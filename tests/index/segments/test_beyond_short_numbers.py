"""Where there are more groups than short numbers: look-ups ask twice, and keys move between two statements."""

import random
from typing import Any

import pytest
from django.db import connections

from eventstore.index.lookup.key_tables import places
from eventstore.index.models import IndexedPartition
from eventstore.index.segments import numbers
from eventstore.index.segments.merging import merge_piece
from eventstore.index.segments.numbers import group_number, merged_to
from eventstore.index.tables.keys import Link, hashed
from eventstore.index.tables.secret import index_key
from tests.index.segments.material import GROUP, answers, filled, merge_all, merges_that_are_due, numbers_there

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture(autouse=True)
def few_short_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "SHORT", 2)
    monkeypatch.setattr(numbers, "_FIRST", -2)


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def test_every_look_up_answers_the_same_beyond_the_short_numbers(chance: random.Random) -> None:
    filled(chance, 20)
    before, step = answers(), 0
    while merge_piece("one", 30) is not None:
        step += 1
        if step % 5 == 0:
            assert answers() == before
    assert (answers(), merges_that_are_due()) == (before, 0)
    assert merged_to() > 2 * GROUP
    assert {-2, -1, group_number(2)} <= numbers_there()
    assert group_number(2) < -2


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [3, 1_000])
def test_a_key_that_moves_between_two_statements_of_a_look_up_is_found_once(
    chance: random.Random, limit: int, newest_first: bool
) -> None:
    filled(chance, 20)
    hash = hashed(index_key(), "talk-0", Link.CORRELATION)
    row = [IndexedPartition.objects.get(number=0).pk]
    expected = places("index_linkkey", hash, row, limit=limit, newest_first=newest_first)
    assert expected
    asked: list[str] = []

    def move(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if statement.startswith("SELECT hash, partition_id, ordinal FROM"):
            asked.append(statement)
            if len(asked) == 2:
                merge_all()
        return execute(statement, parameters, many, context)

    with connections["index"].execute_wrapper(move):
        found = places("index_linkkey", hash, row, limit=limit, newest_first=newest_first)
    assert len(asked) == 2
    assert found == expected
