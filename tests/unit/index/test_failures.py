"""When a partition that cannot be reached is named, and when the store as a whole is what is away."""

import pytest

from eventstore.index.indexer import assigned_partition
from eventstore.index.indexer.assigned_partition import (
    FIRST_TROUBLE,
    LONGEST_TROUBLE,
    NOT_PERMITTED_TROUBLE,
    OFTEN,
    AssignedPartition,
)
from eventstore.index.indexer.failures import UNREACHABLE_ALONE, Answers
from eventstore.model.errors import EventStoreError, NotPermitted, StoreRefused, StoreUnreachable
from eventstore.model.events import Topic


class Clock:
    """Stands for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(assigned_partition, "time", clock)
    return clock


def failing(error: EventStoreError) -> AssignedPartition:
    assigned = AssignedPartition(topic=Topic(name="documents"), number=0, row=1, epoch=1)
    for _ in range(OFTEN):
        assigned.note_failure(error, 1)
    return assigned


def follow(clock: Clock, answers: Answers, seconds: float, *, away: bool) -> None:
    """Ask the store every second."""
    for _ in range(round(seconds)):
        clock.now += 1
        answers.note(clock.now, away=away)


def test_no_partition_is_named_while_the_store_is_away_nor_right_after(clock: Clock) -> None:
    answers = Answers()
    follow(clock, answers, 100, away=False)
    assigned = failing(StoreUnreachable("away"))
    assert assigned.trouble_words(answers) is None, "nobody has asked since"
    follow(clock, answers, 100, away=True)
    assert assigned.trouble_words(answers) is None
    follow(clock, answers, UNREACHABLE_ALONE, away=False)
    assert assigned.trouble_words(answers) is None


def test_a_partition_that_is_away_while_the_store_answers_is_named(clock: Clock) -> None:
    answers = Answers()
    follow(clock, answers, 100, away=False)
    assigned = failing(StoreUnreachable("away"))
    follow(clock, answers, UNREACHABLE_ALONE, away=False)
    assert assigned.trouble_words(answers) == "away"


def test_any_other_failure_is_named_at_once(clock: Clock) -> None:
    assert failing(StoreRefused("No right.")).trouble_words(Answers()) == "No right."


def test_what_the_store_does_not_permit_is_tried_less_often() -> None:
    """Somebody has to grant it first, and there may be hundreds of partitions."""
    assert [failing(error).backoff_error() for error in (StoreRefused("no"), NotPermitted("no"))] == [FIRST_TROUBLE] * 2
    longest = []
    for error in (StoreRefused("no"), StoreUnreachable("no"), NotPermitted("no")):
        assigned = failing(error)
        longest.append(max(assigned.backoff_error() for _ in range(20)))
    assert longest == [LONGEST_TROUBLE, LONGEST_TROUBLE, NOT_PERMITTED_TROUBLE]
