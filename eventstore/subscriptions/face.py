"""The desk's face for subscriptions: how much waits behind each, and what comes next."""

from collections.abc import Callable, Sequence, Set
from datetime import timedelta

from eventstore.model.pointers import Pointer
from eventstore.model.storage import Capabilities, Storage, Subscription
from eventstore.streams.rows import Row
from eventstore.subscriptions.backlog import Backlog, backlog_of, first_waiting


class SubscriptionFace:
    """``desk.subscriptions``. ``UnknownTopic`` and ``UnknownSubscription`` for names that are not there now."""

    def __init__(
        self,
        *,
        storage: Storage,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        stuck_after: timedelta,
    ) -> None:
        """``stuck_after``: how long an event may wait before a subscription that does not move is called stuck."""
        self._storage, self._rows_of = storage, rows_of
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

    def _backlog(self, subscription: Subscription) -> Backlog:
        return backlog_of(subscription, self.capabilities, self._stuck_after)
