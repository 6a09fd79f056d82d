"""Moving a subscription's cursors, and reading each of them back: a broker may answer 204 and do nothing.

Seen on 4.2.4: a reset that meets an acknowledgement on its way is dropped, and the answer is 204 all the same
(apache/pulsar#26304). What proves that a cursor was moved, while consumers may acknowledge at any moment:

- An entry before the target is not acknowledged: not moved, because a reset acknowledges all entries before its target.
- Otherwise, nothing was acknowledged from the target on: moved, because there is nothing to redeliver.
- An entry from the target on was acknowledged before and is not now: moved, because nothing else takes one back.
- Everything to redeliver is acknowledged: not moved, or handled again already. The broker counts its deliveries to a
  subscription. If there were fewer deliveries than entries, the cursor was not moved. If not, nothing proves either.

A cursor that was not moved is reset again. This is safe, because nothing has changed yet.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.ledgers import Entry, Layout, layout_of, ledger_and_entry, less
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import place_of
from eventstore.drivers.pulsar.subscriptions.listing import check_movable, cursors_in, holes_in, place_of_cursor
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.cursor_moves import CursorMove, MoveResult, OnBegin, OnMove, ignore_begin, ignore_move
from eventstore.model.errors import (
    EventStoreError,
    InvalidPosition,
    LeaseLost,
    StoreUnreachable,
    UnknownSubscription,
    UnknownTopic,
)
from eventstore.model.events import Position
from eventstore.model.log import Edge

TRIES = 3
RETRY_SECONDS = 20.0
"""No try begins later than this after the first one, so that a partition takes less time than an action's lease."""
NOT_MOVED = "The broker confirmed the move, but the cursor is where it was. Try again."
NOT_READ_BACK = "The broker confirmed the move, but the cursor could not be read back:"
NOT_PROVEN = "The cursor may have moved: consumers may have handled everything again before it was read back."
NOT_THERE = "Nothing lies at this position: retention has removed it, or the topic was made anew. Open the event from a list."

Target = tuple[int, int] | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A subscription in one partition at one moment. Positions are (ledger, entry); ``holes`` begin behind their first.

    ``delivered`` counts messages ever delivered to the subscription, since the broker loaded the topic; ``None`` where the
    broker does not say.
    """

    layout: Layout
    mark: Entry
    holes: Sequence[tuple[Entry, Entry]]
    delivered: int | None


def reset(
    admin: Admin,
    known: KnownTopic,
    name: str,
    targets: Mapping[int, Position | Edge],
    on_begin: OnBegin = ignore_begin,
    on_move: OnMove = ignore_move,
) -> None:
    """Move the named partitions' cursors, one after the other; the first one that fails ends it."""
    steps = {
        partition: partial(_reset_one, admin, known, partition, name, _target(target)) for partition, target in targets.items()
    }
    check_movable(admin, known, name)
    for partition, place in targets.items():
        if isinstance(place, Position):
            _check_there(admin, known.log(partition), place)
    one_by_one(steps, on_begin, on_move)


def _check_there(admin: Admin, log: TopicName, place: Position) -> None:
    """A broker confirms a reset to any position. It then goes to the end, or to the first entry, without a word."""
    if not layout_of(admin.log_internals(log)).has(*place_of(place.token).first_entry):
        raise InvalidPosition(NOT_THERE)


def one_by_one(steps: Mapping[int, Callable[[], CursorMove]], on_begin: OnBegin, on_move: OnMove) -> None:
    """Take these steps in order of partition; the first one that fails ends it."""
    moved: list[str] = []
    for partition, step in sorted(steps.items()):
        on_begin(partition)
        try:
            move = step()
        except LeaseLost:
            raise
        except EventStoreError as error:
            result = MoveResult.UNKNOWN if isinstance(error, StoreUnreachable) else MoveResult.FAILED
            on_move(CursorMove(partition=partition, result=result, reason=str(error)))
            if not moved:
                raise
            before = ", ".join(moved)
            raise type(error)(f"{error} The cursors of these partitions have been moved already: {before}.") from error
        on_move(move)
        if move.result is MoveResult.MOVED:
            moved.append(str(partition))


