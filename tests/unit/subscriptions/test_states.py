"""Which one word a subscription gets, by what evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.model.events import Position
from eventstore.model.subscriptions import ConnectedConsumer, Cursor, Subscription, SubscriptionType
from eventstore.subscriptions.past import grows
from eventstore.subscriptions.samples import Samples, Seen
from eventstore.subscriptions.state import Signs, State, judge
from tests.indexing import place

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=2)
LATELY, LONG_AGO = NOON - timedelta(seconds=10), NOON - timedelta(hours=3)
WORKER = ConnectedConsumer(name="worker-1")
CURSOR = Cursor(partition=0, acknowledged=place(5), backlog=0, moved=LATELY)
WORKS = Subscription(
    topic="patients", name="app", type=SubscriptionType.SHARED, cursors=[CURSOR], consumers=[WORKER], acked=LATELY
)
SIGNS = Signs(now=NOON, limit=LIMIT, waiting=0, oldest=None, stands=False, lists_consumers=True)
WAITING = replace(SIGNS, waiting=7, oldest=LONG_AGO)
STANDING = replace(WAITING, stands=True)


def test_with_nothing_waiting_it_is_healthy_if_something_was_handled_lately_and_idle_if_not() -> None:
    quiet = replace(WORKS, cursors=[replace(CURSOR, moved=LONG_AGO)], acked=LONG_AGO)
    assert judge(WORKS, SIGNS) is State.HEALTHY
    assert judge(quiet, SIGNS) is State.IDLE
    assert judge(replace(quiet, consumers=()), SIGNS) is State.IDLE, "nobody misses a consumer while nothing waits"


@pytest.mark.parametrize(
    ("grows", "rates", "state"),
    [
        (True, (None, None), State.SLOW),
        (False, (9.0, 1.0), State.CATCHING_UP),
        (None, (9.0, 1.0), State.SLOW),
        (None, (9.0, 9.0), State.CATCHING_UP),
        (None, (9.0, 0.0), State.CATCHING_UP),
        (None, (None, None), State.CATCHING_UP),
    ],
)
def test_slow_is_one_that_moves_while_old_events_wait_and_more_and_more_do(
    grows: bool | None, rates: tuple[float | None, float | None], state: State
) -> None:
    """What was watched counts before the store's rates, which are of the last minute; without either nothing is slow."""
    subscription = replace(WORKS, rate_in=rates[0], rate_out=rates[1])
    assert judge(subscription, replace(WAITING, grows=grows)) is state
    assert judge(subscription, replace(WAITING, grows=grows, oldest=LATELY)) is State.CATCHING_UP


def test_what_is_delivered_again_is_no_progress() -> None:
    assert judge(replace(WORKS, rate_in=5.0, rate_out=6.0, rate_redelivered=4.0), WAITING) is State.SLOW


def test_one_that_stands_is_stuck_or_blocked_if_its_consumers_hold_too_much_or_has_no_consumers() -> None:
    assert judge(WORKS, STANDING) is State.STUCK
    assert judge(replace(WORKS, blocked=True), STANDING) is State.BLOCKED
    assert judge(replace(WORKS, consumers=[replace(WORKER, blocked=True)]), STANDING) is State.BLOCKED
    assert judge(replace(WORKS, consumers=[replace(WORKER, blocked=True), WORKER]), STANDING) is State.STUCK
    assert judge(replace(WORKS, blocked=True), WAITING) is State.CATCHING_UP, "a fast consumer reaches the limit, too"
    assert judge(replace(WORKS, consumers=()), STANDING) is State.NO_CONSUMERS


def test_without_a_consumer_it_has_none_as_soon_as_anything_waits() -> None:
    assert judge(replace(WORKS, consumers=()), WAITING) is State.NO_CONSUMERS
    unlisted = replace(WAITING, lists_consumers=False)
    assert judge(replace(WORKS, consumers=()), unlisted) is State.CATCHING_UP, "where the store lists none, nobody knows"


