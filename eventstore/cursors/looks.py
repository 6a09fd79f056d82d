"""A subscription that is to be moved, as it is now: its cursors, and what the index knows behind and before them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils import timezone

from eventstore.cursors.counted import may_hold_batches
from eventstore.index.lookup.ordinals import ordinals_in
from eventstore.index.lookup.pointers import published_at
from eventstore.model.errors import InvalidPosition, NothingToMove, StoresOwn
from eventstore.model.events import Position
from eventstore.model.log import Log
from eventstore.model.subscriptions import Cursor, Subscription, Subscriptions, SubscriptionType
from eventstore.subscriptions.counting import is_fresh
from eventstore.subscriptions.progress import Reach, Reached, reach

STORES_OWN = (
    "The broker keeps this cursor for its own {}. No service receives events by it, so moving it would deliver nothing. "
    "Nothing was moved: reset the subscription of the service that should receive events again."
)
OTHER_TOPIC = "That event is in another topic. Choose one of this topic's events."
OTHER_PARTITION = "That event is not in a partition of this topic. Choose one of the topic's events."
NOT_INDEXED = (
    "The index does not know partition {} yet, so it is not known which events would be skipped. Nothing was moved: try again "
    "once the index has caught up."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    log: Log
    subscription: Subscription
    reached: Reached
    blocked: bool
    """Nobody can acknowledge beside the consumers that are connected."""

    @property
    def topic(self) -> str:
        return self.subscription.topic

    def cursor(self, position: Position) -> Cursor:
        """The cursor of the partition where this is. ``InvalidPosition`` for a place outside the topic."""
        if position.topic != self.topic:
            raise InvalidPosition(OTHER_TOPIC)
        for cursor in self.subscription.cursors:
            if cursor.partition == position.partition:
                return cursor
        raise InvalidPosition(OTHER_PARTITION)

    def indexed(self, partition: int) -> Reach:
        """What the index knows of the partition. ``NothingToMove`` where it knows nothing."""
        if partition not in self.reached:
            raise NothingToMove(NOT_INDEXED.format(partition))
        return self.reached[partition]

    def is_behind(self, partitions: Mapping[int, object]) -> bool:
        """Whether the index has not caught up with one of these partitions."""
        now = timezone.now()
        return any(not is_fresh(self.reached[one].partition, now) for one in partitions if one in self.reached)

    def may_be_handled_inside(self, partitions: Iterable[int]) -> bool:
        """Whether batches wait in these partitions, or may, of which the store keeps single events as acknowledged and tells
        nobody which."""
        there = [self.reached[at] for at in partitions if at in self.reached]
        return self.subscription.acknowledges_inside and any(
            may_hold_batches(self.log, one.partition, one.waiting.ordinals()) for one in there
        )

    def ordinals_after(self, places: Mapping[int, Position]) -> Mapping[int, int]:
        """Do as ``ordinal_after``, for a place in each of these partitions."""
        found = ordinals_in((self.reached[at].partition, place) for at, place in places.items())
        return {at: found[place] for at, place in places.items()}

    def messages_before(self, ordinals: Mapping[int, int]) -> Mapping[int, Position]:
        """The last message before each of these ordinals, as the end of the entry that holds it; by partition."""
        places = {at: (self.reached[at].partition.pk, ordinal - 1) for at, ordinal in ordinals.items() if ordinal}
        found = published_at(places.values())
        return {at: self.end_of(at, found[place][0]) for at, place in places.items() if place in found}

    def end_of(self, partition: int, token: str) -> Position:
        """The end of the entry in which the event with this token is."""
        event = Position(topic=self.topic, partition=partition, token=token)
        return self.log.entry(self.log.position(self.topic, partition, event.message.token))[1]


def look(log: Log, subscriptions: Subscriptions, topic: str, name: str) -> Look:
    """Look at the subscription. Raises ``StoresOwn`` for a cursor that the store keeps for itself."""
    subscription = subscriptions.named(topic, name)
    if subscription.kind.of_the_store:
        raise StoresOwn(STORES_OWN.format(subscription.kind.value))
    return Look(
        log=log,
        subscription=subscription,
        reached=reach(subscription),
        blocked=is_blocked(subscription, subscriptions),
    )


def is_blocked(subscription: Subscription, subscriptions: Subscriptions) -> bool:
    """Whether nobody can acknowledge beside the consumers that are connected."""
    exclusive = subscription.type is SubscriptionType.EXCLUSIVE and bool(subscription.consumers)
    return exclusive and subscriptions.capabilities.acknowledges_as_member
