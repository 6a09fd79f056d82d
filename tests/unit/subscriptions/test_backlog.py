"""How far behind a subscription is, in events, how sure that is, and which state it amounts to."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from eventstore.index.models import IndexedPartition
from eventstore.model.events import Position, Topic
from eventstore.model.subscriptions import (
    ConnectedConsumer,
    Cursor,
    Subscription,
    SubscriptionCapabilities,
    SubscriptionType,
)
from eventstore.model.tokens import AFTER_ALL, encode
from eventstore.subscriptions.backlog import Backlog, Counted, backlog_of
from eventstore.subscriptions.state import State
from eventstore.subscriptions.waiting import first_waiting
from tests.indexing import event, index, place

pytestmark = pytest.mark.usefixtures("desk_databases")

LIMIT = timedelta(minutes=2)
LONG_AGO = datetime(2024, 5, 1, tzinfo=UTC)
EXACT = SubscriptionCapabilities(backlog_unit="events", reset_disconnects=False, lists_consumers=True)
BROKER = SubscriptionCapabilities(backlog_unit="entries", reset_disconnects=True, lists_consumers=True)
PATIENTS = Topic(name="patients", partitions=2)


def subscription(*cursors: Cursor, name: str = "mailer", topic: str = "patients") -> Subscription:
    consumers = [ConnectedConsumer(name="worker-1")]
    return Subscription(topic=topic, name=name, type=SubscriptionType.SHARED, cursors=cursors, consumers=consumers)


def cursor(
    acknowledged: int | None,
    backlog: int,
    *,
    partition: int = 0,
    holes: Sequence[tuple[int, int]] = (),
    moved: datetime | None = LONG_AGO,
) -> Cursor:
    def at(number: int) -> Position:
        return place(number, partition=partition)

    return Cursor(
        partition=partition,
        acknowledged=None if acknowledged is None else at(acknowledged),
        backlog=backlog,
        holes=[(at(start), at(end)) for start, end in holes],
        moved=moved,
    )


def queries_for(ask: Callable[[], object]) -> int:
    """How many times the index is asked for it."""
    with CaptureQueriesContext(connections["index"]) as captured:
        ask()
    return len(captured)


def counted(found: Backlog) -> tuple[int, Counted]:
    return found.waiting, found.counted


def indexed(count: int, *, partition: int = 0, caught_up: bool = True) -> None:
    index(
        [event(number, partition=partition) for number in range(count)],
        topic=PATIENTS,
        partition=partition,
        caught_up=caught_up,
    )


def test_a_store_that_counts_events_is_believed_and_no_entries_stand_beside_it() -> None:
    found = backlog_of(subscription(cursor(3, 6), cursor(None, 2, partition=1)), EXACT, LIMIT)
    assert counted(found) == (8, Counted.STORE)
    assert found.entries is None


def test_where_the_index_knows_nothing_of_the_topic_the_brokers_entries_are_shown_as_such() -> None:
    found = backlog_of(subscription(cursor(3, 6)), BROKER, LIMIT)
    assert counted(found) == (6, Counted.ENTRIES)
    assert (found.entries, found.oldest, found.oldest_position) == (6, None, None)


def test_one_partition_that_the_index_does_not_know_makes_it_entries_altogether() -> None:
    indexed(10)
    found = backlog_of(subscription(cursor(3, 2), cursor(None, 5, partition=1)), BROKER, LIMIT)
    assert counted(found) == (7, Counted.ENTRIES)


def test_an_entry_count_below_nothing_is_shown_as_nothing() -> None:
    """A broker has been seen to say so after faults."""
    assert backlog_of(subscription(cursor(3, -4)), BROKER, LIMIT).waiting == 0


def test_events_are_counted_by_ordinals_behind_the_cursors_of_all_partitions() -> None:
    indexed(10)
    indexed(4, partition=1)
    found = backlog_of(subscription(cursor(6, 1), cursor(None, 1, partition=1)), BROKER, LIMIT)
    assert counted(found) == (3 + 4, Counted.INDEX)
    assert found.entries == 2


def test_what_is_acknowledged_beyond_the_cursor_does_not_wait() -> None:
    indexed(10)
    found = backlog_of(subscription(cursor(2, 4, holes=[(3, 5), (7, 8)])), BROKER, LIMIT)
    assert counted(found) == (10 - 3 - 2 - 1, Counted.INDEX)


def test_a_cursor_that_names_a_whole_batch_has_acknowledged_all_of_it() -> None:
    """Three events in one entry, then one more entry."""
    indexed(1)
    whole = Position(topic="patients", partition=0, token=encode(7, 0) + AFTER_ALL)
    found = backlog_of(subscription(Cursor(partition=0, acknowledged=whole, backlog=0)), BROKER, LIMIT)
    assert found.waiting == 0


def test_a_cursor_beyond_what_is_indexed_waits_for_nothing_that_the_index_knows() -> None:
    indexed(3)
    assert backlog_of(subscription(cursor(9, 0)), BROKER, LIMIT).waiting == 0


@pytest.mark.parametrize("late", [None, timedelta(minutes=5)])
def test_an_index_that_is_behind_says_at_least(late: timedelta | None) -> None:
    indexed(10, caught_up=False)
    if late is not None:
        IndexedPartition.objects.using("index").update(caught_up_at=datetime.now(UTC) - late)
    assert counted(backlog_of(subscription(cursor(6, 1)), BROKER, LIMIT)) == (3, Counted.INDEX_BEHIND)


def test_a_subscription_past_an_index_that_is_behind_is_not_called_healthy_while_the_broker_has_entries_for_it() -> None:
    indexed(3, caught_up=False)
    found = backlog_of(subscription(cursor(9, 500)), BROKER, LIMIT)
    assert counted(found) == (500, Counted.INDEX_BEHIND)
    assert found.state is not State.HEALTHY


def test_one_partition_behind_makes_the_whole_figure_an_at_least() -> None:
    indexed(10)
    indexed(4, partition=1, caught_up=False)
    found = backlog_of(subscription(cursor(9, 0), cursor(0, 1, partition=1)), BROKER, LIMIT)
    assert counted(found) == (3, Counted.INDEX_BEHIND)


@pytest.mark.parametrize("capabilities", [EXACT, BROKER])
def test_the_oldest_waiting_event_is_the_earliest_behind_any_cursor(capabilities: SubscriptionCapabilities) -> None:
    indexed(10)
    indexed(4, partition=1)
    found = backlog_of(subscription(cursor(6, 3), cursor(1, 2, partition=1)), capabilities, LIMIT)
    assert found.oldest_position == place(2, partition=1)
    assert found.oldest == event(2).message.published


def test_the_oldest_waiting_event_is_behind_what_was_acknowledged_beyond_the_cursor_without_a_gap() -> None:
    indexed(10)
    found = backlog_of(subscription(cursor(2, 4, holes=[(2, 4), (6, 8)])), BROKER, LIMIT)
    assert found.oldest_position == place(5)


def test_with_nothing_acknowledged_the_oldest_waiting_event_is_the_first() -> None:
    indexed(3)
    assert backlog_of(subscription(cursor(None, 3)), BROKER, LIMIT).oldest_position == place(0)


def test_without_a_backlog_there_is_no_oldest_waiting_event() -> None:
    indexed(3)
    found = backlog_of(subscription(cursor(2, 0)), BROKER, LIMIT)
    assert (found.waiting, found.oldest, found.state) == (0, None, State.IDLE)


def test_a_subscription_that_stands_while_events_wait_is_stuck() -> None:
    indexed(10)
    assert backlog_of(subscription(cursor(6, 3)), BROKER, LIMIT).state is State.STUCK


def test_one_that_moved_a_moment_ago_is_catching_up_however_old_its_events_are() -> None:
    indexed(10)
    found = backlog_of(subscription(cursor(6, 3, moved=datetime.now(UTC))), BROKER, LIMIT)
    assert found.state is State.CATCHING_UP


def test_one_whose_event_came_just_now_is_catching_up_however_long_it_stood_idle_before() -> None:
    index([event(0), event(1, published=datetime.now(UTC))], topic=PATIENTS)
    assert backlog_of(subscription(cursor(0, 1)), BROKER, LIMIT).state is State.CATCHING_UP


def test_one_partition_that_stands_is_enough_however_fast_the_others_move() -> None:
    indexed(10)
    indexed(10, partition=1)
    stuck = cursor(2, 7)
    moving = cursor(6, 3, partition=1, moved=datetime.now(UTC))
    found = backlog_of(subscription(stuck, moving), BROKER, LIMIT)
    assert found.state is State.STUCK
    assert found.stuck_partitions == {0}


def test_one_that_has_never_moved_is_stuck_once_its_oldest_event_is_old() -> None:
    indexed(3)
    never = replace(cursor(None, 3, moved=None), placed=LONG_AGO)
    assert backlog_of(subscription(never), BROKER, LIMIT).state is State.STUCK


def test_one_that_has_never_moved_and_whose_events_nobody_knows_is_not_called_stuck() -> None:
    assert backlog_of(subscription(cursor(None, 3, moved=None)), BROKER, LIMIT).state is State.CATCHING_UP


@pytest.mark.parametrize("capabilities", [EXACT, BROKER])
def test_one_that_was_idle_for_hours_is_not_stuck_by_an_event_that_the_index_does_not_know_yet(
    capabilities: SubscriptionCapabilities,
) -> None:
    indexed(3, caught_up=False)
    found = backlog_of(subscription(cursor(2, 1)), capabilities, LIMIT)
    assert (found.waiting, found.state) == (1, State.CATCHING_UP)
    assert (found.stuck_since, found.stuck_partitions) == (None, frozenset())


def test_where_the_index_does_not_follow_the_topic_nobody_knows_how_long_events_wait_and_none_is_called_stuck() -> None:
    assert backlog_of(subscription(cursor(None, 3)), BROKER, LIMIT).state is State.CATCHING_UP


def test_a_partition_that_the_index_does_not_know_hides_no_other_that_is_stuck() -> None:
    indexed(10)
    found = backlog_of(subscription(cursor(6, 3), cursor(None, 5, partition=1)), BROKER, LIMIT)
    assert (found.state, found.stuck_partitions) == (State.STUCK, frozenset({0}))


@pytest.mark.parametrize("capabilities", [EXACT, BROKER])
def test_thousands_of_acknowledged_ranges_cost_no_more_queries_than_one(capabilities: SubscriptionCapabilities) -> None:
    indexed(2_000)
    one = subscription(cursor(2, 1_996, holes=[(3, 4)]))
    many = subscription(cursor(2, 998, holes=[(number, number + 1) for number in range(3, 1_999, 2)]))
    assert queries_for(partial(backlog_of, many, capabilities, LIMIT)) == queries_for(
        partial(backlog_of, one, capabilities, LIMIT)
    )
    assert queries_for(partial(first_waiting, many, 10)) == queries_for(partial(first_waiting, one, 10))
    assert backlog_of(many, BROKER, LIMIT).waiting == 1_997 - 998


@pytest.mark.parametrize("seed", range(5))
def test_what_waits_is_what_lies_in_no_acknowledged_range(seed: int) -> None:
    """Against a plain count, with ranges that touch, that name places between events, that lie beyond the index."""
    chance = random.Random(seed)
    index([event(number) for number in range(0, 60, 2)], topic=PATIENTS)
    stands = chance.choice([None, chance.randrange(20)])
    starts = [chance.randrange(stands or 0, 70) for _ in range(chance.randrange(8))]
    edges = sorted(starts + [start + chance.randrange(1, 9) for start in starts])
    holes = list(zip(edges[::2], edges[1::2], strict=True))
    waits = [
        place(number)
        for number in range(0, 60, 2)
        if number > (-1 if stands is None else stands) and not any(start < number <= end for start, end in holes)
    ]
    asked = subscription(cursor(stands, 1, holes=holes))
    found = backlog_of(asked, BROKER, LIMIT)
    assert found.waiting == len(waits)
    assert found.oldest_position == (waits[0] if waits else None)
    assert [pointer.position for pointer in first_waiting(asked, 100)] == waits


def test_a_subscription_that_nobody_ever_acknowledges_is_a_phantom_and_no_alarm() -> None:
    indexed(10)
    found = backlog_of(subscription(cursor(None, 10), name="liiklus-end-offsets-reader"), BROKER, LIMIT)
    assert found.state is State.PHANTOM


def test_a_subscription_of_no_partitions_waits_for_nothing() -> None:
    assert backlog_of(subscription(), BROKER, LIMIT).waiting == 0


def test_of_the_first_waiting_events_the_next_of_each_partition_comes_first() -> None:
    indexed(6)
    indexed(6, partition=1)
    waiting = first_waiting(subscription(cursor(3, 2), cursor(2, 3, partition=1)), 4)
    assert [pointer.position for pointer in waiting] == [
        place(3, partition=1),
        place(4),
        place(4, partition=1),
        place(5),
    ]


def test_what_is_acknowledged_beyond_the_cursor_is_not_among_the_first_waiting() -> None:
    indexed(40)
    waiting = first_waiting(subscription(cursor(2, 8, holes=[(3, 30), (31, 32)])), 3)
    assert [pointer.position for pointer in waiting] == [place(3), place(31), place(33)]


def test_where_nothing_waits_or_nothing_is_indexed_there_are_no_first_waiting_events() -> None:
    assert first_waiting(subscription(cursor(2, 3)), 10) == []
    indexed(3)
    assert first_waiting(subscription(cursor(2, 0)), 10) == []
