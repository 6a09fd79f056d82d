"""The desk's face for subscriptions: how much waits behind each, what comes next, and moving a cursor."""

from collections.abc import Callable, Sequence, Set
from datetime import timedelta

from eventstore.actions.perform import Actor, May, Record, acting
from eventstore.model.errors import StalePlan
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Capabilities, Storage, Subscription
from eventstore.streams.rows import Row
from eventstore.subscriptions.backlog import Backlog, backlog_of, first_waiting
from eventstore.subscriptions.cursor_resets import ResetPlan, Target, plan_reset


class SubscriptionFace:
    """``desk.subscriptions``. ``UnknownTopic`` and ``UnknownSubscription`` for names that are not there now."""

    def __init__(
        self,
        *,
        storage: Storage,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        record: Record,
        may: May,
        stuck_after: timedelta,
    ) -> None:
        """``stuck_after``: how long an event may wait before a subscription that does not move is called stuck."""
        self._storage, self._rows_of = storage, rows_of
        self._record, self._may = record, may
        self._stuck_after = stuck_after

    @property
    def capabilities(self) -> Capabilities:
        return self._storage.capabilities

    def named(self, topic: str, name: str) -> Subscription:
        """The subscription as the store shows it now: its cursors and its consumers."""
        return self._storage.subscription(topic, name)

    def backlogs(self, topic: str) -> Sequence[Backlog]:
        """Each durable subscription of the topic with its waiting events, by name."""
        return [self._backlog(subscription) for subscription in self._storage.subscriptions(topic)]

    def backlog(self, topic: str, name: str) -> Backlog:
        """One subscription with its waiting events."""
        return self._backlog(self.named(topic, name))

    def first_waiting(
        self, subscription: Subscription, limit: int = 10, *, partitions: Set[int] | None = None
    ) -> Sequence[Row]:
        """The events that the subscription receives next (of these partitions), as far as the index knows them: the first one
        of each partition comes first."""
        return self._rows_of(first_waiting(subscription, limit, partitions))

    def plan_cursor_reset(self, topic: str, name: str, target: Target) -> ResetPlan:
        """What moving the cursor would do; nothing is touched."""
        return plan_reset(self._storage, topic, name, target)

    def reset_cursor(self, actor: Actor, topic: str, name: str, target: Target, *, digest: str, reason: str = "") -> ResetPlan:
        """Move the cursor as the plan with this digest said; ``StalePlan`` where that is no longer what would happen.

        ``reason`` is the actor's own words for the record.
        """
        plan = self.plan_cursor_reset(topic, name, target)
        scope = f"{topic} {name}"
        details = {**plan.details(), "reason": reason} if reason else plan.details()
        with acting(self._record, self._may, actor, "reset_cursor", scope, details) as outcome:
            if not plan.confirmed_by(digest):
                raise StalePlan("The subscription has changed since you looked. Nothing was moved: look at it again.")
            self._storage.reset_cursor(topic, name, plan.targets())
            outcome["events_again"] = plan.again
            outcome["events_passed_over"] = plan.passed_over
        return plan

    def _backlog(self, subscription: Subscription) -> Backlog:
        return backlog_of(subscription, self.capabilities, self._stuck_after)
