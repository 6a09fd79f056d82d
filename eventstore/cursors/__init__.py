"""Moving cursors: what a move would do, planned and counted first, then done as planned or refused."""

from eventstore.cursors.counted import Counts
from eventstore.cursors.following import (
    MOST_FOLLOWED,
    Affected,
    Followed,
    FollowedAggregate,
    affected_by,
    as_acknowledged,
    taken_by,
)
from eventstore.cursors.plans import Move, MovePlan, is_confirmed_by
from eventstore.cursors.resets import Target
from eventstore.cursors.skips import Count, Ends
from eventstore.cursors.undo import UndoMove, Undone, UndoPlan, undone_of
from eventstore.cursors.undo_action import UNDO_MOVE
from eventstore.cursors.verbs import CLEAR, EXPIRE, MOVES, RESET_CURSOR, SKIP_BEFORE, SKIP_COUNT, SKIP_EVENT, SKIPS

__all__ = [
    "CLEAR",
    "EXPIRE",
    "MOST_FOLLOWED",
    "MOVES",
    "RESET_CURSOR",
    "SKIPS",
    "SKIP_BEFORE",
    "SKIP_COUNT",
    "SKIP_EVENT",
    "UNDO_MOVE",
    "Affected",
    "Count",
    "Counts",
    "Ends",
    "Followed",
    "FollowedAggregate",
    "Move",
    "MovePlan",
    "Target",
    "UndoMove",
    "UndoPlan",
    "Undone",
    "affected_by",
    "as_acknowledged",
    "is_confirmed_by",
    "taken_by",
    "undone_of",
]
