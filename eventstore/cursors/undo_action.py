"""Undoing a move as an action: each partition's cursor is put back, from where it stands at that very moment."""

from collections.abc import Callable
from time import monotonic

from eventstore.actions import (
    ENDINGS,
    NOT_TRIED,
    SUBSCRIPTION,
    Ending,
    Part,
    PlannedAction,
    Resource,
    Running,
    Undo,
    part_name,
    register,
)
from eventstore.cursors.executing import shown
from eventstore.cursors.looks import is_blocked
from eventstore.cursors.places import acknowledged_by, beyond_name, less
from eventstore.cursors.undo import UndoMove, Undone, UndoPlan, cursors_of, place_after, plan_undo
from eventstore.index.lookup import queries
from eventstore.model.cursor_moves import CursorMove, MoveResult
from eventstore.model.errors import EventStoreError, LeaseLost
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription

SINCE_CONNECTED = (
    "A consumer of this exclusive subscription has connected since the preview, so that nothing could be acknowledged beyond "
    "the place. What was acknowledged there is delivered once more."
)
SINCE_MORE = (
    "More was acknowledged beyond the place since the preview than is acknowledged again one by one. The rest is delivered "
    "once more."
)


def plan(storage: Storage, resource: Resource, undone: Undone) -> UndoPlan:
    return plan_undo(storage.log, subscriptions_of(storage), resource.topic, resource.subscription, undone)


def execute(storage: Storage, plan: UndoPlan, act: Running) -> None:
    """Put the cursors back; each partition is a part of the act. An error ends it, and is raised if nothing can have moved."""
    look = _looks(storage, plan)
    for number, move in enumerate(plan.moves):
        try:
            _restore(storage, look(), plan, move, act)
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


def _looks(storage: Storage, plan: UndoPlan) -> Callable[[], Subscription]:
    """Ask for the subscription as it is now. A broker tells of all partitions at once, and of a hundred that may take seconds:
    so an answer serves for as long as it took, and asking at most doubles the time."""
    last: list[tuple[Subscription, float]] = []

    def look() -> Subscription:
        begun = monotonic()
        if not last or begun >= last[0][1]:
            found = subscriptions_of(storage).named(plan.topic, plan.subscription)
            ended = monotonic()
            last[:] = [(found, ended + (ended - begun))]
        return last[0][0]

    return look


def _restore(storage: Storage, subscription: Subscription, plan: UndoPlan, planned: UndoMove, act: Running) -> None:
    """What consumers acknowledge between the look and the move is delivered once more: so the look is taken right before."""
    there = subscriptions_of(storage)
    cursor = cursors_of(subscription, plan.undone)[planned.partition]
    row = queries.partition_row(plan.topic, planned.partition)
    # What was promised to be acknowledged again is not given up: the store refuses, and nothing is moved.
    blocked = plan.blocked or (is_blocked(subscription, there) and not planned.after.ranges)
    after = place_after(plan.undone, cursor, row, blocked=blocked, most=plan.most_again(planned))
    unforeseen = bool(less(after.dropped, planned.after.dropped)) and not plan.blocked

    def on_begin(partition: int) -> None:
        act.renew()

    def on_move(move: CursorMove) -> None:
        name = part_name(move.partition)
        act.parts.append(Part(name=name, ending=ENDINGS[move.result], reason=move.reason))
        if move.result is not MoveResult.MOVED:
            return
        plan.given_back[move.partition] = less(acknowledged_by(cursor), after.acknowledged)
        left = (SINCE_CONNECTED if blocked else SINCE_MORE) if unforeseen else ""
        if why := " ".join(filter(None, (left, move.incomplete))):
            act.parts.append(Part(name=beyond_name(move.partition), ending=Ending.FAILED, reason=why))

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
