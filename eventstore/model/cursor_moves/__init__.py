"""Moving a subscription's cursors: the calls of a driver that move them, and what became of each cursor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from eventstore.model.events import Position
from eventstore.model.log import Edge


class MoveResult(StrEnum):
    """What became of one partition's cursor, read back after the store had said that it moved it."""

    MOVED = "moved"
    NOT_MOVED = "not moved"
    FAILED = "failed"
    """The store refused; the cursor stands where it stood."""
    UNKNOWN = "unknown"
    """The store did not answer, or what was read back proves neither."""


Range = tuple[Position, Position]
"""Everything behind the first place, up to and including the second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorPlace:
    """Where a cursor stands, as ``Cursor`` tells it: everything up to ``acknowledged`` and in ``holes`` is acknowledged."""

    acknowledged: Position | None
    holes: Sequence[Range] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorMove:
    """One partition's part of a cursor reset. ``reason`` is a sentence if it was not moved."""

    partition: int
    result: MoveResult
    reason: str = ""
    incomplete: str = ""
    """Of a cursor that was restored: why some of what it had acknowledged is delivered once more, in a sentence."""
    stood: CursorPlace | None = None
    """Of a cursor that was reset or skipped: where it stood right before that, as far as the store has told."""


OnBegin = Callable[[int], None]
OnMove = Callable[[CursorMove], None]


def ignore_begin(partition: int) -> None:
    """For callers that hold nothing to renew."""


def ignore_move(move: CursorMove) -> None:
    """For callers that check the subscription themselves."""


MOVED_BACK = (
    "The cursor was moved back meanwhile, by a consumer or another tool, so more would be skipped than the preview "
    "had listed. Look at the new preview."
)


def of_messages(targets: Mapping[int, Position | Edge]) -> Mapping[int, Position | Edge]:
    """Return the targets of a reset as places of whole messages, which are all that a cursor knows."""
    return {at: place.message if isinstance(place, Position) else place for at, place in targets.items()}


class CursorMoves(Protocol):
    """A driver's calls that move cursors.

    Each cursor is read back. Both callbacks run in the caller's thread: ``on_begin`` with a partition's number right before
    each step that changes something, ``on_move`` with the partition's result as soon as that is known. An error that they
    raise ends the call, and so does an error of the store. Partitions without a result were not tried.
    """

    def reset_cursor(
        self,
        topic: str,
        name: str,
        targets: Mapping[int, Position | Edge],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """Move the cursor of each named partition: the event *at* the position is the next one to be received, with its whole
        message if it is a member of a batch.

        Later acknowledgements are forgotten. Partitions that are not named stay. See ``reset_disconnects``.
        """
        ...

    def restore_cursor(
        self,
        topic: str,
        name: str,
        places: Mapping[int, CursorPlace],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """Put the cursor of each named partition to a place, acknowledged ranges beyond it included.

        A place that the store has removed since means the first event that is left. See ``acknowledges_as_member`` for the
        ranges: where they cannot be acknowledged, the cursor is moved all the same, and the result's ``incomplete`` says so.
        ``InvalidPosition`` if the partition ends before the place.
        """
        ...

    def acknowledge(
        self,
        topic: str,
        name: str,
        ranges: Mapping[int, Sequence[Range]],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """Acknowledge whole messages by their places, without receiving any. The cursor moves only over what is acknowledged.

        What is acknowledged already, or removed, is left alone. ``StoreRefused`` if a consumer is in the way (see
        ``acknowledges_as_member``).
        """
        ...

    def skip(
        self,
        topic: str,
        name: str,
        ends: Mapping[int, Position],
        *,
        behind: Mapping[int, Position | None] | None = None,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """Acknowledge, in each named partition, everything up to and including the message at the position, as if consumers
        had: what is acknowledged beyond stays so, consumers stay connected, and a cursor never goes back.

        ``behind`` says where cursors stood when the skip was worked out. One that stands before that by now was moved back,
        and is ``NOT_MOVED``: more would be skipped than anybody has seen.

        What a consumer holds of it at that moment it may still handle. ``InvalidPosition``, and nothing was moved, if nothing
        lies at a position.
        """
        ...
