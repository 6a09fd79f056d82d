"""What differs between the preview of an undo and the undo itself, and how often the store is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from eventstore.actions import Ending, Running
from eventstore.cursors import UNDO_MOVE
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
