"""Under which numbers a segment's keys lie: in order of age, and of whole groups."""

import pytest

from eventstore.index.segments import numbers
from eventstore.index.segments.numbers import by_age, group_number, number_for, numbers_between, segments_under
from tests.index.segments.material import GROUP


def test_a_groups_number_says_which_segments_it_stands_for() -> None:
    for group in (0, 1, 7, numbers.SHORT - 1, numbers.SHORT, numbers.MOST_GROUPS - 1):
        assert segments_under(group_number(group)) == range(group * GROUP, (group + 1) * GROUP)
    assert [list(segments_under(number)) for number in (0, 5)] == [[0], [5]]


def test_numbers_come_by_age_and_those_of_groups_before_those_of_segments() -> None:
    there = [group_number(group) for group in range(4)] + list(range(12, 30))
    assert by_age(there) == [sorted(there)]
    assert group_number(numbers.SHORT - 1) == -1


def test_numbers_beyond_the_first_groups_are_as_old_as_they_are() -> None:
    groups = [0, 1, numbers.SHORT - 1, numbers.SHORT, numbers.SHORT + 1, numbers.MOST_GROUPS - 1]
    by_number = sorted([*map(group_number, groups), 10**6, 10**6 + 1])
    parts = by_age(by_number)
    assert [number for part in parts for number in part] == [*map(group_number, groups), 10**6, 10**6 + 1]
    assert len(set(by_number)) == len(groups) + 2
    assert min(by_number) >= -(1 << 15)


@pytest.mark.parametrize(
    ("first", "last", "merged", "expected"),
    [
        (0, 0, 0, [0, "a"]),
        (0, 7, 0, [0, 1, 2, "a", 3, 4, 5, "b", 6, 7, "c"]),
        (0, 7, 6, ["a", "b", 6, 7, "c"]),
        (4, 4, 3, [3, 4, "b"]),
        (4, 5, 6, ["b"]),
        (2, 3, 3, ["a", 3, "b"]),
        (5, 4, 0, [3, 4, "b"]),
        (6, 5, 6, []),
    ],
)
def test_whole_groups_are_asked_for_their_own_number_last(first: int, last: int, merged: int, expected: list[object]) -> None:
    names = {group_number(group): name for group, name in enumerate("abc")}
    assert [names.get(number, number) for number in numbers_between(first, last, merged)] == expected


def test_a_key_that_comes_late_is_written_where_its_segments_keys_are_by_now() -> None:
    assert [number_for(segment, 3) for segment in (0, 2, 3, 9)] == [group_number(0), group_number(0), 3, 9]
