"""Undoing a move as an action: each partition's cursor is put back, from where it stands at that very moment."""

from eventstore.actions import SUBSCRIPTION, Ending, Part, PlannedAction, Resource, Running, Undo, register
from eventstore.cursors.executing import ENDINGS, NOT_TRIED, shown
from eventstore.cursors.looks import is_blocked
from eventstore.cursors.places import acknowledged_by, less, part_name
from eventstore.cursors.undo import UndoMove, Undone, UndoPlan, cursors_of, place_after, plan_undo
from eventstore.index.lookup import queries
from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import EventStoreError, LeaseLost
from eventstore.model.storage import Storage, subscriptions_of


def plan(storage: Storage, resource: Resource, undone: Undone) -> UndoPlan:
    return plan_undo(storage.log, subscriptions_of(storage), resource.topic, resource.subscription, undone)


def execute(storage: Storage, plan: UndoPlan, act: Running) -> None:
    """Put the cursors back; each partition is a part of the act. An error ends it, and is raised if nothing can have moved."""
    for number, move in enumerate(plan.moves):
        try:
            _restore(storage, plan, move, act)
        except EventStoreError as error:
            if all(part.ending is Ending.FAILED for part in act.parts):
                raise
            why = str(error) if isinstance(error, LeaseLost) else NOT_TRIED
            tried = {part.name for part in act.parts}
            rest = [part_name(each.partition) for each in plan.moves[number:]]
            reasons = [str(error), *([why] * len(rest))]  # the store has said why of the first, unless it was not asked
            left = [(name, reason) for name, reason in zip(rest, reasons, strict=False) if name not in tried]
            act.parts += [Part(name=name, ending=Ending.FAILED, reason=reason) for name, reason in left]
            return


def _restore(storage: Storage, plan: UndoPlan, planned: UndoMove, act: Running) -> None:
    """What consumers acknowledge between this look and the move is delivered once more: so it is taken right before."""
    there = subscriptions_of(storage)
    subscription = there.named(plan.topic, plan.subscription)
    cursor = cursors_of(subscription, plan.undone)[planned.partition]
    row = queries.partition_row(plan.topic, planned.partition)
    # What was promised to be acknowledged again is not given up: the store refuses, and nothing is moved.
    blocked = plan.blocked or (is_blocked(subscription, there) and not planned.after.ranges)
    after = place_after(plan.undone, cursor, row, blocked=blocked)

    def on_begin(partition: int) -> None:
        act.renew()

    def on_move(move: CursorMove) -> None:
        name = part_name(move.partition)
        act.parts.append(Part(name=name, ending=ENDINGS[move.result], reason=move.reason))
        if move.result is MoveResult.MOVED:
            plan.given_back[move.partition] = less(acknowledged_by(cursor), after.acknowledged)
        if move.incomplete:
            act.parts.append(Part(name=f"{name}, beyond its place", ending=Ending.FAILED, reason=move.incomplete))

    places = {planned.partition: after.place(plan.topic, planned.partition)}
    there.restore_cursor(plan.topic, plan.subscription, places, on_begin=on_begin, on_move=on_move)


UNDO_MOVE: PlannedAction[Undone, UndoPlan] = register(
    PlannedAction(
        name="undo_move",
        acts_on=frozenset({SUBSCRIPTION}),
        title="Undo cursor move",
        doing="is being put back",
        undo=Undo(possible=False, how="Move the cursor again, to an event of your choice."),
        plan=plan,
        execute=execute,
        shows=shown,
    )
)
