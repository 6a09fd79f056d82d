"""Numbers as texts that sort the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.model.errors import InvalidPosition
from eventstore.model.tokens import AFTER_ALL, LARGEST, decode, encode

NUMBERS = st.integers(min_value=0, max_value=LARGEST)
TUPLES = st.tuples(NUMBERS, NUMBERS, NUMBERS)


def test_the_documented_examples_hold() -> None:
    assert (encode(118), encode(4021)) == ("276", "3fb5")
    assert encode(118, 4021) == "2763fb5"


@pytest.mark.parametrize("number", [0, 1, 9, 10, 15, 16, 255, 256, 2**31, 2**53, LARGEST])
def test_edges_come_back(number: int) -> None:
    assert decode(encode(number), 1) == (number,)


@given(TUPLES)
def test_every_tuple_comes_back(numbers: tuple[int, int, int]) -> None:
    assert decode(encode(*numbers), 3) == numbers


@given(TUPLES, TUPLES)
def test_texts_sort_as_tuples_do(one: tuple[int, int, int], two: tuple[int, int, int]) -> None:
    assert (encode(*one) < encode(*two)) == (one < two)


def test_texts_sort_as_numbers_do_around_every_change_of_length() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 (shown when the test fails)
    chance = random.Random(seed)
    around = [16**digits + step for digits in range(1, 15) for step in (-1, 0, 1)]
    numbers = sorted({0, *around, *(chance.randrange(LARGEST) for _ in range(500))})
    assert [encode(number) for number in numbers] == sorted(encode(number) for number in numbers)


def test_after_all_sorts_behind_everything_that_begins_alike_and_before_the_next() -> None:
    behind = encode(7) + AFTER_ALL
    assert encode(7, LARGEST) < behind
    assert behind < encode(8)


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode(number)


@pytest.mark.parametrize("token", ["", "0", "1", "2f", "20f", "1F", "1 ", "g1", "1١", "11extra", "-11", "3 12", "fffff"])
def test_what_encode_never_writes_is_refused(token: str) -> None:
    with pytest.raises(InvalidPosition):
        decode(token, 1)


def test_a_token_of_another_number_of_numbers_is_refused() -> None:
    for count in (1, 3):
        with pytest.raises(InvalidPosition):
            decode(encode(1, 2), count)


@given(st.text(max_size=40), st.integers(min_value=1, max_value=4))
def test_any_text_is_either_what_encode_writes_or_refused(text: str, count: int) -> None:
    try:
        numbers = decode(text, count)
    except InvalidPosition:
        return
    assert encode(*numbers) == text
