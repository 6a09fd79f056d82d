"""Each way to skip is worked out as places, so that exactly the events that are listed are skipped."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstore.actions import Ending, Running, subscription_resource
from eventstore.cursors import (
    CLEAR,
    EXPIRE,
    RESET_CURSOR,
    SKIP_BEFORE,
    SKIP_COUNT,
    SKIP_EVENT,
    UNDO_MOVE,
    Count,
    MovePlan,
    as_acknowledged,
    taken_by,
    undone_of,
)
from eventstore.drivers.database.positions import position_of
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import IndexedPartition
from eventstore.model.cursor_moves import MOVED_BACK
from eventstore.model.errors import InvalidPosition, NothingToMove
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Subscription
from tests.unit.cursors.standing import NAME, SHARED, TOPIC, handle, index_all, published

pytestmark = pytest.mark.usefixtures("desk_databases")

MAILER = subscription_resource(TOPIC, NAME)


@pytest.fixture
def storage() -> Iterator[DatabaseStorage]:
    opened = DatabaseStorage()
    yield opened
    opened.close()


def planned(storage: DatabaseStorage, action: Any, aim: Any) -> MovePlan:
    plan = action.plan(storage, MAILER, aim)
    assert isinstance(plan, MovePlan)
    return plan


def left(storage: DatabaseStorage) -> list[Position]:
    """What the subscription's consumers are still given."""
    with storage.subscriptions.consume(TOPIC, NAME, type=SHARED, consumer="later") as consumer:
        return sorted((message.position for message in consumer.receive(limit=100, timeout=0)), key=lambda at: at.token)


def carried_out(storage: DatabaseStorage, action: Any, aim: Any) -> MovePlan:
    plan = planned(storage, action, aim)
    action.execute(storage, plan, Running(lease=None))
    return plan


