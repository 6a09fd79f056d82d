"""The subscriptions of one Pulsar cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from eventstore.drivers.pulsar.admin import OtherPartitions
from eventstore.drivers.pulsar.client.consumer import PulsarConsumer
from eventstore.drivers.pulsar.cluster import Cluster, checked
from eventstore.drivers.pulsar.names import check_new_subscription
from eventstore.drivers.pulsar.positions import last_entry
from eventstore.drivers.pulsar.subscriptions import cursor_reset, listing, restoring, skipping
from eventstore.drivers.pulsar.subscriptions.inside_batches import InsideBatches
from eventstore.drivers.pulsar.subscriptions.waiting import Entries
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.cursor_moves import (
    CursorPlace,
    OnBegin,
    OnMove,
    Range,
    ignore_begin,
    ignore_move,
    of_messages,
)
from eventstore.model.errors import InvalidPosition
from eventstore.model.events import NOTHING, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Subscription, SubscriptionCapabilities, SubscriptionType


class PulsarSubscriptions:
    """Fulfils ``eventstore.model.subscriptions.Subscriptions``; see there for what each call does."""

    capabilities = SubscriptionCapabilities(
        backlog_unit="entries",
        reset_disconnects=True,
        lists_consumers=True,
        loses_acknowledgements=True,
        acknowledges_as_member=True,
    )

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._entries = Entries(cluster.admin)
        self._inside_batches = InsideBatches(cluster.admin)

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        """Two requests, for a topic that was listed in the last half a minute."""
        known, found = self._all_of(self._cluster.known_lately(topic))
        self._cluster.topics.confirm(known)
        kept = self._inside_batches.kept()
        return [replace(one, acknowledges_inside=kept) for one in found]

    def members(self, topic: str) -> Sequence[Subscription]:
        """One request, which the broker answers from memory, for a topic that was listed in the last half a minute."""
        known = self._cluster.known_lately(topic)
        try:
            return listing.members(self._cluster.admin, known)
        except OtherPartitions:
            return listing.members(self._cluster.admin, self._cluster.topics.find_anew(known))

    def named(self, topic: str, name: str) -> Subscription:
        known, found = self._all_of(self._cluster.known(topic), sought=name)
        return replace(listing.named(found, known, name), acknowledges_inside=self._inside_batches.kept())

    def create(
        self,
        topic: str,
        name: str,
        *,
        type: SubscriptionType,
        start: Edge = Edge.LATEST,
        properties: Mapping[str, str] = NOTHING,
    ) -> Subscription:
        """The broker learns the type from the consumers that connect, so that ``type`` says nothing to it."""
        known = self._cluster.known(topic)
        check_new_subscription(name)
        self._cluster.admin.create_subscription(known.name, name, start.value)
        if properties:
            self._cluster.admin.describe_subscription(known.name, name, properties)
        known, found = self._all_of(known)
        return listing.named(found, known, name)

    def delete(self, topic: str, name: str) -> None:
        """The broker deletes it from one partition after the other. What it refuses it may have done in some of them: a
        second try does the rest."""
        known = self._cluster.known(topic)
        listing.check_movable(self._cluster.admin, known, name)
        self._cluster.admin.delete_subscription(known.name, name)

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> PulsarConsumer:
        known = self._cluster.known(topic)
        check_new_subscription(name)
        return PulsarConsumer(self._cluster.connection, known, name, type, consumer)

    def reset_cursor(
        self,
        topic: str,
        name: str,
        targets: Mapping[int, Position | Edge],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """The broker's cursor stands between entries: at an event inside a batch, its whole batch comes again."""
        known, targets = self._cluster.known(topic), of_messages(targets)
        for partition, target in targets.items():
            if isinstance(target, Position):
                checked(target, self._cluster.partition_log(known, partition))
        cursor_reset.reset(self._cluster.admin, known, name, targets, on_begin, on_move)

    def restore_cursor(
        self,
        topic: str,
        name: str,
        places: Mapping[int, CursorPlace],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """A reset, then a consumer that acknowledges what lies beyond. In between, other consumers may be given some of it."""
        known = self._cluster.known(topic)
        for partition, place in places.items():
            self._check(known, partition, [place.acknowledged, *chain.from_iterable(place.holes)])
        restoring.restore(self._cluster.admin, self._cluster.connection, known, name, places, on_begin, on_move)

    def acknowledge(
        self,
        topic: str,
        name: str,
        ranges: Mapping[int, Sequence[Range]],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """By a consumer that handles no event. It occupies the subscription for as long: another type is refused meanwhile."""
        known = self._cluster.known(topic)
        for partition, wanted in ranges.items():
            self._check(known, partition, list(chain.from_iterable(wanted)))
        restoring.acknowledge_ranges(self._cluster.admin, self._cluster.connection, known, name, ranges, on_begin, on_move)

    def skip(
        self,
        topic: str,
        name: str,
        ends: Mapping[int, Position],
        *,
        behind: Mapping[int, Position | None] | None = None,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """A batch is skipped as a whole."""
        known, ends = self._cluster.known(topic), {partition: end.message for partition, end in ends.items()}
        for partition, end in ends.items():
            self._check(known, partition, [end, (behind or {}).get(partition)])
        skipping.skip(self._cluster.admin, known, name, ends, behind or {}, on_begin, on_move)

    def _check(self, known: KnownTopic, partition: int, places: Sequence[Position | None]) -> None:
        """Raise ``InvalidPosition`` for a place that lies elsewhere or is none of this driver's."""
        known.log(partition)
        for place in places:
            if place is not None:
                last_entry(place.token)
                if (place.topic, place.partition) != (str(known.name), partition):
                    raise InvalidPosition("This position belongs to another partition. Open the event again from a list.")

    def _all_of(self, known: KnownTopic, *, sought: str = "") -> tuple[KnownTopic, Sequence[Subscription]]:
        """Return the topic's subscriptions, and the topic itself: partitions may have been added since it was known."""
        try:
            return known, listing.all_of(self._cluster.admin, self._entries, known, sought=sought)
        except OtherPartitions:
            known = self._cluster.topics.find_anew(known)
            return known, listing.all_of(self._cluster.admin, self._entries, known, sought=sought)
