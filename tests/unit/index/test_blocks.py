"""Pointers in blocks: whatever the columns hold comes back, in about the bytes that its ids need."""

import zlib
from random import Random
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.index.tables.blocks import FULL, UNREADABLE, Columns, blocks_of, decoded, encoded, tokens_of
from eventstore.index.tables.packing import unpack
from tests.hostile import NAMES

WHOLE = 1 << 62
uuids = st.uuids().map(str)
ids = st.one_of(uuids, uuids.map(str.upper), st.sampled_from(["", *NAMES]), st.text(st.characters(codec="utf-8"), max_size=50))
counts = st.integers(0, WHOLE)
times = st.integers(-(10**17), 3 * 10**17)
TEXTS = ("ids", "correlations", "causations", "schemas", "originals")
COUNTS = ("types", "streams", "versions", "sizes", "flags")


def column(name: str) -> st.SearchStrategy[Any]:
    """One place of this column."""
    if name == "tokens":
        return st.text("0123456789abcdef", min_size=1, max_size=40)
    if name in ("times", "published"):
        return times
    return ids if name in TEXTS else counts


@st.composite
def any_columns(draw: st.DrawFn, least: int = 0, most: int = 12) -> Columns:
    count = draw(st.integers(least, most))
    lists = {}
    for name in (*TEXTS, *COUNTS, "tokens", "times", "published"):
        one = column(name)
        of_one_kind = uuids if name in TEXTS and draw(st.booleans()) else one
        empty = name in (*TEXTS, *COUNTS) and draw(st.booleans())
        nothing: Any = "" if name in TEXTS else 0
        lists[name] = [nothing] * count if empty else draw(st.lists(of_one_kind, min_size=count, max_size=count))
    values = st.lists(st.tuples(st.integers(1, 1000), st.text(st.characters(codec="utf-8"), max_size=20)), max_size=3)
    found = draw(st.dictionaries(st.integers(0, count - 1), values, max_size=3)) if count else {}
    return Columns(**lists, values=found)


def columns_of(ids: list[str], **others: Any) -> Columns:
    """Events with these ids that hold nothing else."""
    count = len(ids)
    nothing: dict[str, Any] = dict.fromkeys((*COUNTS, "times", "published"), [0] * count)
    nothing |= dict.fromkeys(("correlations", "causations", "schemas", "originals"), [""] * count)
    nothing["tokens"] = [f"{number:016x}" for number in range(count)]
    return Columns(**{**nothing, "ids": ids, **others})


@given(any_columns())
def test_any_columns_come_back_as_they_were(columns: Columns) -> None:
    assert decoded(encoded(columns)) == columns


@given(any_columns())
def test_blocks_that_earlier_versions_packed_are_read(columns: Columns) -> None:
    packed, values = unpack(encoded(columns))
    assert decoded(zlib.compress(msgspec.msgpack.encode([*packed, values]))) == columns


@given(any_columns(least=1))
def test_the_tokens_are_read_alone_as_with_the_rest(columns: Columns) -> None:
    assert tokens_of(encoded(columns)) == columns.tokens


@given(any_columns(), any_columns(), st.data())
def test_what_is_joined_and_cut_is_what_lists_would_give(first: Columns, second: Columns, data: st.DataObject) -> None:
    joined = first.part(0, len(first))
    joined.extend(second)
    assert len(joined) == len(first) + len(second)
    assert (joined.part(0, len(first)), joined.part(len(first), len(joined))) == (first, second)
    start = data.draw(st.integers(0, len(joined)))
    end = data.draw(st.integers(start, len(joined)))
    part = joined.part(start, end)
    assert part.ids == joined.ids[start:end]
    assert part.values == {place - start: found for place, found in joined.values.items() if start <= place < end}


def test_a_part_is_its_own_and_changes_nothing_where_it_came_from() -> None:
    whole = columns_of(["a", "b", "c"])
    part = whole.part(0, 2)
    part.extend(whole.part(2, 3))
    assert (whole.ids, part.ids) == (["a", "b", "c"], ["a", "b", "c"])
    assert len(whole) == len(part) == 3


@pytest.mark.parametrize("count", [0, 1, 2, FULL - 1, FULL])
def test_blocks_of_any_size_come_back(count: int) -> None:
    whole = columns_of([str(uuid4()) for _ in range(count)], times=list(range(count)), versions=list(range(1, count + 1)))
    assert decoded(encoded(whole)) == whole