def test_the_next_event_is_skipped_and_nothing_else(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    handle(storage, [positions[0], positions[3]])
    plan = carried_out(storage, SKIP_EVENT, positions[1])
    assert (plan.passed_over, plan.again, plan.alone) == (1, 0, False)
    assert left(storage) == [positions[2], positions[4], positions[5]]


def test_an_event_behind_others_that_wait_is_skipped_alone(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    plan = carried_out(storage, SKIP_EVENT, positions[3])
    assert (plan.passed_over, plan.alone) == (1, True)
    assert left(storage) == [*positions[:3], *positions[4:]]


@pytest.mark.parametrize(("count", "skipped"), [(1, 1), (3, 3), (4, 4), (99, 4)])
def test_so_many_are_counted_by_what_waits(storage: DatabaseStorage, count: int, skipped: int) -> None:
    positions = published(storage, 6)
    handle(storage, [positions[0], positions[3]])
    waiting = [positions[1], positions[2], positions[4], positions[5]]
    plan = carried_out(storage, SKIP_COUNT, Count(events=count))
    assert plan.passed_over == skipped
    assert left(storage) == waiting[skipped:]


def test_with_several_partitions_a_number_says_of_which(storage: DatabaseStorage) -> None:
    positions = published(storage, 30, partitions=3)
    with pytest.raises(NothingToMove, match="Say in which one"):
        planned(storage, SKIP_COUNT, Count(events=1))
    plan = carried_out(storage, SKIP_COUNT, Count(events=2, partition=1))
    of_one = [at for at in positions if at.partition == 1]
    assert [move.partition for move in plan.moves] == [1]
    assert len(left(storage)) == 28
    assert plan.ends()[1] == of_one[1]


def test_everything_before_an_event_is_skipped_and_the_event_is_next(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    handle(storage, [positions[1], positions[5]])
    plan = carried_out(storage, SKIP_BEFORE, positions[3])
    assert plan.passed_over == 2
    assert left(storage) == [positions[3], positions[4]], "what is acknowledged beyond stays so"


def test_a_cleared_backlog_loses_what_the_preview_counted_and_nothing_that_came_since(storage: DatabaseStorage) -> None:
    published(storage, 20, partitions=3)
    preview = planned(storage, CLEAR, None)
    assert preview.passed_over == 20
    later = storage.log.append(TOPIC, [NewMessage(payload=b"{}", key=f"k{number}") for number in range(3)])
    index_all(storage)
    plan = carried_out(storage, CLEAR, preview.ends_aimed)
    assert plan.confirmed_by(preview.digest)
    assert plan.passed_over == 20
    assert set(left(storage)) == set(later)


def test_progress_of_consumers_leaves_the_confirmation_of_a_cleared_backlog_good(storage: DatabaseStorage) -> None:
    positions = published(storage, 20, partitions=3)
    preview = planned(storage, CLEAR, None)
    handle(storage, [at for at in positions if at.partition == 0])
    plan = planned(storage, CLEAR, preview.ends_aimed)
    assert plan.confirmed_by(preview.digest)
    assert {move.partition for move in plan.moves} == {1, 2}, "nothing is left to do in the other one"


@pytest.mark.parametrize(("action", "aim"), [(SKIP_BEFORE, 5), (RESET_CURSOR, 5), (RESET_CURSOR, Edge.LATEST)])
def test_a_cursor_that_was_moved_back_elsewhere_makes_the_confirmation_stale(
    storage: DatabaseStorage, action: Any, aim: int | Edge
) -> None:
    positions = published(storage, 6)
    target = positions[aim] if isinstance(aim, int) else aim
    handle(storage, positions[:3])
    preview = planned(storage, action, target)
    storage.subscriptions.reset_cursor(TOPIC, NAME, {0: positions[1]})
    assert not planned(storage, action, target).confirmed_by(preview.digest)
    handle(storage, positions[1:4])
    assert planned(storage, action, target).confirmed_by(preview.digest), "they have caught up, and more"


def test_of_a_skip_nothing_is_done_where_the_cursor_was_moved_back_since_the_plan(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    handle(storage, positions[:3])
    plan, act = planned(storage, SKIP_BEFORE, positions[5]), Running(lease=None)
    storage.subscriptions.reset_cursor(TOPIC, NAME, {0: positions[1]})
    SKIP_BEFORE.execute(storage, plan, act)
    assert [(part.ending, part.reason) for part in act.parts] == [(Ending.FAILED, MOVED_BACK)]
    assert left(storage) == positions[1:]


@pytest.mark.parametrize(("action", "aim"), [(CLEAR, None), (RESET_CURSOR, Edge.LATEST)])
def test_what_consumers_handle_between_the_plan_and_the_move_is_neither_lost_nor_given_again(
    storage: DatabaseStorage, action: Any, aim: Any
) -> None:
    positions = published(storage, 6)
    plan, act = planned(storage, action, aim), Running(lease=None)
    handle(storage, [*positions[:2], positions[3]])
    action.execute(storage, plan, act)
    waited = [positions[2], positions[4], positions[5]]
    took = [spans_of(one) for one in taken_by(subscription(storage), plan.details(), act.facts, ended=True)]
    assert took == [{positions.index(at) for at in waited}, set()]
    undone = undone_of("act-1", plan.details(), act.facts)
    assert undone is not None
    UNDO_MOVE.execute(storage, UNDO_MOVE.plan(storage, MAILER, undone), Running(lease=None))
    assert left(storage) == waited


def test_of_a_move_that_a_crash_left_open_what_it_may_have_skipped_is_known(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    plan = planned(storage, SKIP_EVENT, positions[2])
    assert plan.alone
    certain, possible = taken_by(subscription(storage), plan.details(), {}, ended=False)
    assert (certain, spans_of(possible)) == ({}, {2})
    assert not any(as_acknowledged(subscription(storage), possible).values()), "nothing was skipped so far"
    SKIP_EVENT.execute(storage, plan, Running(lease=None))
    assert spans_of(as_acknowledged(subscription(storage), possible)) == {2}


def subscription(storage: DatabaseStorage) -> Subscription:
    return storage.subscriptions.named(TOPIC, NAME)


def spans_of(spans: Mapping[int, Sequence[tuple[str, str]]]) -> set[int]:
    """The events of the first partition that lie in them, by their numbers."""
    tokens = [position_of(TOPIC, 0, number).token for number in range(10)]
    return {number for number, at in enumerate(tokens) for start, end in spans.get(0, []) if start < at <= end}


def test_what_was_published_before_a_time_is_skipped(storage: DatabaseStorage) -> None:
    positions = published(storage, 4)
    before = storage.log.fetch([positions[2]])[positions[2]].published
    earlier = sum(storage.log.fetch([at])[at].published < before for at in positions)
    if not earlier:  # all of them have one publish time
        with pytest.raises(NothingToMove):
            planned(storage, EXPIRE, before)
    plan = carried_out(storage, EXPIRE, datetime.now(UTC))
    assert plan.passed_over == 4
    assert left(storage) == []


def test_a_time_that_has_not_come_is_refused(storage: DatabaseStorage) -> None:
    published(storage, 2)
    with pytest.raises(NothingToMove, match="has not come yet"):
        planned(storage, EXPIRE, datetime.now(UTC) + timedelta(hours=1))


def test_a_time_before_everything_leaves_nothing_to_skip(storage: DatabaseStorage) -> None:
    published(storage, 2)
    with pytest.raises(NothingToMove, match="nothing to skip"):
        planned(storage, EXPIRE, datetime(2020, 1, 1, tzinfo=UTC))


def test_an_event_that_is_acknowledged_cannot_be_skipped_and_it_says_so(storage: DatabaseStorage) -> None:
    positions = published(storage, 3)
    handle(storage, positions[:1])
    with pytest.raises(NothingToMove, match="acknowledged already"):
        planned(storage, SKIP_EVENT, positions[0])
    with pytest.raises(NothingToMove, match="No event waits before"):
        planned(storage, SKIP_BEFORE, positions[1])


def test_an_event_that_the_index_has_not_read_is_not_skipped_uncounted(storage: DatabaseStorage) -> None:
    published(storage, 3)
    (new,) = storage.log.append(TOPIC, [NewMessage(payload=b"{}", key="late")])
    with pytest.raises(NothingToMove, match="has not read that event yet"):
        planned(storage, SKIP_EVENT, new)
    IndexedPartition.objects.using("index").all().delete()
    for action, aim in ((SKIP_EVENT, new), (SKIP_BEFORE, new), (SKIP_COUNT, Count(events=1)), (CLEAR, None)):
        with pytest.raises(NothingToMove, match="does not know partition 0"):
            planned(storage, action, aim)


def test_places_outside_the_topic_are_refused(storage: DatabaseStorage) -> None:
    positions = published(storage, 3)
    elsewhere = Position(topic=TOPIC, partition=7, token=positions[0].token)
    for action in (SKIP_EVENT, SKIP_BEFORE):
        with pytest.raises(InvalidPosition, match="not in a partition"):
            planned(storage, action, elsewhere)
        with pytest.raises(InvalidPosition):
            planned(storage, action, Position(topic=TOPIC, partition=0, token="zzz"))


def test_no_two_verbs_share_a_digest(storage: DatabaseStorage) -> None:
    positions = published(storage, 3)
    plans = [
        planned(storage, SKIP_EVENT, positions[0]),
        planned(storage, SKIP_COUNT, Count(events=1)),
        planned(storage, SKIP_BEFORE, positions[1]),
    ]
    assert len({plan.ends()[0] for plan in plans}) == 1, "they go to one place"
    assert len({plan.digest for plan in plans}) == 3


def test_the_record_names_the_first_events_by_their_ids_and_says_how_many_there_are(storage: DatabaseStorage) -> None:
    published(storage, 150)
    details = planned(storage, CLEAR, None).details()
    names = details["never_delivered"]
    assert isinstance(names, list)
    assert (len(names), details["events_passed_over"]) == (100, 150)
    assert {"event", "partition"} <= set(names[0])
