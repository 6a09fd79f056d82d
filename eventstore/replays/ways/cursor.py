"""The cursor way: the subscription's cursor goes back, and the projection reads everything again, itself.

Each cursor is read back by the driver. A cursor is noted before it is moved, so that a run that begins again sees whether it
was. One that stands before the place aimed at already is not moved forward: nothing that waits is skipped. It stays where it
is, and what was acknowledged beyond it comes again.

If the process is killed between a move and its note, and consumers have handled everything again before the next run, the
move is repeated: events then come once more. Nothing is ever skipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstore.jobs import Progress, Worker
from eventstore.model.cursor_moves import CursorMove, CursorPlace, MoveResult
from eventstore.model.errors import StoreRefused, StoresOwn, StoreUnreachable
from eventstore.model.events import Position
from eventstore.model.log import Edge, Log
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription
from eventstore.replays.order import Kind, ReplayOrder
from eventstore.replays.ways.followed import follow_to_end
from eventstore.replays.ways.state import WayState


@dataclass(kw_only=True, slots=True)
class Moves:
    """What is still to be done, by partition: cursors that go back, and those that stay and lose what lies beyond."""

    back: dict[int, Position | Edge] = field(default_factory=dict)
    cleared: dict[int, CursorPlace] = field(default_factory=dict)


def replay_by_cursor(
    storage: Storage,
    order: ReplayOrder,
    job: str,
    checkpoint: Mapping[str, Any],
    worker: Worker,
    *,
    external: bool = False,
) -> Mapping[str, Any]:
    """Move the cursors, then follow them to the frozen end; return facts for the record.

    ``external`` as for ``follow_to_end``. Raises ``StoreRefused`` where a cursor could not be moved; the job then goes on with
    that one when it is resumed. Raises ``StoreUnreachable`` where the store tells nothing of one.
    """
    state = WayState.of(checkpoint)
    for topic in sorted(order.topics):
        _move_back(storage, order, topic, state, worker)
    facts = follow_to_end(storage, order, job, state, worker, external=external)
    return {"moved": sum(map(len, state.ready.values())), "stood_at": state.labels, **facts}


def _move_back(storage: Storage, order: ReplayOrder, topic: str, state: WayState, worker: Worker) -> None:
    there = subscriptions_of(storage)
    subscription = there.named(topic, order.subscription)
    if subscription.kind.of_the_store:
        raise StoresOwn(f"The broker keeps the cursor {order.subscription} for itself. Nothing was moved.")
    moves = _moves(storage.log, order, topic, subscription, state)
    worker.save(state.as_json(), progress_of(order, state))
    if not moves.back and not moves.cleared:
        return
    state.begun = True
    worker.note(state.as_json(), progress_of(order, state))
    problems: list[str] = []

    def on_begin(partition: int) -> None:
        worker.note(state.as_json(), progress_of(order, state))

    def on_move(move: CursorMove) -> None:
        if move.result is MoveResult.MOVED:
            state.note_ready(topic, move.partition)
        else:
            problems.append(f"partition {move.partition}: {move.reason}")
        worker.note(state.as_json(), progress_of(order, state))

    if moves.back:
        there.reset_cursor(topic, order.subscription, moves.back, on_begin=on_begin, on_move=on_move)
    if moves.cleared:
        there.restore_cursor(topic, order.subscription, moves.cleared, on_begin=on_begin, on_move=on_move)
    if problems:
        raise StoreRefused(f"The cursor of {order.subscription} on {topic} was not moved everywhere: {'; '.join(problems)}")


def _moves(log: Log, order: ReplayOrder, topic: str, subscription: Subscription, state: WayState) -> Moves:
    """Return what becomes of each cursor that is not done yet, and note where it stands."""
    _check_told(order, topic, subscription)
    moves = Moves()
    stood, labels = state.stood.setdefault(topic, {}), state.labels.setdefault(topic, {})
    for cursor in subscription.cursors:
        at, bounds = cursor.partition, order.topics[topic].get(cursor.partition)
        if bounds is None or state.is_ready(topic, at):
            continue
        mark = cursor.acknowledged.token if cursor.acknowledged else ""
        if at in stood and mark < stood[at]:  # moved by the run before, which could not note it
            state.note_ready(topic, at)
            continue
        stood[at], labels[at] = mark, cursor.acknowledged.label if cursor.acknowledged else "start"
        first = log.position(topic, at, bounds.first_token)
        if cursor.acknowledged is not None and cursor.acknowledged >= first:
            moves.back[at] = Edge.EARLIEST if order.what.kind is Kind.EVERYTHING else first.message
        elif cursor.holes:
            moves.cleared[at] = CursorPlace(acknowledged=cursor.acknowledged)
        else:
            state.note_ready(topic, at)
    return moves


def _check_told(order: ReplayOrder, topic: str, subscription: Subscription) -> None:
    """Raise ``StoreUnreachable`` where the store tells nothing of a cursor: it must not be taken for one at the beginning."""
    told = {cursor.partition for cursor in subscription.cursors if cursor.told}
    silent = sorted(at for at in order.topics[topic] if at not in told)
    if silent:
        which = ", ".join(str(at) for at in silent[:5])
        raise StoreUnreachable(
            f"The store does not tell where the cursor of {subscription.name} on {topic} stands in the partitions {which}. "
            "It may have just started. Nothing was moved on this topic."
        )


def progress_of(order: ReplayOrder, state: WayState) -> Progress:
    """What was given to the projection: all of a partition as soon as its cursor stands before it."""
    given = sum(bounds.events for topic, partition, bounds in order.each() if state.is_ready(topic, partition))
    return Progress(done=given, total=order.looked_at)
