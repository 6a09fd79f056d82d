"""What waits without a consumer being to blame: delayed events, an open transaction, and cursors that are the store's own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventstore.model.events import Topic
from eventstore.model.subscriptions import (
    ConnectedConsumer,
    Cursor,
    OpenTransaction,
    Subscription,
    SubscriptionCapabilities,
    SubscriptionKind,
    SubscriptionType,
)
from eventstore.subscriptions.backlog import Backlog, backlog_of
from eventstore.subscriptions.state import State
from tests.indexing import event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

LIMIT = timedelta(minutes=2)
LONG_AGO = datetime(2024, 5, 1, tzinfo=UTC)
SOON = datetime(2030, 1, 1, tzinfo=UTC)
BROKER = SubscriptionCapabilities(backlog_unit="entries", reset_disconnects=True, lists_consumers=True)


def judged(
    cursor: Cursor, *, kind: SubscriptionKind = SubscriptionKind.SERVICE, name: str = "mailer", events: int = 10
) -> Backlog:
    index([event(number) for number in range(events)], topic=Topic(name="patients", partitions=1), caught_up=True)
    return backlog_of(replace(connected([cursor]), name=name, kind=kind), BROKER, LIMIT)


def connected(cursors: Sequence[Cursor]) -> Subscription:
    consumers = [ConnectedConsumer(name="worker-1")]
    return Subscription(topic="patients", name="mailer", type=SubscriptionType.SHARED, cursors=cursors, consumers=consumers)


def waiting(acknowledged: int, backlog: int, *, delayed: int = 0, due: Mapping[int, datetime] | None = None) -> Cursor:
    times = {place(number): when for number, when in (due or {}).items()}
    at = place(acknowledged)
    return Cursor(partition=0, acknowledged=at, backlog=backlog, moved=LONG_AGO, delayed=delayed, due=times)


def test_the_same_events_without_a_reason_make_it_stuck() -> None:
    assert judged(waiting(6, 3)).state is State.STUCK


@pytest.mark.parametrize("name", ["__compaction", "pulsar.repl.b"])
def test_a_cursor_of_the_stores_own_is_never_stuck(name: str) -> None:
    found = judged(waiting(6, 3), kind=SubscriptionKind.COMPACTION, name=name)
    assert (found.state, found.waiting, found.stuck_since) == (State.STORES_OWN, 3, None)


def test_a_functions_subscription_is_judged_as_any_services() -> None:
    assert judged(waiting(6, 3), kind=SubscriptionKind.FUNCTION).state is State.STUCK


def test_where_only_delayed_events_wait_it_is_delayed_until_the_first_of_them_is_due() -> None:
    found = judged(waiting(6, 3, delayed=3, due={7: SOON + timedelta(hours=1), 8: SOON, 9: SOON + timedelta(hours=2)}))
    assert (found.state, found.delayed_until, found.waiting) == (State.DELAYED, SOON, 3)


def test_it_is_delayed_too_where_the_store_told_no_times() -> None:
    found = judged(waiting(6, 3, delayed=3))
    assert (found.state, found.delayed_until) == (State.DELAYED, None)


def test_a_due_event_behind_a_delayed_one_makes_it_stuck() -> None:
    assert judged(waiting(6, 3, delayed=1, due={7: SOON})).state is State.STUCK


def test_a_due_event_that_came_just_now_does_not_make_the_delayed_one_before_it_stuck() -> None:
    events = [event(number) for number in range(8)] + [event(8, published=datetime.now(UTC))]
    index(events, topic=Topic(name="patients", partitions=1), caught_up=True)
    cursor = waiting(6, 2, delayed=1, due={7: SOON})
    assert backlog_of(connected([cursor]), BROKER, LIMIT).state is State.CATCHING_UP


def test_where_more_is_delayed_than_the_times_are_known_of_nothing_is_called_stuck() -> None:
    assert judged(waiting(2, 7, delayed=5, due={3: SOON, 4: SOON})).state is State.CATCHING_UP


def test_a_subscription_behind_an_open_transaction_is_held_back_since_then() -> None:
    cursor = Cursor(partition=0, acknowledged=place(9), backlog=2, behind=OpenTransaction(since=LONG_AGO))
    found = judged(cursor)
    assert (found.state, found.held_since, found.waiting, found.entries) == (State.HELD_BACK, LONG_AGO, 0, 2)


def test_stuck_in_one_partition_goes_before_held_back_in_another() -> None:
    index([event(number) for number in range(10)], topic=Topic(name="patients", partitions=2), caught_up=True)
    behind = Cursor(partition=1, acknowledged=None, backlog=1, behind=OpenTransaction(since=LONG_AGO))
    found = backlog_of(connected([waiting(6, 3), behind]), BROKER, LIMIT)
    assert (found.state, found.held_since) == (State.STUCK, None)
