"""What a cursor's move leaves behind in the desk: figures that are old now, and events that it has skipped.

The move has happened by then. If the index's database fails over this, the log says so: a page that reported an error would
invite a second one. What was skipped may then show in later looks at the cursor.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from dashboard.auditing.acts import Act
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.subscriptions import backlog_cache
from eventstore.actions import Ending, Outcome, Resource
from eventstore.cursors import MovePlan, UndoPlan, as_acknowledged, taken_by
from eventstore.model import EventStoreError

logger = logging.getLogger(__name__)


def forget_figures() -> None:
    """Let the next page ask the store anew."""
    try:
        backlog_cache.forget()
    except DatabaseError as error:
        logger.warning("The figures from before a cursor's move stay until they are asked for again: %s", type(error).__name__)


def note_skips(plan: MovePlan, outcome: Outcome) -> None:
    """Remember what was skipped, and what may have been, where nothing proves whether a cursor was moved."""
    _note(plan.topic, plan.subscription, plan.details(), outcome.details(), ended=outcome.ending is Ending.DONE)


def note_act(act: Act) -> None:
    """As ``note_skips``, of a move that an error has ended: it may have moved something all the same."""
    if act.state != State.FAILED:
        topic, name = act.resource.topic, act.resource.subscription
        _note(topic, name, act.details, act.outcome, ended=act.state == State.DONE)


def note_interrupted(resource: Resource, details: Mapping[str, Any]) -> None:
    """As ``note_skips``, of a move that a crash left open. What is not acknowledged by now, it has not skipped."""
    _note(resource.topic, resource.subscription, details, {}, ended=False, acknowledged_alone=True)


def _note(
    topic: str,
    name: str,
    details: Mapping[str, Any],
    outcome: Mapping[str, Any],
    *,
    ended: bool,
    acknowledged_alone: bool = False,
) -> None:
    try:
        subscription = desk().subscriptions.named(topic, name)
        certain, possible = taken_by(subscription, details, outcome, ended=ended)
        if acknowledged_alone:
            possible = as_acknowledged(subscription, possible)
        for skips, sure in ((possible, False), (certain, True)):
            if any(skips.values()):
                desk().delivery.note_moves(skips, subscription, timezone.now(), certain=sure)
    except (EventStoreError, DatabaseError) as error:
        logger.warning("What a cursor's move skipped could not be noted: %s", type(error).__name__)


def note_undo(plan: UndoPlan) -> None:
    """Remember that what was skipped is not skipped any more, in the partitions whose cursor was put back. What consumers
    have handled of it since then changes nothing."""
    try:
        desk().delivery.note_undo(plan.topic, plan.subscription, plan.given_back, timezone.now())
    except DatabaseError as error:
        logger.warning("That a cursor was put back could not be noted: %s", type(error).__name__)
