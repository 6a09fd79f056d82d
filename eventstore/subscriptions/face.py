"""The desk's face for subscriptions: how much waits behind each, and what comes next."""

from collections.abc import Callable, Sequence, Set
from datetime import timedelta

from django.utils import timezone

from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription, SubscriptionCapabilities, Subscriptions
from eventstore.streams.rows import Row
from eventstore.subscriptions.backlog import Backlog, backlog_of, first_waiting
from eventstore.subscriptions.samples import Samples


class SubscriptionFace:
    """``desk.subscriptions``. ``UnknownTopic`` and ``UnknownSubscription`` for names that are not there now."""

    def __init__(
        self,
        *,
        storage: Storage,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        stuck_after: timedelta,
    ) -> None:
        """``stuck_after`` is how long an event may wait before a subscription that does not move is called stuck."""
        self._storage, self._rows_of = storage, rows_of
        self._stuck_after = stuck_after
        self._samples = Samples()

    @property
    def supported(self) -> bool:
        """Whether the store has subscriptions. If not, whatever needs them raises ``NotSupported``."""
        return self._storage.subscriptions is not None

    @property
    def capabilities(self) -> SubscriptionCapabilities:
        return self._there.capabilities

    @property
    def lists_consumers(self) -> bool:
        """Whether each subscription's connected consumers are known."""
        return self.supported and self.capabilities.lists_consumers

    def named(self, topic: str, name: str) -> Subscription:
        """The subscription as the store shows it now: its cursors and its consumers."""
        return self._there.named(topic, name)

    def backlogs(self, topic: str) -> Sequence[Backlog]:
        """Each durable subscription of the topic with its waiting events, by name."""
        return [self._backlog(subscription) for subscription in self._there.of_topic(topic)]

    def backlog(self, topic: str, name: str) -> Backlog:
        """One subscription with its waiting events."""
        return self._backlog(self.named(topic, name))

    def first_waiting(
        self, subscription: Subscription, limit: int = 10, *, partitions: Set[int] | None = None
    ) -> Sequence[Row]:
        """The events that the subscription receives next (of these partitions), as far as the index knows them: the first one
        of each partition comes first."""
        return self._rows_of(first_waiting(subscription, limit, partitions))

    @property
    def _there(self) -> Subscriptions:
        return subscriptions_of(self._storage)

    def _backlog(self, subscription: Subscription) -> Backlog:
        seen = self._samples.see(subscription, timezone.now())
        return backlog_of(subscription, self.capabilities, self._stuck_after, seen)
