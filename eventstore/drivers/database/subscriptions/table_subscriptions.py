"""The subscriptions of the embedded store. ``eventstore.model.subscriptions.Subscriptions`` describes each call."""

from collections.abc import Mapping, Sequence
from weakref import WeakSet

from eventstore.drivers.database.connection import Session
from eventstore.drivers.database.models import MemberRow
from eventstore.drivers.database.subscriptions import listing, moving
from eventstore.drivers.database.subscriptions.consumer import TableConsumer, consume
from eventstore.drivers.database.unchanged import while_unchanged
from eventstore.model.cursor_moves import CursorPlace, OnBegin, OnMove, Range, ignore_begin, ignore_move, of_messages
from eventstore.model.events import NOTHING, Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import Consumer, Subscription, SubscriptionCapabilities, SubscriptionType


class TableSubscriptions:
    """Implements ``eventstore.model.subscriptions.Subscriptions``."""

    capabilities = SubscriptionCapabilities(backlog_unit="events", reset_disconnects=True, lists_consumers=True)

    def __init__(self, session: Session) -> None:
        self._session = session
        self._consumers: WeakSet[TableConsumer] = WeakSet()

    def of_topic(self, topic: str) -> Sequence[Subscription]:
        with self._session.use():
            if while_unchanged(("members",), MemberRow.objects.exists):  # who is there depends on the time
                return listing.subscriptions(topic)
            return while_unchanged(("subscriptions", topic), lambda: listing.subscriptions(topic))

    def members(self, topic: str) -> Sequence[Subscription]:
        return self.of_topic(topic)

    def named(self, topic: str, name: str) -> Subscription:
        with self._session.use():
            return listing.subscription(topic, name)

    def create(
        self,
        topic: str,
        name: str,
        *,
        type: SubscriptionType,
        start: Edge = Edge.LATEST,
        properties: Mapping[str, str] = NOTHING,
    ) -> Subscription:
        """This store keeps no properties."""
        with self._session.use():
            return listing.create_subscription(topic, name, type, start)

    def delete(self, topic: str, name: str) -> None:
        with self._session.use():
            listing.delete_subscription(topic, name)

    def consume(self, topic: str, name: str, *, type: SubscriptionType, consumer: str) -> Consumer:
        with self._session.use():
            member = consume(topic, name, type, consumer, self._session.closed)
            self._consumers.add(member)
            return member

    def reset_cursor(
        self,
        topic: str,
        name: str,
        targets: Mapping[int, Position | Edge],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """All of the partitions in one transaction, or none."""
        for partition in sorted(targets):
            on_begin(partition)
        with self._session.use():
            moves = moving.reset_cursor(topic, name, of_messages(targets))
        for move in moves:
            on_move(move)

    def restore_cursor(
        self,
        topic: str,
        name: str,
        places: Mapping[int, CursorPlace],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """All of the partitions in one transaction, ranges included, or none."""
        for partition in sorted(places):
            on_begin(partition)
        with self._session.use():
            moves = moving.restore_cursor(topic, name, places)
        for move in moves:
            on_move(move)

    def acknowledge(
        self,
        topic: str,
        name: str,
        ranges: Mapping[int, Sequence[Range]],
        *,
        on_begin: OnBegin = ignore_begin,
        on_move: OnMove = ignore_move,
    ) -> None:
        """All of the partitions in one transaction, or none. Members stay connected, whatever the type."""
        for partition in sorted(ranges):
            on_begin(partition)
        with self._session.use():
            moves = moving.acknowledge(topic, name, ranges)
        for move in moves:
            on_move(move)

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
        """All of the partitions in one transaction, or none."""
        for partition in sorted(ends):
            on_begin(partition)
        with self._session.use():
            moves = moving.skip(topic, name, {partition: end.message for partition, end in ends.items()}, behind or {})
        for move in moves:
            on_move(move)

    def close(self) -> None:
        """Close the consumers that are still open. Needs no open session."""
        for consumer in list(self._consumers):
            consumer.close()
