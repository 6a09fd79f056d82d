"""Calls of a driver that move cursors, or acknowledge for them, one partition after the other: each is a part of the act."""

import time
from collections.abc import Callable, Iterable
from functools import partial

from eventstore.actions.outcome import Ending, Part
from eventstore.actions.running import Running
from eventstore.model.cursor_moves import CursorMove, MoveResult, OnBegin, OnMove
from eventstore.model.errors import EventStoreError, LeaseLost

ENDINGS = {
    MoveResult.MOVED: Ending.DONE,
    MoveResult.NOT_MOVED: Ending.FAILED,
    MoveResult.FAILED: Ending.FAILED,
    MoveResult.UNKNOWN: Ending.UNKNOWN,
}
NOT_TRIED = "It was not tried, because another partition failed before it."
LONGEST = 40.0
"""Seconds after which no further partition is begun. Somebody waits for the answer, and proxies often give up after 60."""
OUT_OF_TIME = (
    f"It was not tried: the partitions before it had taken {LONGEST:.0f} seconds, and somebody waits for the answer. Do the "
    "same again for the rest."
)
OTHERS_NOT_TRIED = "The partitions after it were not tried, as somebody waits for the answer."

Call = Callable[[OnBegin, OnMove], None]
"""A driver's call, with its two callbacks left open."""


class OutOfTime(EventStoreError):
    """The act has taken so long that it ends here."""


def part_name(partition: int) -> str:
    """The name of a partition's part of an act."""
    return f"partition {partition}"


def carry_out(
    act: Running, partitions: Iterable[int], call: Call, on_move: OnMove = lambda move: None, *, again_helps: bool = False
) -> None:
    """Make the driver's call for these partitions. An error ends it, and is raised if nothing can have been changed.

    ``on_move`` is told of each partition first. ``again_helps``: the same act again goes on with what is left, so that this
    one ends after ``LONGEST``.
    """

    def moved(move: CursorMove) -> None:
        on_move(move)
        reason = move.reason or move.incomplete
        act.parts.append(Part(name=part_name(move.partition), ending=ENDINGS[move.result], reason=reason))

    begin = partial(_begin, act, set(), time.monotonic() + LONGEST if again_helps else None)
    try:
        call(begin, moved)
    except EventStoreError as error:
        if all(part.ending is Ending.FAILED for part in act.parts):
            if isinstance(error, OutOfTime):
                raise OutOfTime(_first_reason(act)) from error
            raise
        why = str(error) if isinstance(error, LeaseLost | OutOfTime) else NOT_TRIED
        tried = {part.name for part in act.parts}
        rest = [name for name in map(part_name, partitions) if name not in tried]
        act.parts += [Part(name=name, ending=Ending.FAILED, reason=why) for name in rest]


def _first_reason(act: Running) -> str:
    """Why the first partition failed, rather than that the time was over then: a person can mend only that."""
    first = next((part for part in act.parts if part.reason), None)
    return f"{first.name}: {first.reason} {OTHERS_NOT_TRIED}" if first else OUT_OF_TIME


def _begin(act: Running, begun: set[int], until: float | None, partition: int) -> None:
    """Called before each partition, and again while one takes long: what was begun is done to its end."""
    if until is not None and begun and partition not in begun and time.monotonic() > until:
        raise OutOfTime(OUT_OF_TIME)
    begun.add(partition)
    act.renew()
