"""Ordinals of a plan, taken from others: each list is gone through once, however long the other one is."""

from collections.abc import Iterator

import pytest

from eventstore.replays.planning.choosing import common, minus


class Once(list[int]):
    """A list that may be gone through once, and not be searched."""

    gone_through = 0

    def __iter__(self) -> Iterator[int]:
        self.gone_through += 1
        assert self.gone_through == 1
        return super().__iter__()

    def __contains__(self, one: object) -> bool:
        raise AssertionError("searched from its beginning")


@pytest.mark.parametrize(
    ("ordinals", "others", "left", "shared"),
    [
        ([1, 2, 5, 9], [2, 9, 11], [1, 5], [2, 9]),
        ([], [3], [], []),
        ([3], [], [3], []),
        (range(0, 20_000, 2), range(10_000), range(10_000, 20_000, 2), range(0, 10_000, 2)),
    ],
)
def test_what_is_left_and_what_is_shared_is_found_in_one_go(
    ordinals: list[int], others: list[int], left: list[int], shared: list[int]
) -> None:
    assert minus(Once(ordinals), Once(others)) == list(left)
    assert common(Once(ordinals), Once(others)) == list(shared)
