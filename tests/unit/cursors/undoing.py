"""Moves and their undo as actions, through the record's own form: JSON."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dashboard.auditing.entries import canonical
from eventstore.actions import Part, PlannedAction, Running, subscription_resource
from eventstore.actions.outcome import outcome_of
from eventstore.config.loading import Config
from eventstore.cursors import RESET_CURSOR, UNDO_MOVE, MovePlan, Undone, UndoPlan, undone_of
from eventstore.drivers.database.storage import DatabaseStorage
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.model.events import NewMessage, Position
from eventstore.model.log import Edge
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import SubscriptionType

TOPIC, NAME = "patients", "mailer"
SHARED = SubscriptionType.SHARED


def recorded(plan: Any, act: Running) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the record says of an act: its details, and its outcome."""
    outcome = outcome_of(act.parts, act.facts)
    return json.loads(canonical(plan.details())), json.loads(canonical(outcome.details()))


def moved(storage: Storage, topic: str, name: str, target: Any, action: PlannedAction[Any, MovePlan] = RESET_CURSOR) -> Undone:
    """Move the cursor; returns the move as the record kept it."""
    act, resource = Running(lease=None), subscription_resource(topic, name)
    plan = action.plan(storage, resource, target)
    action.execute(storage, plan, act)
    undone = undone_of("act-1", *recorded(plan, act))
    assert undone is not None
    return undone


def undo_plan(storage: Storage, topic: str, name: str, undone: Undone) -> UndoPlan:
    return UNDO_MOVE.plan(storage, subscription_resource(topic, name), undone)


def undo(storage: Storage, topic: str, name: str, undone: Undone) -> tuple[UndoPlan, Sequence[Part]]:
    """Undo the move; returns what was planned, and what became of each part."""
    act = Running(lease=None)
    plan = undo_plan(storage, topic, name, undone)
    UNDO_MOVE.execute(storage, plan, act)
    return plan, act.parts


def published(storage: DatabaseStorage, count: int, *, partitions: int = 1) -> Sequence[Position]:
    """So many events, and a subscription that stands at the first of them; indexed."""
    storage.log.create_topic(TOPIC, partitions=partitions)
    positions = storage.log.append(TOPIC, [NewMessage(payload=b"{}", key=f"k{number}") for number in range(count)])
    storage.subscriptions.create(TOPIC, NAME, type=SHARED, start=Edge.EARLIEST)
    index_until_caught_up(
        Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None)
    )
    return positions


def handle(storage: DatabaseStorage, positions: Iterable[Position]) -> None:
    wanted = {at: [storage.log.entry(position) for position in positions if position.partition == at] for at in range(3)}
    storage.subscriptions.acknowledge(TOPIC, NAME, {at: ranges for at, ranges in wanted.items() if ranges})
