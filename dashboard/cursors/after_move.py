"""What a cursor's move leaves behind in the desk: figures that are old now, and events that it has skipped.

The move has happened by then. If the index's database fails over this, the log says so: a page that reported an error would
invite a second one. What was skipped may then show in later looks at the cursor.
"""

import logging

from django.db import DatabaseError
from django.utils import timezone

from dashboard.gateway import desk
from dashboard.subscriptions import backlog_cache
from eventstore.actions import Ending, Outcome
from eventstore.cursors import MovePlan, UndoPlan, part_name
from eventstore.model import EventStoreError

logger = logging.getLogger(__name__)


def forget_figures() -> None:
    """Let the next page ask the store anew."""
    try:
        backlog_cache.forget()
    except DatabaseError as error:
        logger.warning("The figures from before a cursor's move stay until they are asked for again: %s", type(error).__name__)


def note_skips(plan: MovePlan, outcome: Outcome) -> None:
    """Remember what was skipped, in the partitions whose cursor was moved."""
    done = {part.name for part in outcome.parts if part.ending is Ending.DONE}
    all_done = outcome.ending is Ending.DONE
    moved = [move for move in plan.moves if all_done or part_name(move.partition) in done]
    if not moved:
        return
    try:
        subscription = desk().subscriptions.named(plan.topic, plan.subscription)
        desk().delivery.note_moves({move.partition: move.way for move in moved}, subscription, timezone.now())
    except (EventStoreError, DatabaseError) as error:
        logger.warning("What a cursor's move skipped could not be noted: %s", type(error).__name__)


def note_undo(plan: UndoPlan) -> None:
    """Remember that what was skipped is not skipped any more, in the partitions whose cursor was put back. What consumers
    have handled of it since then changes nothing."""
    try:
        desk().delivery.note_undo(plan.topic, plan.subscription, plan.given_back, timezone.now())
    except DatabaseError as error:
        logger.warning("That a cursor was put back could not be noted: %s", type(error).__name__)
