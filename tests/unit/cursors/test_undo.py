"""An undo delivers what would have been delivered without the move, and what its preview names."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstore.actions import Ending, Part, PlannedAction, Running, subscription_resource
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
    Target,
    affected_by,
    undone_of,
)
from eventstore.cursors import undo as undoing_module
from eventstore.cursors.counted import ordinals_of
from eventstore.cursors.undo import place_after
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.models import IndexedPartition
from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import MadeAnew, StoreRefused
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionCapabilities, SubscriptionType
from tests.unit.cursors.undoing import NAME, SHARED, TOPIC, handle, moved, published, recorded, undo, undo_plan

pytestmark = pytest.mark.usefixtures("desk_databases")

EXCLUSIVE = SubscriptionType.EXCLUSIVE


@pytest.fixture
def storage() -> Iterator[DatabaseStorage]:
    opened = DatabaseStorage()
    yield opened
    opened.close()


def waiting(storage: DatabaseStorage) -> set[Position]:
    """What the subscription would be given, were a consumer to connect now. Nothing is acknowledged."""
    with storage.subscriptions.consume(TOPIC, NAME, type=SHARED, consumer="probe") as consumer:
        return {message.position for message in consumer.receive(limit=1_000, timeout=0.2)}


@pytest.mark.parametrize("seed", range(6))
def test_after_the_undo_exactly_what_neither_was_handled_before_nor_since_waits(storage: DatabaseStorage, seed: int) -> None:
    chance = random.Random(seed)
    positions = published(storage, 24, partitions=3)
    before = set(chance.sample(positions, chance.randrange(25)))
    handle(storage, before)
    targets: list[Target] = [Edge.EARLIEST, Edge.LATEST, *chance.sample(positions, 2)]
    undone = moved(storage, TOPIC, NAME, chance.choice(targets))
    given = waiting(storage)
    since = set(chance.sample(sorted(given, key=lambda one: one.encode()), chance.randrange(len(given) + 1)))
    handle(storage, since)
    waits_now = waiting(storage)
    plan, parts = undo(storage, TOPIC, NAME, undone)
    assert {part.ending for part in parts} == {Ending.DONE}
    expected = set(positions) - before - since
    assert waiting(storage) == expected
    counts = plan.counts
    assert (counts.comes, counts.called_off) == (len(expected - waits_now), len(waits_now - expected))
    assert (counts.twice, counts.gone, plan.touched) == (0, 0, len(expected ^ waits_now))


SKIP_OF: dict[str, tuple[PlannedAction[Any, MovePlan], Any, set[int]]] = {
    "one event behind others": (SKIP_EVENT, 5, {5}),
    "the next event": (SKIP_EVENT, 0, {0}),
    "so many": (SKIP_COUNT, Count(events=3), {0, 1, 3}),
    "all before an event": (SKIP_BEFORE, 6, {0, 1, 3, 4, 5}),
    "all before now": (EXPIRE, None, {0, 1, 3, 4, 5, 6, 7, 9}),
    "everything": (CLEAR, None, {0, 1, 3, 4, 5, 6, 7, 9}),
}


@pytest.mark.parametrize("kind", SKIP_OF)
def test_a_skip_of_every_kind_is_undone_and_its_events_are_told_as_taken_and_none_as_given(
    storage: DatabaseStorage, kind: str
) -> None:
    action, aim, skips = SKIP_OF[kind]
    positions = published(storage, 10)
    handle(storage, [positions[2], positions[8]])
    target = positions[aim] if isinstance(aim, int) else datetime.now(UTC) if action is EXPIRE else aim
    act = Running(lease=None)
    plan = action.plan(storage, subscription_resource(TOPIC, NAME), target)
    action.execute(storage, plan, act)
    details, outcome = recorded(plan, act)
    affected = affected_by(details, outcome)
    assert affected is not None
    row = IndexedPartition.objects.using("index").get()
    gave, took = ordinals_of(row, affected.gave[0], affected.took[0])
    assert ({at for low, high in took for at in range(low, high)}, gave) == (skips, [])
    undone = undone_of("act-1", details, outcome)
    assert undone is not None
    _, parts = undo(storage, TOPIC, NAME, undone)
    assert [part.ending for part in parts] == [Ending.DONE]
    assert waiting(storage) == {positions[at] for at in (0, 1, 3, 4, 5, 6, 7, 9)}


def test_what_was_skipped_comes_after_all_and_what_was_handled_since_does_not(storage: DatabaseStorage) -> None:
    positions = published(storage, 10)
    handle(storage, [positions[place] for place in (0, 1, 4)])
    undone = moved(storage, TOPIC, NAME, positions[7])
    handle(storage, [positions[7]])
    plan, _ = undo(storage, TOPIC, NAME, undone)
    assert (plan.counts.comes, plan.counts.twice, plan.counts.again) == (4, 0, 2)
    assert waiting(storage) == {positions[place] for place in (2, 3, 5, 6, 8, 9)}
    assert plan.details()["events_delivered"] == 4
    assert plan.details()["to"] == {"0": positions[1].label}


def test_after_a_move_to_the_latest_edge_later_events_stay_handled(storage: DatabaseStorage) -> None:
    positions = published(storage, 4)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    [later] = storage.log.append(TOPIC, [NewMessage(payload=b"{}", key="late")])
    handle(storage, [later])
    undo(storage, TOPIC, NAME, undone)
    assert waiting(storage) == set(positions)


def test_where_nobody_knows_what_the_move_did_nothing_is_lost(storage: DatabaseStorage) -> None:
    """Its process was killed before it noted where the latest edge was."""
    positions = published(storage, 4)
    undone = replace(moved(storage, TOPIC, NAME, Edge.LATEST), moved={0: None})
    [later] = storage.log.append(TOPIC, [NewMessage(payload=b"{}", key="late")])
    handle(storage, [later])
    undo(storage, TOPIC, NAME, undone)
    assert waiting(storage) == {*positions, later}, "the later one comes twice"


def test_ranges_that_were_not_kept_are_told_to_come_twice(storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.cursors.places.MOST_RANGES", 2)
    positions = published(storage, 10)
    handle(storage, positions[1::2])
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    plan, _ = undo(storage, TOPIC, NAME, undone)
    assert (plan.left_out, plan.counts.comes, plan.counts.twice) == (3, 8, 3)
    assert waiting(storage) == set(positions) - {positions[1], positions[3]}


def test_more_than_can_be_acknowledged_again_is_told_to_come_twice(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing_module, "MOST_AGAIN", 2)
    positions = published(storage, 9)
    handle(storage, [positions[place] for place in (1, 3, 4, 5, 7)])
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    plan, _ = undo(storage, TOPIC, NAME, undone)
    assert (plan.counts.again, plan.counts.twice) == (2, 3)
    assert waiting(storage) == set(positions) - {positions[1], positions[7]}


def test_what_is_acknowledged_again_is_limited_over_all_partitions_together(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing_module, "MOST_AGAIN", 3)
    positions = published(storage, 20, partitions=2)
    sides = [[place for place in positions if place.partition == at] for at in range(2)]
    handled = {place for side in sides for place in side[1:6:2]}
    assert len(handled) > 3
    handle(storage, handled)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    plan, _ = undo(storage, TOPIC, NAME, undone)
    assert (plan.counts.again, plan.counts.twice) == (3, len(handled) - 3)
    assert len(waiting(storage)) == len(positions) - 3


def test_what_the_store_has_removed_since_is_counted_as_gone(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    [cursor] = storage.subscriptions.named(TOPIC, NAME).cursors
    trimmed = replace(cursor, start=storage.log.entry(positions[4])[0])
    row = IndexedPartition.objects.using("index").get()
    move = undoing_module._move(storage.log, TOPIC, trimmed, undone, row, blocked=False, most=50_000)
    assert (move.counts.comes, move.counts.gone) == (2, 4)


def test_beside_an_exclusive_consumer_of_a_broker_only_the_place_comes_back(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = published(storage, 6)
    handle(storage, [positions[3]])
    undone = moved(storage, TOPIC, NAME, positions[4])
    [cursor] = storage.subscriptions.named(TOPIC, NAME).cursors
    as_a_member = SubscriptionCapabilities(
        backlog_unit="events", reset_disconnects=True, lists_consumers=True, acknowledges_as_member=True
    )
    monkeypatch.setattr(type(storage.subscriptions), "capabilities", as_a_member)
    alone = undo_plan(storage, TOPIC, NAME, undone)
    assert (alone.blocked, alone.joins, alone.counts.twice) == (False, True, 0)
    with storage.subscriptions.consume(TOPIC, NAME, type=EXCLUSIVE, consumer="worker-1"):
        plan = undo_plan(storage, TOPIC, NAME, undone)
    assert (plan.blocked, plan.joins, plan.counts.twice, plan.counts.comes) == (True, False, 1, 4)
    assert not plan.confirmed_by(alone.digest), "it does something else than the one that was looked at"
    assert place_after(undone, cursor, None, blocked=True, most=50_000).ranges == []


def test_without_an_index_nothing_is_counted_and_the_place_comes_back_all_the_same(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    handle(storage, [positions[0], positions[3]])
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    IndexedPartition.objects.using("index").all().delete()
    plan, _ = undo(storage, TOPIC, NAME, undone)
    assert (plan.counts.comes, plan.counts.twice, plan.touched) == (None, None, None)
    assert waiting(storage) == {positions[place] for place in (1, 2, 4, 5)}


def test_an_index_that_is_behind_is_said_to_be(storage: DatabaseStorage) -> None:
    published(storage, 2)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    assert undo_plan(storage, TOPIC, NAME, undone).at_least is False
    IndexedPartition.objects.using("index").update(caught_up_at=datetime.now(UTC) - timedelta(minutes=1))
    assert undo_plan(storage, TOPIC, NAME, undone).at_least is True


def test_only_partitions_that_were_moved_are_put_back(storage: DatabaseStorage) -> None:
    positions = published(storage, 12, partitions=3)
    act = Running(lease=None)
    plan = RESET_CURSOR.plan(storage, subscription_resource(TOPIC, NAME), Edge.LATEST)
    RESET_CURSOR.execute(storage, plan, act)
    act.parts[1] = Part(name="partition 1", ending=Ending.FAILED, reason="The broker refuses this.")
    undone = undone_of("act-1", *recorded(plan, act))
    assert undone is not None
    assert sorted(undone.before) == [0, 2]
    undo(storage, TOPIC, NAME, undone)
    assert waiting(storage) == {position for position in positions if position.partition != 1}


def test_an_act_without_a_kept_place_cannot_be_undone() -> None:
    assert undone_of("act-1", {"from": {"0": "7"}}, {}) is None


def test_in_a_topic_that_was_made_anew_it_is_refused(storage: DatabaseStorage) -> None:
    published(storage, 2)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    old = {at: replace(place, log=(0, "another life")) for at, place in undone.before.items()}
    with pytest.raises(MadeAnew, match="made anew"):
        undo_plan(storage, TOPIC, NAME, replace(undone, before=old))


def test_what_could_not_be_acknowledged_again_makes_it_partly_done_and_says_so(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(storage, 6, partitions=2)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)

    def restore(topic: str, name: str, places: dict[int, object], **calls: object) -> None:
        [partition] = places
        if partition == 1:
            raise StoreRefused("The broker refuses this.")
        calls["on_move"](CursorMove(partition=0, result=MoveResult.MOVED, incomplete="Somebody is in the way."))  # type: ignore[operator]

    monkeypatch.setattr(storage.subscriptions, "restore_cursor", restore)
    act = Running(lease=None)
    UNDO_MOVE.execute(storage, undo_plan(storage, TOPIC, NAME, undone), act)
    assert [(part.name, part.ending.value, part.reason) for part in act.parts] == [
        ("partition 0", "done", ""),
        ("partition 0, beyond its place", "failed", "Somebody is in the way."),
        ("partition 1", "failed", "The broker refuses this."),
    ]


def test_the_confirmation_holds_through_progress_and_not_for_another_move(storage: DatabaseStorage) -> None:
    positions = published(storage, 6)
    undone = moved(storage, TOPIC, NAME, Edge.EARLIEST)
    before = undo_plan(storage, TOPIC, NAME, undone)
    handle(storage, positions[:3])
    after = undo_plan(storage, TOPIC, NAME, undone)
    assert after.confirmed_by(before.digest)
    assert not undo_plan(storage, TOPIC, NAME, replace(undone, act="act-2")).confirmed_by(before.digest)


def test_planning_touches_nothing(storage: DatabaseStorage) -> None:
    published(storage, 4)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    before = storage.subscriptions.named(TOPIC, NAME)
    undo_plan(storage, TOPIC, NAME, undone)
    assert storage.subscriptions.named(TOPIC, NAME) == before