@pytest.mark.parametrize("before", [0, 1, FULL - 1])
@pytest.mark.parametrize("more", [1, FULL - 1, FULL, 2 * FULL + 3])
def test_what_comes_behind_a_block_fills_it_and_the_next_ones(before: int, more: int) -> None:
    whole = columns_of([f"{number:04}" for number in range(before + more)])
    first = 7 * FULL
    blocks, tail = blocks_of(whole.part(0, before), first, whole.part(before, before + more))
    assert [start for start, _, _ in blocks] == list(range(first, first + before + more, FULL))
    parts = [decoded(data) for _, _, data in blocks]
    assert [token for _, token, _ in blocks] == [part.tokens[0] for part in parts]
    assert [id for part in parts for id in part.ids] == whole.ids
    assert tail.ids == whole.ids[len(whole) - len(whole) % FULL :]


MIXED = [
    [str(UUID(int=7)), "order-7", ""],
    [str(UUID(int=7)).upper(), str(UUID(int=7))],
    ["", "", ""],
    ["", str(UUID(int=7)), ""],
    [str(UUID(int=7)) + str(UUID(int=8)), ""],
    [(str(UUID(int=7)) + str(UUID(int=8)))[:35], (str(UUID(int=7)) + str(UUID(int=8)))[35:]],
    ["a", "b"],
    ["\x00" * 16, "x"],
    ["🩺"],
]


@pytest.mark.parametrize("texts", MIXED)
@pytest.mark.parametrize("name", ["ids", "correlations", "causations", "originals", "schemas"])
def test_ids_come_back_character_for_character_whatever_stands_beside_them(name: str, texts: list[str]) -> None:
    whole = columns_of(["x"] * len(texts))
    setattr(whole, name, texts)
    assert decoded(encoded(whole)) == whole


def test_values_stay_with_their_events() -> None:
    whole = columns_of(["a", "b", "c"], values={0: [(3, "Berlin"), (4, "")], 2: [(3, "🩺")]}, flags=[0, UNREADABLE, 0])
    assert decoded(encoded(whole)) == whole
    assert whole.part(1, 3).values == {1: [(3, "🩺")]}


def test_a_full_block_of_ordinary_events_costs_little_more_than_its_ids() -> None:
    chance = Random(7)
    uuid = [str(UUID(int=chance.getrandbits(128))) for _ in range(2 * FULL)]
    block = columns_of(
        uuid[:FULL],
        correlations=uuid[FULL:],
        types=[1 + chance.randrange(20) for _ in range(FULL)],
        times=[1_700_000_000_000_000 + 1000 * number + chance.randrange(1000) for number in range(FULL)],
        published=[1_700_000_000_000_000 + 1000 * number for number in range(FULL)],
        streams=[chance.randrange(100_000) for _ in range(FULL)],
        versions=[1 + chance.randrange(50) for _ in range(FULL)],
        sizes=[450 + chance.randrange(100) for _ in range(FULL)],
    )
    assert len(encoded(block)) < FULL * (2 * 16 + 24)


@pytest.mark.parametrize("tokens", [["1112", "11213", "3"], ["a ", "b"], [" a", "b"], ["é", "e"], ["", ""], ["", "1"]])
def test_tokens_of_any_lengths_come_back(tokens: list[str]) -> None:
    whole = columns_of(["x"] * len(tokens), tokens=tokens)
    assert decoded(encoded(whole)) == whole
    assert tokens_of(encoded(whole)) == tokens


def from_the_time(chance: Random, number: int) -> UUID:
    """One of version 7: it begins with the milliseconds."""
    return UUID(int=(1_700_000_000_000 + number) << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(60))


def test_uuids_that_begin_alike_or_repeat_are_compressed() -> None:
    chance = Random(7)
    ids = [str(from_the_time(chance, number)) for number in range(FULL)]
    ordered = columns_of(ids)
    repeated = columns_of([str(UUID(int=chance.getrandbits(128))) for _ in range(FULL)], causations=["", *ids[1:]])
    repeated.correlations = repeated.ids
    for block, allowed in (ordered, 13), (repeated, 2 * 16):
        assert decoded(encoded(block)) == block
        assert len(encoded(block)) < FULL * allowed


DAMAGED = (zlib.error, msgspec.MsgspecError, ValueError, TypeError, IndexError)
"""What ``check_index`` takes for a damaged block."""


@pytest.mark.parametrize("alike", [True, False])
def test_a_damaged_block_never_gives_other_events_than_were_packed(alike: bool) -> None:
    chance = Random(7)
    whole = columns_of([str(UUID(int=chance.getrandbits(64 if alike else 128))) for _ in range(40)])
    data = encoded(whole)
    told = 0
    for place in range(len(data)):
        with pytest.raises(DAMAGED):
            decoded(data[:place])
        try:
            assert decoded(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]) == whole
        except DAMAGED:
            told += 1
    assert told >= len(data) - 1  # whether the UUIDs are compressed is true for most bytes
