"""The desk's face for subscriptions: how much waits behind each, and what comes next."""

from collections.abc import Callable, Sequence, Set
from datetime import datetime, timedelta

from django.utils import timezone

from eventstore.config.subscriptions import DeclaredSubscription
from eventstore.model.events import Page
from eventstore.model.pointers import Pointer
from eventstore.model.storage import Storage, subscriptions_of
from eventstore.model.subscriptions import Subscription, SubscriptionCapabilities, Subscriptions
from eventstore.streams.rows import Row
from eventstore.subscriptions.backlog import Backlog, IsExternal, backlogs_of, none_external
from eventstore.subscriptions.holder import Holder, holders
from eventstore.subscriptions.letters import LetterTopic, letter_topics
from eventstore.subscriptions.progress import Progress, Reached, progress, reach
from eventstore.subscriptions.samples import Samples, Seen
from eventstore.subscriptions.waiting import (
    WaitingOfAggregate,
    WaitingSummary,
    first_waiting,
    next_waiting,
    waiting_of,
    waiting_of_aggregate,
    waiting_page,
    waiting_summary,
)

OnLook = Callable[[Sequence[str], Sequence[Subscription], datetime], None]
"""Called with topics, all of their subscriptions as the store told them, and when it was asked."""


def ignore_look(topics: Sequence[str], subscriptions: Sequence[Subscription], at: datetime) -> None:
    """For whoever keeps nothing of it."""


class SubscriptionFace:
    """``desk.subscriptions``. ``UnknownTopic`` and ``UnknownSubscription`` for names that are not there now."""

    def __init__(
        self,
        *,
        storage: Storage,
        rows_of: Callable[[Sequence[Pointer]], list[Row]],
        stuck_after: timedelta,
        on_look: OnLook = ignore_look,
        is_external: IsExternal = none_external,
        declared: Sequence[DeclaredSubscription] = (),
    ) -> None:
        """``stuck_after`` is how long an event may wait before a subscription that does not move is called stuck."""
        self._storage, self._rows_of, self._declared = storage, rows_of, declared
        self._stuck_after, self._on_look, self._is_external = stuck_after, on_look, is_external
        self._samples = Samples(a_while=stuck_after)

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

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        """The topic's durable subscriptions, by name, as the store shows them now. Asks nothing of the index."""
        return self._there.of_topic(topic)

    def backlogs(self, topic: str) -> Sequence[Backlog]:
        """Each durable subscription of the topic with its waiting events, by name."""
        found = self.of_topic(topic)
        self.noted([topic], found, timezone.now())
        return self.counted(found)

    def backlog(self, topic: str, name: str) -> Backlog:
        """One subscription with its waiting events."""
        return self.counted([self.named(topic, name)])[0]

    def noted(self, topics: Sequence[str], subscriptions: Sequence[Subscription], at: datetime) -> None:
        """Take note of what the store told of these topics then, to this process or to another: all of their subscriptions."""
        self._on_look(topics, subscriptions, at)

    def counted(self, subscriptions: Sequence[Subscription]) -> Sequence[Backlog]:
        """These subscriptions, which the store has just shown, with their waiting events: few queries, however many."""
        now = timezone.now()
        told = [(subscription, self._samples.see(subscription, now)) for subscription in subscriptions]
        return backlogs_of(told, self.capabilities, self._stuck_after, self._is_external)

    def learn(self, backlogs: Sequence[Backlog]) -> None:
        """Take over what other processes saw of these subscriptions: where each cursor stood, and since when."""
        for backlog in backlogs:
            seen = Seen(setbacks=backlog.setbacks, standing=backlog.standing, past=backlog.past)
            self._samples.learn(backlog.subscription, seen, backlog.as_of)

    def first_waiting(
        self, subscription: Subscription, limit: int = 10, *, partitions: Set[int] | None = None
    ) -> Sequence[Row]:
        """The events that the subscription receives next (of these partitions), as far as the index knows them: the first one
        of each partition comes first."""
        return self._rows_of(first_waiting(subscription, limit, partitions))

    def reach(self, subscription: Subscription) -> Reached:
        """What is acknowledged in each partition that is indexed: once for everything below that is asked of it."""
        return reach(subscription)

    def progress(self, subscription: Subscription, reached: Reached) -> Sequence[Progress]:
        """Each cursor with the events acknowledged, of those that are there, in order of partition."""
        return progress(subscription, reached, timezone.now())

    def holders(self, backlog: Backlog, reached: Reached) -> Sequence[Holder]:
        """The exact event at which each stuck partition stands, with what differs from the last one acknowledged."""
        return holders(reached, backlog.stuck_partitions, self._rows_of, self._storage.log.entry)

    def next_waiting(self, reached: Reached, limit: int = 10) -> Sequence[Row]:
        """The events that are received next, the next one of each partition first."""
        return self._rows_of(next_waiting(reached, limit))

    def waiting_page(self, reached: Reached, *, page_token: str | None = None, limit: int = 50) -> Page[Row]:
        """A page of all events that wait, oldest first: ``newer`` leads on. ``InvalidPosition`` for a damaged token."""
        page = waiting_page(reached, page_token, limit)
        return Page(items=self._rows_of(page.items), newer=page.newer, older=page.older)

    def waiting_summary(self, reached: Reached) -> WaitingSummary:
        """How many events wait, from when to when, and of how many aggregates, as far as a bounded look goes."""
        return waiting_summary(reached)

    def waiting_of_aggregate(self, reached: Reached, topic: str, id: str, type: str = "") -> Sequence[WaitingOfAggregate]:
        """What waits of the aggregates with this id that have events in the topic: none, if there is no such aggregate."""
        return waiting_of_aggregate(reached, topic, id, type)

    def waiting_of(self, reached: Reached, pointers: Sequence[Pointer]) -> Sequence[Pointer]:
        """Those of these events of the subscription's topic that wait."""
        return waiting_of(reached, pointers)

    def letter_topics(self, subscription: Subscription) -> Sequence[LetterTopic]:
        """The retry and dead-letter topics of the subscription, as far as their names or their copies tell."""
        return letter_topics(subscription.topic, subscription.name, self._storage.log.topics(), self._rows_of, self._declared)

    @property
    def _there(self) -> Subscriptions:
        return subscriptions_of(self._storage)
