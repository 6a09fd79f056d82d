"""Subscriptions: how much waits behind each cursor, and what moving a cursor would do."""

from eventstore.subscriptions.backlog import Backlog, Counted, State
from eventstore.subscriptions.cursor_resets import Move, ResetPlan

__all__ = ["Backlog", "Counted", "Move", "ResetPlan", "State"]
