"""The middle hours of a topic are found once a minute, as a large topic's take long to find."""

from datetime import UTC, datetime

import pytest

from eventstore.index.lookup.hour_counts import KEPT_SECONDS, MANY_EVENTS, MOST_KEPT, KnownMiddles
from eventstore.model.pointers import MiddleHours


class Asked:
    """Finds another end of the middle hours each time, and notes of which topics. ``at`` is the time."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.at = 0.0
        self.known = KnownMiddles(self.find, clock=lambda: self.at)

    def find(self, topic: str) -> MiddleHours:
        self.topics.append(topic)
        return MiddleHours(ends=datetime(2020, 1, 1, len(self.topics) % 24, tzinfo=UTC))


@pytest.mark.parametrize(
    ("before", "after", "times"),
    [(1, 1, 1), (1, 2, 2), (MANY_EVENTS - 1, MANY_EVENTS, 2), (MANY_EVENTS, MANY_EVENTS + 1, 1), (MANY_EVENTS, 0, 2)],
)
def test_within_a_minute_only_a_small_topic_with_new_events_is_looked_at_again(before: int, after: int, times: int) -> None:
    asked = Asked()
    first = asked.known.of("orders", before)
    asked.at = KEPT_SECONDS - 1
    assert (asked.known.of("orders", after) == first) is (times == 1)
    assert asked.topics == ["orders"] * times


def test_after_a_minute_every_topic_is_looked_at_again() -> None:
    asked = Asked()
    first = asked.known.of("orders", MANY_EVENTS)
    asked.at = KEPT_SECONDS
    assert asked.known.of("orders", MANY_EVENTS) != first


def test_topics_are_kept_apart_and_the_one_found_first_is_forgotten_first() -> None:
    asked = Asked()
    for number in range(MOST_KEPT + 1):
        asked.known.of(f"topic-{number}", 1)
    asked.known.of("topic-1", 1)
    assert len(asked.topics) == MOST_KEPT + 1
    asked.known.of("topic-0", 1)
    assert asked.topics[-1] == "topic-0"