def judge(before: Standing, after: Standing, target: Target) -> MoveResult:
    """Return what two looks prove: one before the reset, one after the broker has confirmed it."""
    layout = after.layout  # both looks are counted by it: a ledger that was trimmed or added between them shifts neither
    aim = _place(layout, before.layout, target)
    if layout.count_up_to(*after.mark) < aim:
        return MoveResult.NOT_MOVED
    to_come_again = [(max(first, aim), end) for first, end in layout.acknowledged(before.mark, before.holes) if end > aim]
    if not to_come_again or less(to_come_again, layout.acknowledged(after.mark, after.holes)):
        return MoveResult.MOVED
    entries = sum(end - first for first, end in to_come_again)
    if before.delivered is None or after.delivered is None:
        return MoveResult.UNKNOWN
    since = after.delivered - before.delivered
    return MoveResult.NOT_MOVED if 0 <= since < entries else MoveResult.UNKNOWN  # less than none: counted anew meanwhile


def reset_one(admin: Admin, partition: int, log: TopicName, name: str, target: Target) -> CursorMove:
    """Move one partition's cursor, and read it back."""
    return _reset(admin, partition, log, name, target)[0]


def _reset_one(admin: Admin, known: KnownTopic, partition: int, name: str, target: Target) -> CursorMove:
    """Do as ``reset_one``, and tell where the cursor stood."""
    move, before = _reset(admin, partition, known.log(partition), name, target)
    if before is None:
        return move
    stood = place_of_cursor(str(known.name), partition, before.mark, before.holes, before.layout)
    return replace(move, stood=stood)


def _reset(admin: Admin, partition: int, log: TopicName, name: str, target: Target) -> tuple[CursorMove, Standing | None]:
    """Return what became of it, and the last look before that."""
    deadline = time.monotonic() + RETRY_SECONDS
    before = _first_look(admin, log, name)
    result = MoveResult.NOT_MOVED
    for _ in range(TRIES):
        admin.reset_cursor(log, name, target)
        try:
            after = _look(admin, log, name)
        except EventStoreError as error:
            return CursorMove(partition=partition, result=MoveResult.UNKNOWN, reason=f"{NOT_READ_BACK} {error}"), before
        result = judge(before, after, target) if before else MoveResult.UNKNOWN
        if result is not MoveResult.NOT_MOVED or time.monotonic() > deadline:
            break
        before = after
    reason = {MoveResult.NOT_MOVED: NOT_MOVED, MoveResult.UNKNOWN: NOT_PROVEN}.get(result, "")
    return CursorMove(partition=partition, result=result, reason=reason), before


def _first_look(admin: Admin, log: TopicName, name: str) -> Standing | None:
    """``None`` if there is no such cursor, perhaps because nobody has written to the partition yet. The reset will say so."""
    try:
        return _look(admin, log, name)
    except (UnknownTopic, UnknownSubscription):
        return None


def _look(admin: Admin, log: TopicName, name: str) -> Standing:
    """Read the cursor, and then the count of deliveries, so that everything acknowledged by then is counted."""
    internals = admin.log_internals(log)
    statistics = admin.statistics(log, 0)[0]
    cursor = cursors_in(internals).get(name)
    if cursor is None:
        raise UnknownSubscription(f"The topic {log} has no subscription of this name: go back to the list.")
    delivered = statistics.get("subscriptions", {}).get(name, {}).get("msgOutCounter")
    return Standing(
        layout=layout_of(internals),
        mark=ledger_and_entry(str(cursor.get("markDeletePosition", ""))),
        holes=holes_in(cursor),
        delivered=None if delivered is None else int(delivered),
    )


def _target(target: Position | Edge) -> Target:
    if isinstance(target, Edge):
        return target.value
    place = place_of(target.token)
    ledger, entry = place.first_entry
    return (ledger, entry + 1) if place.whole else (ledger, entry)


def _place(layout: Layout, layout_before: Layout, target: Target) -> int:
    """How many entries lie before the target. The latest edge is the end of the log as it was before the reset."""
    if target == Edge.EARLIEST.value:
        return 0
    if isinstance(target, str):
        return layout.count_up_to(*layout_before.last) if layout_before.last else 0
    ledger, entry = target
    return layout.count_up_to(ledger, entry - 1)
