"""Names of generations."""

import pytest

from eventstore.projections.generations import generation_of, next_generation, split, subscription_of


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("timeline", ("timeline", 1)),
        ("timeline-v2", ("timeline", 2)),
        ("timeline-v12", ("timeline", 12)),
        ("timeline-v0", ("timeline-v0", 1)),
        ("timeline-v02", ("timeline-v02", 1)),
        ("timeline-v", ("timeline-v", 1)),
        ("-v2", ("-v2", 1)),
        ("a-v2-v3", ("a-v2", 3)),
    ],
)
def test_a_name_is_that_of_a_build_with_its_number(name: str, parts: tuple[str, int]) -> None:
    assert split(name) == parts


def test_a_new_generation_is_above_all_that_there_are() -> None:
    assert next_generation("timeline", []) == "timeline-v2"
    assert next_generation("timeline", ["timeline-v7", "timeline-v3", "search-v9", "timeline-v10x"]) == "timeline-v8"
    assert next_generation("timeline-v3", ["timeline"]) == "timeline-v4"
    assert subscription_of("timeline-v3", 5) == "timeline-v5"


def test_a_generation_of_another_projection_is_none_of_this_one() -> None:
    assert generation_of("timeline-v3", "timeline") == 1
    assert generation_of("timeline", "timeline-v2") == 2
    assert generation_of("timeline", "timelines-v2") is None
