"""The state of a subscription in one word: the one list of states, and what each is judged by."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from eventstore.model.subscriptions import Subscription

PHANTOMS = frozenset({"liiklus-end-offsets-reader"})
"""Subscriptions that a gateway keeps and nobody ever acknowledges: their backlog means nothing."""


class State(StrEnum):
    """docs/diagnosis.md says what each means, and what to do."""

    HEALTHY = "healthy"
    """Nothing waits, and something was handled within the limit."""
    IDLE = "idle"
    """Nothing waits, and nothing was handled within the limit."""
    CATCHING_UP = "catching up"
    SLOW = "slow"
    """It moves, but events wait longer than the limit, and more and more do."""
    DELAYED = "delayed"
    """Events wait, and their publishers want all of them delivered later."""
    HELD_BACK = "held back"
    """Everything that can be delivered is acknowledged; what follows waits for an open transaction."""
    STUCK = "stuck"
    BLOCKED = "blocked"
    """Stuck, and the store gives its consumers no more until they acknowledge what they hold."""
    NO_CONSUMERS = "no consumers"
    """Events wait, and nobody is connected."""
    TRIMMED = "trimmed past its cursor"
    """Events that waited are gone, and nothing has been acknowledged since."""
    EXTERNAL = "external positions"
    """Its consumers keep their positions elsewhere, as the configuration says."""
    PHANTOM = "phantom"
    """Nobody has ever acknowledged anything, and nobody is there to."""
    STORES_OWN = "the store's own"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """What a state is judged by, beside the subscription itself. ``limit`` is ``limits.stuck_after_seconds``."""

    now: datetime
    limit: timedelta
    waiting: int = 0
    oldest: datetime | None = None
    stands: bool = False
    """In some partition a due event has waited, and the cursor has stood, for longer than ``limit``."""
    lists_consumers: bool = True
    external: bool = False
    grows: bool | None = None
    """More waits than ``limit`` ago; ``None`` where it was not watched for as long."""
    passed_over: datetime | None = None
    """When it was found that events which waited were gone."""


def judge(subscription: Subscription, signs: Signs) -> State:
    """Return the first state that holds, in the order of what a reader has to know first."""
    held_back = any(cursor.behind for cursor in subscription.cursors)
    delayed = signs.waiting > 0 and only_delayed(subscription)
    waits = signs.waiting > 0 and not delayed
    nobody = signs.lists_consumers and not subscription.consumers
    by_rank = (
        (State.STORES_OWN, subscription.kind.of_the_store),
        (State.EXTERNAL, signs.external),
        (State.PHANTOM, is_phantom(subscription, signs)),
        (State.TRIMMED, _is_trimmed(subscription, signs)),
        (State.NO_CONSUMERS, nobody and (signs.stands or (waits and not held_back))),
        (State.BLOCKED, signs.stands and is_blocked(subscription)),
        (State.STUCK, signs.stands),
        (State.HELD_BACK, held_back),
        (State.DELAYED, delayed),
        (State.SLOW, waits and _falls_behind(subscription, signs)),
        (State.CATCHING_UP, waits),
        (State.HEALTHY, _handled_lately(subscription, signs)),
    )
    return next((state for state, holds in by_rank if holds), State.IDLE)


def is_phantom(subscription: Subscription, signs: Signs) -> bool:
    """Whether nobody acknowledges: by its name, or because nothing ever was acknowledged and nobody is connected.

    A subscription without an acknowledgement that was made a moment ago is none yet: events have to wait for the limit.
    """
    if subscription.name in PHANTOMS:
        return True
    if subscription.consumers or not signs.lists_consumers or not signs.stands:
        return False
    return never_acknowledged(subscription) and subscription.delivered is None


def never_acknowledged(subscription: Subscription) -> bool:
    """Whether every cursor stands where the log begins, and the store knows of no acknowledgement."""
    untouched = all(not cursor.holes and cursor.acknowledged is None for cursor in subscription.cursors)
    moved = [cursor.moved for cursor in subscription.cursors if cursor.moved]
    return untouched and not moved and subscription.acked is None and subscription.moved is None


def is_blocked(subscription: Subscription) -> bool:
    """Whether the store gives nobody more: the subscription as a whole, or each of its consumers, holds too many events."""
    return subscription.blocked or (
        bool(subscription.consumers) and all(consumer.blocked for consumer in subscription.consumers)
    )


def only_delayed(subscription: Subscription) -> bool:
    delayed = sum(cursor.delayed for cursor in subscription.cursors)
    return delayed > 0 and all(cursor.delayed >= cursor.backlog for cursor in subscription.cursors)


def _is_trimmed(subscription: Subscription, signs: Signs) -> bool:
    return signs.passed_over is not None and (subscription.acked is None or subscription.acked < signs.passed_over)


def _falls_behind(subscription: Subscription, signs: Signs) -> bool:
    """Events wait for longer than the limit, and the backlog grows all the same: neither alone is slow."""
    late = signs.oldest is not None and signs.oldest < signs.now - signs.limit
    return late and (_rates_grow(subscription) if signs.grows is None else signs.grows)


def _rates_grow(subscription: Subscription) -> bool:
    """By the store's rates, which are of the last minute: more is published than is delivered for the first time."""
    rate_in, rate_out = subscription.rate_in, subscription.rate_out
    if rate_in is None or rate_out is None:
        return False
    return rate_in > 1.05 * max(0.0, rate_out - (subscription.rate_redelivered or 0.0)) > 0.0


def _handled_lately(subscription: Subscription, signs: Signs) -> bool:
    cursors = [cursor.moved for cursor in subscription.cursors]
    times = [at for at in (*cursors, subscription.moved, subscription.acked, subscription.delivered) if at]
    return max(times, default=signs.now - 2 * signs.limit) >= signs.now - signs.limit
