"""Carrying out a planned move: each partition is a part of the act. And what the store shows of one after a crash."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from eventstore.actions import KEPT, Ending, Resource, Running, carry_out, part_name
from eventstore.cursors.places import stood_at, written
from eventstore.cursors.plans import MovePlan, Place
from eventstore.model.cursor_moves import CursorMove, OnBegin, OnMove
from eventstore.model.errors import EventStoreError, UnknownSubscription, UnknownTopic
from eventstore.model.log import Edge
from eventstore.model.storage import Storage, subscriptions_of

logger = logging.getLogger(__name__)


def _note_stood(plan: MovePlan, act: Running, move: CursorMove) -> None:
    """Keep where the cursor stood right before it was moved: what consumers have handled since the plan is not lost, and an
    undo does not deliver it again."""
    planned = plan.before.get(move.partition)
    if planned is None or move.stood is None:
        return
    stood = stood_at(planned, move.stood, len(plan.before))
    if stood != planned:
        _keep(act, "before", written({move.partition: stood}))


def _keep(act: Running, name: str, told: Mapping[str, Any]) -> None:
    kept = act.facts.get(KEPT, {})
    act.facts[KEPT] = {**kept, name: {**kept.get(name, {}), **told}}


def execute_reset(storage: Storage, plan: MovePlan, act: Running) -> None:
    there = subscriptions_of(storage)

    def call(on_begin: OnBegin, on_move: OnMove) -> None:
        there.reset_cursor(plan.topic, plan.subscription, _changed_first(plan), on_begin=on_begin, on_move=on_move)

    try:
        carry_out(act, plan.targets(), call, partial(_note_stood, plan, act), again_helps=True)
    finally:
        _note_edges(storage, plan, act)


def _changed_first(plan: MovePlan) -> Mapping[int, Place]:
    """Last come the partitions in which no event comes again or never: those that an act before this one has moved."""
    moves = sorted(plan.moves, key=lambda move: (move.again == move.passed_over == 0, move.partition))
    return {move.partition: move.goes_to for move in moves}


def _note_edges(storage: Storage, plan: MovePlan, act: Running) -> None:
    """Note where cursors stand that went to the latest edge: only now is it known where that was. What consumers have
    acknowledged by then counts as skipped, so an undo delivers it once more."""
    moved = {part.name for part in act.parts if part.ending is not Ending.FAILED}
    to_edge = {move.partition for move in plan.moves if move.goes_to is Edge.LATEST and part_name(move.partition) in moved}
    if not to_edge:
        return
    try:
        cursors = subscriptions_of(storage).named(plan.topic, plan.subscription).cursors
    except EventStoreError as error:
        logger.warning("Where a cursor was moved to could not be kept, so an undo delivers more twice: %s", error)
        return
    stand = {cursor.partition: cursor.acknowledged for cursor in cursors if cursor.partition in to_edge}
    _keep(act, "until", {str(at): place.token if place else "" for at, place in stand.items()})


def execute_skip(storage: Storage, plan: MovePlan, act: Running) -> None:
    there = subscriptions_of(storage)

    def call(on_begin: OnBegin, on_move: OnMove) -> None:
        if plan.alone:
            there.acknowledge(plan.topic, plan.subscription, plan.ranges(), on_begin=on_begin, on_move=on_move)
        else:
            behind = {move.partition: move.stands_at for move in plan.moves}
            there.skip(plan.topic, plan.subscription, plan.ends(), behind=behind, on_begin=on_begin, on_move=on_move)

    carry_out(act, plan.targets(), call, partial(_note_stood, plan, act), again_helps=True)


def shown(storage: Storage, resource: Resource, details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the cursor stands now."""
    try:
        subscription = subscriptions_of(storage).named(resource.topic, resource.subscription)
    except (UnknownTopic, UnknownSubscription):
        return {"subscription": "is not there"}
    places = {str(c.partition): c.acknowledged.label if c.acknowledged else "start" for c in subscription.cursors}
    return {"stands_at": places, "backlog": subscription.backlog}
