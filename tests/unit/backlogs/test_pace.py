"""How fast a backlog falls is told from what was seen, or from the store's own rates, and not at all where neither tells."""

from dataclasses import replace
from datetime import timedelta

import pytest

from eventstore.backlogs import Pace, Step, look_at
from eventstore.backlogs.pace import next_steps, pace_of
from eventstore.subscriptions import Counted
from tests.unit.backlogs.test_stored import backlog


def paced(
    steps: list[Step],
    *,
    counted: Counted = Counted.INDEX,
    rate_in: float | None = None,
    rate_out: float | None = None,
    again: float | None = None,
) -> Pace:
    there = replace(backlog(), counted=counted)
    told = replace(there.subscription, rate_in=rate_in, rate_out=rate_out, rate_redelivered=again)
    return pace_of(replace(there, subscription=told, waiting=steps[-1].waiting if steps else 9), steps)


def test_a_falling_backlog_drains_in_the_time_that_it_needs_at_this_pace() -> None:
    found = paced([Step(0, 900, 1000), Step(60, 600, 1060)])
    assert (found.published, found.handled, found.falls) == (1.0, 6.0, 5.0)
    assert found.drains_in == timedelta(seconds=120)


@pytest.mark.parametrize(("waiting", "falls"), [(900, 0.0), (960, -1.0)])
def test_one_that_does_not_fall_never_drains(waiting: int, falls: float) -> None:
    found = paced([Step(0, 900, 1000), Step(60, waiting, 1060)])
    assert (found.falls, found.drains_in) == (falls, None)


def test_looks_that_are_too_close_or_too_old_say_nothing() -> None:
    assert paced([Step(0, 900), Step(30, 600)]).falls is None
    assert paced([Step(0, 900), Step(900, 600)]).falls is None
    assert paced([]).falls is None


def test_a_look_that_counted_in_another_way_is_not_compared() -> None:
    found = paced([Step(0, 5), Step(50, 500, 1000), Step(100, 400, 1000)], rate_in=1.0, rate_out=1.0)
    assert found.falls == 2.0


def test_without_earlier_looks_the_rates_of_the_store_count_and_what_came_again_does_not() -> None:
    found = paced([Step(0, 100, 500)], rate_in=2.0, rate_out=10.0, again=3.0)
    assert (found.published, found.handled, found.falls) == (2.0, 7.0, 5.0)
    assert found.drains_in == timedelta(seconds=20)
    assert paced([Step(0, 100)], rate_in=2.0) == Pace(published=2.0)
    assert paced([Step(0, 100)]) == Pace()


def test_a_consumer_that_is_given_the_same_events_again_and_again_does_not_drain_anything() -> None:
    found = paced([Step(0, 100, 500), Step(60, 100, 500)], rate_in=0.0, rate_out=50.0, again=0.0)
    assert (found.falls, found.drains_in, found.handled) == (0.0, None, 0.0)


def test_a_pace_that_is_nearly_none_is_no_error() -> None:
    assert paced([Step(0, 10**15, 10**16), Step(300, 10**15 - 1, 10**16)]).drains_in is not None


def test_while_the_index_catches_up_its_own_pace_is_nobodys() -> None:
    behind = paced([Step(0, 100), Step(60, 6100)], counted=Counted.INDEX_BEHIND)
    assert behind == Pace()
    told = paced([Step(0, 100), Step(60, 6100)], counted=Counted.INDEX_BEHIND, rate_in=2.0, rate_out=10.0)
    assert (told.published, told.handled, told.falls) == (2.0, 10.0, 8.0)


@pytest.mark.parametrize(
    ("counted", "events"), [(Counted.STORE, 13), (Counted.INDEX, 13), (Counted.INDEX_BEHIND, None), (Counted.ENTRIES, None)]
)
def test_the_events_of_a_topic_are_kept_only_where_the_index_knows_all(counted: Counted, events: int | None) -> None:
    there = replace(backlog(), counted=counted)
    assert next_steps(there, ())[-1].events == events
    assert look_at(there).events == events
