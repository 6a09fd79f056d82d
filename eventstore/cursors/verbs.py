"""The verbs that move a cursor, each an action of its own: reset, and five ways to skip what waits."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from eventstore.actions import SUBSCRIPTION, PlannedAction, Resource, Undo, register
from eventstore.cursors import skips
from eventstore.cursors.executing import execute_reset, execute_skip, shown
from eventstore.cursors.looks import Look, look
from eventstore.cursors.plans import MovePlan
from eventstore.cursors.resets import RESET, Target, plan_reset
from eventstore.model.events import Position
from eventstore.model.storage import Storage, subscriptions_of

Aim = TypeVar("Aim")

BACK = Undo(
    possible=True,
    how="The place before the move is kept. “Undo” on the subscription's page puts the cursor back, acknowledged ranges "
    "included, as long as retention keeps the events. Its preview says which events would be delivered twice.",
)


def _plan_reset(storage: Storage, resource: Resource, target: Target) -> MovePlan:
    return plan_reset(storage.log, subscriptions_of(storage), resource.topic, resource.subscription, target)


def _skip(name: str, title: str, doing: str, plan: Callable[[Look, Aim], MovePlan]) -> PlannedAction[Aim, MovePlan]:
    def planned(storage: Storage, resource: Resource, aim: Aim) -> MovePlan:
        return plan(look(storage.log, subscriptions_of(storage), resource.topic, resource.subscription), aim)

    return register(
        PlannedAction(
            name=name,
            acts_on=frozenset({SUBSCRIPTION}),
            title=title,
            doing=doing,
            undo=BACK,
            plan=planned,
            execute=execute_skip,
            shows=shown,
        )
    )


RESET_CURSOR: PlannedAction[Target, MovePlan] = register(
    PlannedAction(
        name=RESET,
        acts_on=frozenset({SUBSCRIPTION}),
        title="Reset cursor",
        doing="is being reset",
        undo=BACK,
        plan=_plan_reset,
        execute=execute_reset,
        shows=shown,
    )
)
SKIP_EVENT: PlannedAction[Position, MovePlan] = _skip(skips.SKIP_EVENT, "Skip event", "is skipping an event", skips.skip_event)
SKIP_COUNT: PlannedAction[skips.Count, MovePlan] = _skip(
    skips.SKIP_COUNT, "Skip events", "is skipping events", skips.skip_count
)
SKIP_BEFORE: PlannedAction[Position, MovePlan] = _skip(
    skips.SKIP_BEFORE, "Skip to event", "is skipping events", skips.skip_before
)
CLEAR: PlannedAction[skips.Ends | None, MovePlan] = _skip(
    skips.CLEAR, "Clear backlog", "is having its backlog cleared", skips.clear
)
EXPIRE: PlannedAction[datetime | skips.Ends, MovePlan] = _skip(
    skips.EXPIRE, "Expire events", "is having events expired", skips.expire
)
SKIPS = (SKIP_EVENT, SKIP_COUNT, SKIP_BEFORE, CLEAR, EXPIRE)
MOVES = (RESET_CURSOR, *SKIPS)
