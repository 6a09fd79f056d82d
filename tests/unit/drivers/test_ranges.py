"""Sets of numbers as ranges behave like sets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eventstore.drivers.database.subscriptions import ranges

SETS = st.sets(st.integers(min_value=0, max_value=60), max_size=40)
NUMBER = st.integers(min_value=0, max_value=60)


def is_tidy(pairs: ranges.Ranges) -> bool:
    """Return whether the ranges are in order, none empty, and none adjacent to the next."""
    return all(first <= last for first, last in pairs) and all(one[1] + 1 < two[0] for one, two in pairwise(pairs))


@given(SETS)
def test_numbers_become_ranges_and_numbers_again(numbers: set[int]) -> None:
    pairs = ranges.of(numbers)
    assert is_tidy(pairs)
    assert list(ranges.each(pairs)) == sorted(numbers)
    assert ranges.size(pairs) == len(numbers)
    assert ranges.loads(ranges.dumps(pairs)) == pairs


@given(SETS, SETS)
def test_a_union_holds_what_either_holds(one: set[int], two: set[int]) -> None:
    both = ranges.union(ranges.of(one), ranges.of(two))
    assert is_tidy(both)
    assert set(ranges.each(both)) == one | two


@given(SETS, NUMBER)
def test_without_a_number_all_others_stay(numbers: set[int], number: int) -> None:
    left = ranges.without(ranges.of(numbers), number)
    assert is_tidy(left)
    assert set(ranges.each(left)) == numbers - {number}


@given(SETS, NUMBER, NUMBER)
def test_gaps_are_what_is_not_taken(numbers: set[int], first: int, last: int) -> None:
    free = list(ranges.gaps(ranges.of(numbers), first, last))
    assert is_tidy(free)
    assert set(ranges.each(free)) == set(range(first, last + 1)) - numbers


def test_a_long_run_is_kept_short() -> None:
    assert ranges.dumps(ranges.of(range(100_000))) == "[[0,99999]]"
