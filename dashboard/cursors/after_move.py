"""What a cursor's move leaves behind in the desk: figures that are old now, and events that it has skipped.

The move has happened by then. If the index's database fails over this, the log says so: a page that reported an error would
invite a second one. What was skipped may then show in later looks at the cursor.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from dashboard.auditing.acts import Act
from dashboard.gateway import desk
from dashboard.models import State
from dashboard.subscriptions import backlog_cache
from eventstore.actions import Ending, Outcome, Resource
from eventstore.cursors import MovePlan, UndoPlan, as_acknowledged, taken_by
from eventstore.model import EventStoreError, StoreUnreachable, Subscription

logger = logging.getLogger(__name__)

Taken = Mapping[int, Sequence[tuple[str, str]]]
"""By partition: places behind the first token, up to and including the second."""
NOT_NOTED = "What a cursor's move skipped could not be noted: %s"


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
    """As ``note_skips``, of a move that a crash left open. What is not acknowledged by now, it has not skipped.

    Raises ``StoreUnreachable`` or ``DatabaseError`` where it cannot be noted yet. Of a subscription that is gone,
    nothing is noted.
    """
    try:
        subscription = desk().subscriptions.named(resource.topic, resource.subscription)
    except StoreUnreachable:
        raise
    except EventStoreError as error:
        logger.warning(NOT_NOTED, type(error).__name__)
        return
    certain, possible = taken_by(subscription, details, {}, ended=False)
    _write(subscription, certain, as_acknowledged(subscription, possible))


def _note(topic: str, name: str, details: Mapping[str, Any], outcome: Mapping[str, Any], *, ended: bool) -> None:
    try:
        subscription = desk().subscriptions.named(topic, name)
        _write(subscription, *taken_by(subscription, details, outcome, ended=ended))
    except (EventStoreError, DatabaseError) as error:
        logger.warning(NOT_NOTED, type(error).__name__)


def _write(subscription: Subscription, certain: Taken, possible: Taken) -> None:
    for skips, sure in ((possible, False), (certain, True)):
        if any(skips.values()):
            desk().delivery.note_moves(skips, subscription, timezone.now(), certain=sure)


def note_undo(plan: UndoPlan) -> None:
    """Remember that what was skipped is not skipped any more, in the partitions whose cursor was put back. What consumers
    have handled of it since then changes nothing."""
    try:
        desk().delivery.note_undo(plan.topic, plan.subscription, plan.given_back, timezone.now())
    except DatabaseError as error:
        logger.warning("That a cursor was put back could not be noted: %s", type(error).__name__)
