"""Moving cursors: what a move would do, planned and counted first, then done as planned or refused."""

from eventstore.cursors.executing import part_name
from eventstore.cursors.plans import Move, MovePlan
from eventstore.cursors.resets import Target
from eventstore.cursors.skips import Count, Ends
from eventstore.cursors.verbs import CLEAR, EXPIRE, MOVES, RESET_CURSOR, SKIP_BEFORE, SKIP_COUNT, SKIP_EVENT, SKIPS

__all__ = [
    "CLEAR",
    "EXPIRE",
    "MOVES",
    "RESET_CURSOR",
    "SKIPS",
    "SKIP_BEFORE",
    "SKIP_COUNT",
    "SKIP_EVENT",
    "Count",
    "Ends",
    "Move",
    "MovePlan",
    "Target",
    "part_name",
]
