"""Subscriptions: how much waits behind each cursor, and what moving a cursor would do."""

from eventstore.subscriptions.backlog import Backlog, Counted
from eventstore.subscriptions.cursor_resets import Move, ResetPlan, Target
from eventstore.subscriptions.holder import Holder
from eventstore.subscriptions.letters import By, LetterTopic
from eventstore.subscriptions.progress import Progress, Reached
from eventstore.subscriptions.reset_action import RESET_CURSOR, part_name
from eventstore.subscriptions.samples import Setback
from eventstore.subscriptions.state import State
from eventstore.subscriptions.waiting import WaitingOfAggregate, WaitingSummary

__all__ = [
    "RESET_CURSOR",
    "Backlog",
    "By",
    "Counted",
    "Holder",
    "LetterTopic",
    "Move",
    "Progress",
    "Reached",
    "ResetPlan",
    "Setback",
    "State",
    "Target",
    "WaitingOfAggregate",
    "WaitingSummary",
    "part_name",
]
