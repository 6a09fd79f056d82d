"""Subscriptions: how much waits behind each cursor, and what comes next."""

from eventstore.subscriptions.backlog import Backlog, Counted
from eventstore.subscriptions.holder import Holder
from eventstore.subscriptions.letters import By, LetterTopic
from eventstore.subscriptions.progress import Progress, Reached
from eventstore.subscriptions.samples import Setback
from eventstore.subscriptions.state import State
from eventstore.subscriptions.waiting import WaitingOfAggregate, WaitingSummary

__all__ = [
    "Backlog",
    "By",
    "Counted",
    "Holder",
    "LetterTopic",
    "Progress",
    "Reached",
    "Setback",
    "State",
    "WaitingOfAggregate",
    "WaitingSummary",
]
