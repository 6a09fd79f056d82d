"""What differs between the preview of an undo and the undo itself, and how often the store is asked."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from eventstore.actions import Ending, Running, subscription_resource
from eventstore.cursors import CLEAR, RESET_CURSOR, UNDO_MOVE
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.model.log import Edge
from tests.unit.cursors.undoing import NAME, TOPIC, handle, moved, published, undo_plan

pytestmark = pytest.mark.usefixtures("desk_databases")


@pytest.fixture
def storage() -> Iterator[DatabaseStorage]:
    opened = DatabaseStorage()
    yield opened
    opened.close()


def test_who_connects_between_the_preview_and_the_undo_makes_it_partly_done(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = published(storage, 6)
    undone = moved(storage, TOPIC, NAME, positions[4])
    plan = undo_plan(storage, TOPIC, NAME, undone)
    handle(storage, [positions[5]])
    monkeypatch.setattr("eventstore.cursors.undo_action.is_blocked", lambda *_: True)
    act = Running(lease=None)
    UNDO_MOVE.execute(storage, plan, act)
    assert [(part.name, part.ending) for part in act.parts] == [
        ("partition 0", Ending.DONE),
        ("partition 0, beyond its place", Ending.FAILED),
    ]
    assert "has connected since the preview" in act.parts[1].reason


def test_the_store_is_not_asked_for_the_whole_topic_once_a_partition(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(storage, 30, partitions=3)
    undone = moved(storage, TOPIC, NAME, Edge.LATEST)
    plan, clock, asked = undo_plan(storage, TOPIC, NAME, undone), [0.0], []
    subscriptions = storage.subscriptions
    named, restore = subscriptions.named, subscriptions.restore_cursor

    def slow_look(topic: str, name: str) -> Any:
        asked.append(clock[0])
        clock[0] += 5
        return named(topic, name)

    def slow_move(*given: Any, **calls: Any) -> None:
        clock[0] += 3
        restore(*given, **calls)

    monkeypatch.setattr("eventstore.cursors.undo_action.monotonic", lambda: clock[0])
    monkeypatch.setattr(subscriptions, "named", slow_look)
    monkeypatch.setattr(subscriptions, "restore_cursor", slow_move)
    UNDO_MOVE.execute(storage, plan, Running(lease=None))
    assert asked == [0, 11], "an answer serves for as long as it took"


def test_what_was_left_out_and_is_acknowledged_again_does_not_come_twice(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.cursors.places.MOST_RANGES", 2)
    positions = published(storage, 10)
    handle(storage, positions[1::2])
    undone = moved(storage, TOPIC, NAME, Edge.EARLIEST)
    handle(storage, positions)
    assert undo_plan(storage, TOPIC, NAME, undone).counts.twice == 0


def test_where_the_store_keeps_acknowledgements_inside_batches_every_preview_says_what_it_cannot_know(
    storage: DatabaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = published(storage, 4)
    undone = moved(storage, TOPIC, NAME, positions[2])
    resource = subscription_resource(TOPIC, NAME)

    def told() -> list[bool]:
        plans = (
            undo_plan(storage, TOPIC, NAME, undone),
            RESET_CURSOR.plan(storage, resource, Edge.EARLIEST),
            CLEAR.plan(storage, resource, None),
        )
        return [plan.inside_batches for plan in plans]

    named = storage.subscriptions.named
    monkeypatch.setattr(storage.subscriptions, "named", lambda *of: replace(named(*of), acknowledges_inside=True))
    assert told() == [False] * 3, "each event is an entry of its own"
    monkeypatch.setattr("eventstore.cursors.counted.MOST_LOOKED_AT", 1)
    assert told() == [True] * 3, "too many to look at"
    monkeypatch.setattr("eventstore.cursors.counted.MOST_LOOKED_AT", 500)
    entry = storage.log.entry
    monkeypatch.setattr(storage.log, "entry", lambda one: entry(positions[3] if one == positions[2] else one))
    assert told() == [True] * 3, "two are one entry"
    monkeypatch.setattr(storage.subscriptions, "named", named)
    assert told() == [False] * 3
