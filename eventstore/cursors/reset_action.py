"""Resetting a cursor as an action: how it is carried out, and what the store shows of it after a crash."""

from collections.abc import Mapping
from typing import Any

from eventstore.actions import SUBSCRIPTION, Ending, Part, PlannedAction, Resource, Running, Undo, register
from eventstore.cursors.resets import ResetPlan, Target, plan_reset
from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import EventStoreError, LeaseLost, UnknownSubscription, UnknownTopic
from eventstore.model.storage import Storage, subscriptions_of

ENDINGS = {
    MoveResult.MOVED: Ending.DONE,
    MoveResult.NOT_MOVED: Ending.FAILED,
    MoveResult.FAILED: Ending.FAILED,
    MoveResult.UNKNOWN: Ending.UNKNOWN,
}
NOT_TRIED = "It was not tried, because another partition failed before it."


def plan(storage: Storage, resource: Resource, target: Target) -> ResetPlan:
    return plan_reset(storage.log, subscriptions_of(storage), resource.topic, resource.subscription, target)


def execute(storage: Storage, plan: ResetPlan, act: Running) -> None:
    """Move the cursors; each partition is a part of the act. An error ends it, and is raised if nothing can have moved."""

    def on_begin(partition: int) -> None:
        act.renew()

    def on_move(move: CursorMove) -> None:
        act.parts.append(Part(name=part_name(move.partition), ending=ENDINGS[move.result], reason=move.reason))

    try:
        subscriptions_of(storage).reset_cursor(
            plan.topic, plan.subscription, plan.targets(), on_begin=on_begin, on_move=on_move
        )
    except EventStoreError as error:
        if all(part.ending is Ending.FAILED for part in act.parts):
            raise
        why = str(error) if isinstance(error, LeaseLost) else NOT_TRIED
        tried = {part.name for part in act.parts}
        rest = [name for name in map(part_name, plan.targets()) if name not in tried]
        act.parts += [Part(name=name, ending=Ending.FAILED, reason=why) for name in rest]


def shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the cursor stands now."""
    try:
        subscription = subscriptions_of(storage).named(resource.topic, resource.subscription)
    except (UnknownTopic, UnknownSubscription):
        return {"subscription": "is not there"}
    places = {str(c.partition): c.acknowledged.label if c.acknowledged else "start" for c in subscription.cursors}
    return {"stands_at": places, "backlog": subscription.backlog}


def part_name(partition: int) -> str:
    """The name of a partition's part of a reset."""
    return f"partition {partition}"


RESET_CURSOR: PlannedAction[Target, ResetPlan] = register(
    PlannedAction(
        name="reset_cursor",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Reset cursor",
        doing="is being reset",
        undo=Undo(
            possible=True,
            how="Reset the cursor again, to where it stands now. Events that were delivered in between come twice, and what "
            "was acknowledged beyond that place is not restored.",
        ),
        plan=plan,
        execute=execute,
        shows=shown,
    )
)
