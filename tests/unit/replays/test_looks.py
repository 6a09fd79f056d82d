"""How what is consumed of a replay grows: its rate, when it last grew, and what is kept of many looks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import cast

import pytest

from eventstore.jobs import JobInterrupted, Progress
from eventstore.model.storage import Storage
from eventstore.replays.watching import Consumption, Follow, Looks, PartConsumed, Stretch, follow, following
from eventstore.replays.watching.following import LONGEST_REST, MOST_STEPS, SHORTEST_REST, STAY_SECONDS, rest_after
from tests.redriving import Notes

START = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def looks(steps: Sequence[tuple[int, int]]) -> Looks:
    """Look at each of these seconds, with so many consumed of a thousand."""
    found = Looks()
    for second, consumed in steps:
        stretch = Stretch(topic="t", partition=0, behind="", last="z", events=1_000)
        part = PartConsumed(stretch=stretch, consumed=consumed, exact=True)
        found.note(Consumption(parts=[part], as_of=START + timedelta(seconds=second)))
    return found


def test_the_rate_is_that_of_the_last_two_minutes() -> None:
    assert looks([]).rate is None
    assert looks([(0, 5)]).rate is None
    assert looks([(0, 0), (10, 50)]).rate == 5.0
    assert looks([(0, 0), (200, 900), (210, 950)]).rate == 5.0
    assert looks([(0, 0), (500, 1_000)]).rate == 2.0, "the only two looks there are"


def test_a_replay_that_stands_still_has_a_rate_of_nothing_and_keeps_no_look_for_each_second() -> None:
    found = looks([(0, 0), (10, 50), *((second, 50) for second in range(20, 400))])
    assert found.rate == 0.0
    assert len(found.steps) == 3
    assert found.moved == START + timedelta(seconds=10)
    assert looks([(0, 0), (9, 0)]).moved == START


def test_of_many_looks_the_first_and_the_newest_are_kept_and_some_between() -> None:
    found = looks([(second, second) for second in range(1_000)])
    assert len(found.steps) <= MOST_STEPS
    assert (found.steps[0][1], found.consumed) == (0, 999)
    assert Looks.of(found.as_json()) == found


def test_a_run_rests_longer_the_longer_nothing_was_consumed() -> None:
    found = looks([(0, 0), (10, 50)])
    rests = [rest_after(found, START + timedelta(seconds=10 + idle)) for idle in (0, 50, 10_000)]
    assert rests == [SHORTEST_REST, 5.0, LONGEST_REST]


def test_looks_take_a_tenth_of_the_time_at_most() -> None:
    found = looks([(0, 0), (10, 50)])
    assert rest_after(found, START + timedelta(seconds=10), took=0.05) == SHORTEST_REST
    assert rest_after(found, START + timedelta(seconds=10), took=3.0) == 30.0


def followed(monkeypatch: pytest.MonkeyPatch, so_far: Looks) -> float:
    """Follow a replay of which more is consumed at each look, until the run rests; return the seconds that it stayed."""
    clock, consumed, begun = [100.0], count(1), 100.0

    def look(*_: object, **__: object) -> Consumption:
        stretch = Stretch(topic="t", partition=0, behind="", last="z", events=1_000)
        parts = [PartConsumed(stretch=stretch, consumed=next(consumed), exact=True)]
        return Consumption(parts=parts, as_of=START + timedelta(seconds=clock[0]))

    monkeypatch.setattr(following, "consumption_of", look)
    monkeypatch.setattr(following, "copies_in", lambda *_: ())
    sleep = lambda seconds: clock.append(clock.pop() + seconds)  # noqa: E731
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    what = Follow(
        job="1",
        subscription="s",
        stretches=[Stretch(topic="t", partition=0, behind="", last="z", events=1_000)],
        looks=so_far,
        checkpoint=so_far.as_json,
        progress=Progress,
    )
    with pytest.raises(JobInterrupted):
        follow(cast(Storage, SimpleNamespace(log=None)), what, Notes())
    return clock[0] - begun


def test_the_first_run_stays_three_seconds_and_each_later_one_for_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    so_far = Looks()
    assert followed(monkeypatch, so_far) == pytest.approx(STAY_SECONDS, abs=0.3)
    steps = len(so_far.steps)
    assert followed(monkeypatch, so_far) == 0.0
    assert len(so_far.steps) == steps + 1
