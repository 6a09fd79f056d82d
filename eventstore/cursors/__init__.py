"""Moving cursors: what a move would do, planned and counted first, then done as planned or refused."""

from eventstore.cursors.reset_action import RESET_CURSOR, part_name
from eventstore.cursors.resets import Move, ResetPlan, Target

__all__ = ["RESET_CURSOR", "Move", "ResetPlan", "Target", "part_name"]
