"""Subscriptions: how much waits behind each cursor, and what moving a cursor would do."""

from eventstore.subscriptions.backlog import Backlog, Counted, State
from eventstore.subscriptions.cursor_resets import Move, ResetPlan, Target
from eventstore.subscriptions.reset_action import RESET_CURSOR
from eventstore.subscriptions.samples import Setback

__all__ = ["RESET_CURSOR", "Backlog", "Counted", "Move", "ResetPlan", "Setback", "State", "Target"]
