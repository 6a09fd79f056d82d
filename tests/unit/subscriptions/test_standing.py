"""Since when a cursor stands: only what has certainly stood for long enough is called stuck."""

from datetime import UTC, datetime, timedelta

import pytest

from eventstore.model.events import Topic
from eventstore.model.subscriptions import (
    ConnectedConsumer,
    Cursor,
    Subscription,
    SubscriptionCapabilities,
    SubscriptionType,
)
from eventstore.subscriptions.backlog import Backlog, backlog_of
from eventstore.subscriptions.samples import NOTHING_SEEN, Samples, Seen, Standing
from eventstore.subscriptions.state import State
from tests.indexing import event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

LIMIT = timedelta(minutes=2)
LONG_AGO = datetime(2025, 5, 1, tzinfo=UTC)
BROKER = SubscriptionCapabilities(backlog_unit="entries", reset_disconnects=True, lists_consumers=True)


def judged(*, moved: datetime | None = None, placed: datetime | None = None, seen: Seen = NOTHING_SEEN) -> Backlog:
    """A cursor behind which events of long ago wait."""
    index([event(number) for number in range(3)], topic=Topic(name="patients"))
    cursor = Cursor(partition=0, acknowledged=place(0), backlog=2, moved=moved, placed=placed)
    consumers = [ConnectedConsumer(name="worker-1")]
    kind = SubscriptionType.SHARED
    asked = Subscription(topic="patients", name="mailer", type=kind, cursors=[cursor], consumers=consumers)
    return backlog_of(asked, BROKER, LIMIT, seen)


def now() -> datetime:
    """This moment. A constant would be as old as the run, in which other tests may have taken minutes."""
    return datetime.now(UTC)


def standing(since: datetime, *, moved: bool) -> Seen:
    return Seen(standing={0: Standing(since=since, moved=moved)})


def test_one_that_was_made_just_now_is_not_stuck_however_old_the_events_are_at_which_it_begins() -> None:
    assert judged(placed=now()).state is State.CATCHING_UP


def test_one_that_was_made_or_loaded_long_ago_and_has_not_moved_since_is_stuck_at_the_first_look() -> None:
    found = judged(placed=LONG_AGO, seen=standing(now(), moved=False))
    assert (found.state, found.stuck_since) == (State.STUCK, LONG_AGO)


def test_where_the_store_tells_neither_one_look_is_too_short_an_observation() -> None:
    assert judged(seen=standing(now(), moved=False)).state is State.CATCHING_UP
    found = judged(seen=standing(LONG_AGO, moved=False))
    assert (found.state, found.stuck_since) == (State.STUCK, LONG_AGO)


def test_one_that_this_process_saw_move_is_not_stuck_though_the_clock_of_the_store_is_behind() -> None:
    assert judged(moved=LONG_AGO, seen=standing(now(), moved=True)).state is State.CATCHING_UP


def test_one_that_this_process_looks_at_for_the_first_time_is_judged_by_what_the_store_tells() -> None:
    assert judged(moved=LONG_AGO, seen=standing(now(), moved=False)).state is State.STUCK


def test_a_consumer_that_came_just_now_is_not_stuck_at_what_waited_before_it_unless_it_comes_and_goes() -> None:
    index([event(number) for number in range(3)], topic=Topic(name="patients"))

    def state(connected: datetime | None, attended: datetime | None = None) -> State:
        cursor = Cursor(partition=0, acknowledged=place(0), backlog=2, moved=LONG_AGO)
        consumers = [ConnectedConsumer(name="worker-1", connected_since=connected)]
        kind = SubscriptionType.SHARED
        asked = Subscription(topic="patients", name="mailer", type=kind, cursors=[cursor], consumers=consumers)
        seen = Seen(standing={0: Standing(since=LONG_AGO, moved=False, attended=attended)})
        return backlog_of(asked, BROKER, LIMIT, seen).state

    assert state(connected=LONG_AGO) is State.STUCK
    assert state(connected=now()) is State.CATCHING_UP
    assert state(connected=now(), attended=LONG_AGO) is State.STUCK
    assert state(connected=LONG_AGO, attended=now()) is State.STUCK, "the store knows more"
    assert state(connected=None) is State.STUCK


def test_the_first_consumer_while_a_cursor_stands_is_kept_however_often_others_follow() -> None:
    samples, minutes = Samples(), [LONG_AGO + timedelta(minutes=minute) for minute in range(5)]
    found = []
    for at, minute, connected in ((1, 0, None), (1, 1, 1), (1, 2, None), (1, 3, 3), (2, 4, 3)):
        consumers = [ConnectedConsumer(name="w", connected_since=minutes[connected])] if connected is not None else []
        cursor = Cursor(partition=0, acknowledged=place(at), backlog=9)
        looked_at = Subscription(
            topic="patients", name="mailer", type=SubscriptionType.SHARED, cursors=[cursor], consumers=consumers
        )
        found.append(samples.see(looked_at, minutes[minute]).standing[0].attended)
    assert found == [None, minutes[1], minutes[1], minutes[1], minutes[3]], "it has moved: who is there now counts"


def test_a_cursor_stands_since_the_last_look_that_found_it_elsewhere() -> None:
    samples, minutes = Samples(), [LONG_AGO + timedelta(minutes=minute) for minute in range(5)]
    found = []
    for at, minute in zip((1, 1, 4, 4, 4), minutes, strict=True):
        cursor = Cursor(partition=0, acknowledged=place(at), backlog=9)
        looked_at = Subscription(topic="patients", name="mailer", type=SubscriptionType.SHARED, cursors=[cursor])
        found.append(samples.see(looked_at, minute).standing[0])
    first, moved = Standing(since=minutes[0], moved=False), Standing(since=minutes[1], moved=True)
    assert found == [first, first, moved, moved, moved]


@pytest.mark.parametrize(("held", "state"), [(0, State.CATCHING_UP), (1, State.STUCK), (None, State.STUCK)])
def test_a_consumer_is_not_stuck_in_a_partition_that_it_has_not_come_to_while_another_one_moves(
    held: int | None, state: State
) -> None:
    for partition in (0, 1):
        events = [event(number, partition=partition) for number in range(3)]
        index(events, topic=Topic(name="patients", partitions=2), partition=partition)
    first = Cursor(partition=0, acknowledged=place(0), backlog=2, moved=LONG_AGO, held=held)

    def beside(moved: datetime) -> State:
        other = Cursor(partition=1, acknowledged=place(0, partition=1), backlog=2, moved=moved)
        consumers = [ConnectedConsumer(name="worker-1")]
        asked = Subscription(
            topic="patients", name="mailer", type=SubscriptionType.SHARED, cursors=[first, other], consumers=consumers
        )
        return backlog_of(asked, BROKER, LIMIT).state

    assert beside(now()) is state
    assert beside(LONG_AGO) is State.STUCK, "it works nowhere"
