"""Each kind of skip and its undo on the broker, without consumers and beside them; two who move one cursor at once; and one
partition of four that refuses."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from eventstore.actions import Ending, PlannedAction, Running, subscription_resource
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
    affected_by,
    undone_of,
)
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.model.errors import EventStoreError, NothingToMove
from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Consumer, SubscriptionType
from tests.broker.conftest import publish_batch, roll_over, storage_of
from tests.broker.test_skips import index
from tests.broker.test_undo import handle, received
from tests.contract.helpers import eventually
from tests.namespaces import Broker
from tests.unit.cursors.undoing import moved, recorded, undo, undo_plan

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("desk_databases")]

SHARED, EXCLUSIVE = SubscriptionType.SHARED, SubscriptionType.EXCLUSIVE
TYPES = (SHARED, EXCLUSIVE, SubscriptionType.FAILOVER, SubscriptionType.KEY_SHARED)
ALONE = "nobody-connected"
HANDLED = (1, 5)
"""Which events of each partition were handled before any move."""


@dataclass(frozen=True, kw_only=True)
class Skip:
    """``aim`` and ``skips`` are worked out from the events of both partitions, without those that were handled."""

    action: PlannedAction[Any, MovePlan]
    aim: Callable[[Sequence[Message]], Any]
    skips: Callable[[Sequence[Message]], Sequence[Message]]


def of(partition: int, waiting: Sequence[Message]) -> list[Message]:
    return [one for one in waiting if one.position.partition == partition]


def last_single(waiting: Sequence[Message]) -> Message:
    return of(1, waiting)[-1]


def since(waiting: Sequence[Message]) -> datetime:
    return max(of(0, waiting)[-1].published, of(1, waiting)[-1].published)


def published_before(waiting: Sequence[Message]) -> list[Message]:
    """In each partition, what lies before its first event of that time."""
    found = []
    for at in range(2):
        for one in of(at, waiting):
            if one.published >= since(waiting):
                break
            found.append(one)
    return found


SKIPS = (
    Skip(action=SKIP_EVENT, aim=lambda there: last_single(there).position, skips=lambda there: [last_single(there)]),
    Skip(action=SKIP_EVENT, aim=lambda there: of(0, there)[0].position, skips=lambda there: of(0, there)[:1]),
    Skip(action=SKIP_COUNT, aim=lambda there: Count(events=3, partition=0), skips=lambda there: of(0, there)[:3]),
    Skip(action=SKIP_BEFORE, aim=lambda there: last_single(there).position, skips=lambda there: of(1, there)[:-1]),
    Skip(action=EXPIRE, aim=since, skips=published_before),
    Skip(action=CLEAR, aim=lambda there: None, skips=lambda there: there),
)


@pytest.fixture
def topic(alone: PulsarStorage, client: Any, admin: httpx.Client) -> Iterator[str]:
    """Two partitions, each with single events, a batch in another ledger, and one event more; a subscription of each type."""
    name = alone.log.create_topic("skipped", partitions=2).name
    for at in range(2):
        one = f"{name}-partition-{at}"
        for number in range(6):
            publish_batch(client, one, [str(number).encode()])
        roll_over(admin, one)
        publish_batch(client, one, [b"in a batch"] * 3)
        publish_batch(client, one, [b"last"])
    for subscription in (*[kind.value for kind in TYPES], ALONE):
        alone.subscriptions.create(name, subscription, type=SHARED, start=Edge.EARLIEST)
    index(alone)
    yield name


def events(storage: PulsarStorage, topic: str) -> list[Message]:
    return [one for at in range(2) for one in storage.log.read_forward(topic, at, limit=1_000)]


def waiting(storage: PulsarStorage, topic: str, name: str) -> list[Message]:
    """What the broker has not acknowledged, as its cursors tell."""
    cursors = {cursor.partition: cursor for cursor in storage.subscriptions.named(topic, name).cursors}

    def waits(position: Position) -> bool:
        cursor = cursors[position.partition]
        behind = cursor.acknowledged is not None and position <= cursor.acknowledged
        return not behind and not any(start < position <= end for start, end in cursor.holes)

    return [one for one in events(storage, topic) if waits(one.position)]


def test_each_skip_skips_what_its_name_says_and_its_undo_gives_back_exactly_that(alone: PulsarStorage, topic: str) -> None:
    there = events(alone, topic)
    handled = [of(at, there)[number].position for at in range(2) for number in HANDLED]
    ranges = {at: [alone.log.entry(one) for one in handled if one.partition == at] for at in range(2)}
    alone.subscriptions.acknowledge(topic, ALONE, ranges)
    before = waiting(alone, topic, ALONE)
    assert len(before) == len(there) - len(handled)
    for skip in SKIPS:
        plan, act = skipped(alone, topic, ALONE, skip)
        assert waiting(alone, topic, ALONE) == [one for one in before if one not in skip.skips(before)], skip.action.name
        undone = undone_of("act-1", *recorded(plan, act))
        assert undone is not None
        done, parts = undo(alone, topic, ALONE, undone)
        assert {part.ending for part in parts} == {Ending.DONE}, skip.action.name
        assert waiting(alone, topic, ALONE) == before, skip.action.name
        assert (done.counts.comes, done.counts.twice) == (plan.passed_over, 0), skip.action.name


def skipped(storage: PulsarStorage, topic: str, name: str, skip: Skip) -> tuple[MovePlan, Running]:
    """Skip, as planned and as counted."""
    before, act = waiting(storage, topic, name), Running(lease=None)
    plan = skip.action.plan(storage, subscription_resource(topic, name), skip.aim(before))
    skip.action.execute(storage, plan, act)
    assert {part.ending for part in act.parts} == {Ending.DONE}, (skip.action.name, name)
    assert plan.passed_over == len(skip.skips(before)) > 0
    return plan, act


SOME: Mapping[SubscriptionType, Sequence[Skip]] = {
    SHARED: (SKIPS[0], SKIPS[4], SKIPS[5]),
    EXCLUSIVE: (SKIPS[0], SKIPS[2]),
    SubscriptionType.FAILOVER: (SKIPS[1], SKIPS[3]),
    SubscriptionType.KEY_SHARED: (SKIPS[0], SKIPS[5]),
}
"""Each kind of skip once at least, and for each type one that leaves events waiting and one that leaves none or few."""


@pytest.mark.parametrize(
    "skips", [SOME, pytest.param(dict.fromkeys(TYPES, SKIPS), marks=pytest.mark.soak)], ids=["some", "all"]
)
def test_beside_its_consumer_of_each_type_each_skip_is_undone_and_it_gets_what_it_would_have_got_and_what_the_preview_names(
    alone: PulsarStorage, topic: str, skips: Mapping[SubscriptionType, Sequence[Skip]]
) -> None:
    there = events(alone, topic)
    handled = {of(at, there)[number].position for at in range(2) for number in HANDLED}
    for kind, chosen in skips.items():
        with alone.subscriptions.consume(topic, kind.value, type=kind, consumer="worker") as consumer:
            received(consumer, {one.position for one in there})
            handle(alone, consumer, topic, kind.value, handled)
            for skip in chosen:
                _skipped_and_undone(alone, topic, kind, skip, consumer, handled)


def _skipped_and_undone(
    alone: PulsarStorage, topic: str, kind: SubscriptionType, skip: Skip, consumer: Consumer, handled: set[Position]
) -> None:
    name, case = kind.value, (skip.action.name, kind)
    before = {one.position for one in waiting(alone, topic, name)}
    if kind is EXCLUSIVE and skip is SKIPS[0]:
        with pytest.raises(NothingToMove, match="stop the consumer first"):
            skipped(alone, topic, name, skip)
        return
    undone = undone_of("act-1", *recorded(*skipped(alone, topic, name, skip)))
    assert undone is not None
    preview = undo_plan(alone, topic, name, undone)
    done, parts = undo(alone, topic, name, undone)
    assert {part.ending for part in parts} == {Ending.DONE}, (case, parts)
    left = {one.position for one in waiting(alone, topic, name)}
    twice = left - before
    assert left >= before, case
    assert len(twice) == preview.counts.twice == done.counts.twice, case
    assert bool(twice) == (preview.blocked and done.blocked), case
    assert preview.blocked <= (kind is EXCLUSIVE), case
    moved = {move.partition for move in preview.moves}
    got = received(consumer, {one for one in left if one.partition in moved}, str(case))  # it has those of the others
    assert got - left <= handled, case
    assert len(got - left) <= (preview.counts.again or 0), case
    handle(alone, consumer, topic, name, twice)
    assert {one.position for one in waiting(alone, topic, name)} == before, case
    assert [one.name for one in alone.subscriptions.named(topic, name).consumers] == ["worker"] * 2, case


def test_of_four_partitions_one_refuses_a_reset_and_its_undo_and_the_others_are_told_apart(
    alone: PulsarStorage, admin: httpx.Client
) -> None:
    topic = alone.log.create_topic("four", partitions=4).name
    alone.log.append(topic, [NewMessage(payload=b"", key=f"k{number}") for number in range(40)])
    for name in ("reset", "undone"):
        alone.subscriptions.create(topic, name, type=SHARED, start=Edge.EARLIEST)
    index(alone)
    undone = moved(alone, topic, "undone", Edge.LATEST)
    for name in ("reset", "undone"):
        admin.delete(f"persistent/{topic}-partition-2/subscription/{name}").raise_for_status()
    told = [("partition 0", "done"), ("partition 1", "done"), ("partition 2", "failed"), ("partition 3", "failed")]
    act = Running(lease=None)
    plan = RESET_CURSOR.plan(alone, subscription_resource(topic, "reset"), Edge.LATEST)
    RESET_CURSOR.execute(alone, plan, act)
    assert [(part.name, part.ending.value) for part in act.parts] == told
    affected = affected_by(*recorded(plan, act))
    assert affected is not None
    assert sorted(affected.took) == [0, 1], "what was not moved is no loss"
    act = Running(lease=None)
    UNDO_MOVE.execute(alone, undo_plan(alone, topic, "undone", undone), act)
    assert [(part.name, part.ending.value) for part in act.parts] == told
    cursors = alone.subscriptions.named(topic, "undone").cursors
    assert [cursor.backlog > 0 for cursor in cursors if cursor.partition != 2] == [True, True, False]


def test_of_two_who_move_one_cursor_at_once_each_gets_an_answer_and_it_stands_where_one_of_them_wanted_it(
    alone: PulsarStorage, broker: Broker
) -> None:
    """Nothing but the broker is between them: no lock of ours."""
    topic = alone.log.create_topic("two", partitions=1).name
    alone.log.append(topic, [NewMessage(payload=b"", key="k") for _ in range(20)])
    alone.subscriptions.create(topic, "s", type=SHARED, start=Edge.EARLIEST)
    both = threading.Barrier(2)
    answers: dict[Edge, str] = {}

    def move(storage: PulsarStorage, to: Edge) -> None:
        both.wait()
        try:
            storage.subscriptions.reset_cursor(topic, "s", {0: to}, on_move=lambda one: answers.update({to: one.result.value}))
        except EventStoreError as error:
            answers[to] = str(error)

    whole = alone.subscriptions.named(topic, "s").backlog
    other = storage_of(broker, namespaces=(topic.rpartition("/")[0],))
    try:
        for _ in range(3):
            answers.clear()
            threads = [threading.Thread(target=move, args=each) for each in ((alone, Edge.EARLIEST), (other, Edge.LATEST))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(answers) == [Edge.EARLIEST, Edge.LATEST]
            assert all(answers.values()), answers
            assert eventually(lambda: alone.subscriptions.named(topic, "s").backlog in (0, whole)), answers
        move_alone: dict[int, str] = {}
        alone.subscriptions.reset_cursor(
            topic, "s", {0: Edge.EARLIEST}, on_move=lambda one: move_alone.update({one.partition: one.result.value})
        )
        assert (move_alone, alone.subscriptions.named(topic, "s").backlog) == ({0: "moved"}, whole), "nothing is left behind"
    finally:
        other.close()
