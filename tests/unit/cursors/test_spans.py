"""Sets of places and of ordinals: what is in any, in both, and in one alone."""

from hypothesis import given
from hypothesis import strategies as st

from eventstore.cursors.places import common, less, size, union
from eventstore.model.tokens import encode

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def members(spans: list[tuple[int, int]]) -> set[int]:
    return {number for low, high in spans for number in range(low, high)}


@given(SPANS, SPANS)
def test_they_are_sets_whatever_overlaps_and_in_whatever_order(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    assert members(union(one, other)) == members(one) | members(other)
    assert members(less(one, other)) == members(one) - members(other)
    assert members(common(one, other)) == members(one) & members(other)
    assert size(one) == len(members(one))


@given(SPANS, SPANS)
def test_tokens_make_the_same_sets_as_the_numbers_that_they_stand_for(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def tokens(spans: list[tuple[int, int]]) -> list[tuple[str, str]]:
        return [(encode(low), encode(high)) for low, high in spans]

    assert less(tokens(one), tokens(other)) == tokens(less(one, other))
    assert union(tokens(one), tokens(other)) == tokens(union(one, other))