def test_a_phantom_is_one_that_nobody_ever_acknowledged_and_that_nobody_reads() -> None:
    never = replace(WORKS, cursors=[Cursor(partition=0, acknowledged=None, backlog=7)], consumers=(), acked=None)
    assert judge(never, STANDING) is State.PHANTOM
    assert judge(never, WAITING) is State.NO_CONSUMERS, "made a moment ago"
    assert judge(replace(never, consumers=[WORKER]), STANDING) is State.STUCK
    assert judge(replace(never, delivered=LONG_AGO), STANDING) is State.NO_CONSUMERS, "somebody was given something"
    assert judge(replace(never, acked=LONG_AGO), STANDING) is State.NO_CONSUMERS
    assert judge(replace(WORKS, name="liiklus-end-offsets-reader"), WAITING) is State.PHANTOM


def test_external_positions_are_declared_and_go_before_all_that_the_cursor_seems_to_say() -> None:
    assert judge(replace(WORKS, consumers=()), replace(STANDING, external=True)) is State.EXTERNAL


def test_trimmed_past_its_cursor_lasts_until_something_is_acknowledged() -> None:
    assert judge(WORKS, replace(SIGNS, passed_over=NOON)) is State.TRIMMED
    assert judge(replace(WORKS, acked=NOON), replace(SIGNS, passed_over=LATELY)) is State.HEALTHY


class Watched:
    """Looks at one subscription once a minute, with samples of its own."""

    def __init__(self) -> None:
        self.samples, self.minute = Samples(), 0

    def look(
        self,
        at: int,
        backlog: int,
        *,
        start: int = -1,
        out: int = 100,
        added: int = 500,
        attended: bool = False,
        expired: int = 0,
    ) -> Seen:
        self.minute += 1
        cursor = Cursor(partition=0, acknowledged=place(at), backlog=backlog, counters=(added, out), start=beginning(start))
        consumers = [WORKER] if attended else []
        subscription = replace(WORKS, cursors=[cursor], consumers=consumers, expired=expired)
        return self.samples.see(subscription, NOON + timedelta(minutes=self.minute))


def grew(seen: Seen, watched: Watched) -> bool | None:
    return grows(seen.past, LIMIT, NOON + timedelta(minutes=watched.minute))


def beginning(number: int) -> Position | None:
    return place(number) if number >= 0 else None


def test_events_that_were_trimmed_before_anybody_was_given_them_are_noticed() -> None:
    watched = Watched()
    watched.look(5, 20, start=0)
    assert watched.look(5, 20, start=0).past.passed_over is None
    assert watched.look(15, 10, start=15).past.passed_over == NOON + timedelta(minutes=3)
    assert watched.look(15, 10, start=15).past.passed_over == NOON + timedelta(minutes=3), "kept"


def test_a_cursor_that_was_moved_on_or_handled_events_has_lost_none_to_trimming() -> None:
    for given in ({"start": 0}, {"start": 15, "out": 110}, {"start": 15, "attended": True}, {"start": 15, "out": 0}):
        watched = Watched()
        watched.look(5, 20, start=0)
        assert watched.look(15, 10, **given).past.passed_over is None, given  # type: ignore[arg-type]


def test_expired_events_are_noticed_whoever_is_connected() -> None:
    watched = Watched()
    watched.look(5, 20, attended=True, expired=3)
    assert watched.look(5, 20, attended=True, expired=3).past.passed_over is None
    assert watched.look(9, 16, attended=True, expired=7).past.passed_over == NOON + timedelta(minutes=3)


def test_a_backlog_grows_if_it_is_larger_than_two_minutes_ago_whatever_it_did_in_between() -> None:
    watched = Watched()
    assert [grew(watched.look(1, backlog), watched) for backlog in (10, 90, 20, 80, 5)] == [None, None, True, False, False]


def test_what_is_kept_of_a_backlog_is_bounded_however_often_it_is_looked_at() -> None:
    samples = Samples()
    for second in range(1_000):
        cursor = replace(CURSOR, backlog=second)
        seen = samples.see(replace(WORKS, cursors=[cursor]), NOON + timedelta(seconds=second))
    assert grows(seen.past, LIMIT, NOON + timedelta(seconds=999))
    assert len(seen.past.backlogs) <= 7
