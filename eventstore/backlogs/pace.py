"""How fast a subscription's backlog grows or falls, from what was seen in the last minutes, or from the store's own rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from eventstore.backlogs.looks import events_of
from eventstore.backlogs.stored import Step
from eventstore.model.subscriptions import Subscription
from eventstore.subscriptions import Backlog, Counted

SHORTEST, LONGEST = 45, 300
"""Seconds between two looks that are compared: a shorter time says little, a longer one says what is no longer so."""
STEP_SECONDS = 60
MOST_STEPS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Events a second. ``None``: not known.

    ``published``: into its topic. ``handled``: acknowledged, or as the store tells it, delivered for the first time.
    ``falls``: by how much the backlog falls; negative where it grows. ``drains_in``: when nothing will wait if that goes on;
    ``None`` also where it does not fall.
    """

    published: float | None = None
    handled: float | None = None
    falls: float | None = None
    drains_in: timedelta | None = None


NOT_KNOWN = Pace()


def pace_of(backlog: Backlog, steps: Sequence[Step]) -> Pace:
    """Return the pace now. ``steps``: what waited in the last hour, oldest first; the last one is this backlog's.

    While the index catches up, what it counts grows at the indexer's pace: the store's own rates are all that is known then.
    """
    seen = _seen(steps) if backlog.counted is not Counted.INDEX_BEHIND else NOT_KNOWN
    told = _told(backlog.subscription)
    falls = seen.falls if seen.falls is not None else told.falls
    drains_in = None
    if falls is not None and falls > 0 and backlog.waiting:
        drains_in = timedelta(seconds=min(backlog.waiting / falls, 1e9))
    return Pace(
        published=seen.published if seen.published is not None else told.published,
        handled=seen.handled if seen.handled is not None else told.handled,
        falls=falls,
        drains_in=drains_in,
    )


def next_steps(backlog: Backlog, before: Sequence[Step]) -> Sequence[Step]:
    """Add what waits now, once a minute. The last step is always the newest."""
    now = Step(int(backlog.as_of.timestamp()), backlog.waiting, events_of(backlog))
    done = [step for step in before if step.at > now.at - MOST_STEPS * STEP_SECONDS]
    if len(done) > 1 and done[-1].at // STEP_SECONDS == done[-2].at // STEP_SECONDS:
        done.pop()
    return [*done, now][-MOST_STEPS - 1 :]


def _seen(steps: Sequence[Step]) -> Pace:
    """Compare the newest look with the one about a minute before it, if both counted in the same way."""
    if not steps:
        return Pace()
    now = steps[-1]
    alike = [step for step in steps if (step.events is None) == (now.events is None)]
    before = next((step for step in reversed(alike) if SHORTEST <= now.at - step.at <= LONGEST), None)
    if before is None:
        return Pace()
    seconds = now.at - before.at
    falls = (before.waiting - now.waiting) / seconds
    if now.events is None or before.events is None:
        return Pace(falls=falls)
    published = max(0.0, (now.events - before.events) / seconds)
    return Pace(published=published, handled=max(0.0, published + falls), falls=falls)


def _told(subscription: Subscription) -> Pace:
    """The store's own rates of the last minute. What comes again is not handled by that."""
    published, delivered = subscription.rate_in, subscription.rate_out
    if published is None or delivered is None:
        return Pace(published=published)
    handled = max(0.0, delivered - (subscription.rate_redelivered or 0.0))
    return Pace(published=published, handled=handled, falls=handled - published)
