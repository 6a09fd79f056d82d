"""A consumer: a member of a subscription."""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from django.db import transaction

from eventstore.drivers.database.connection import STORE, close_in_thread, store_errors
from eventstore.drivers.database.models import CursorRow, MemberRow, SubscriptionRow
from eventstore.drivers.database.names import checked_name, shown, topic_row
from eventstore.drivers.database.positions import number_of
from eventstore.drivers.database.subscriptions.delivery import pick
from eventstore.drivers.database.subscriptions.listing import locked, made_subscription
from eventstore.drivers.database.subscriptions.members import hold, join, mark_acknowledged, remove_gone
from eventstore.drivers.database.subscriptions.state import state_of
from eventstore.drivers.database.table_reads import fitting, messages_at, poll
from eventstore.model.errors import InvalidPosition, StoreClosed, StoreRefused, StoreUnreachable, UnknownSubscription
from eventstore.model.events import Message, Position
from eventstore.model.log import READ_BYTES, Edge
from eventstore.model.subscriptions import SubscriptionType

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0

ONE_AT_A_TIME = {SubscriptionType.EXCLUSIVE, SubscriptionType.FAILOVER}


def consume(topic: str, name: str, type: SubscriptionType, consumer: str, closed: threading.Event) -> "TableConsumer":
    if type is SubscriptionType.UNKNOWN:
        raise StoreRefused("A consumer decides the subscription's type: exclusive, failover, shared or key_shared.")
    checked_name(consumer, "consumer")
    row = made_subscription(topic_row(topic), name, type, Edge.EARLIEST)
    return TableConsumer(topic, row.pk, type, consumer, closed)


class TableConsumer:
    """Receives and acknowledges.

    A member that neither receives nor acknowledges for ten seconds counts as gone, and others get what it held. Its
    late acknowledgement still counts. A reset disconnects it: it can no longer acknowledge what it had received, and
    its next ``receive`` joins again.
    """

    def __init__(
        self, topic: str, subscription: int, type: SubscriptionType, name: str, storage_closed: threading.Event
    ) -> None:
        self._topic, self._subscription, self._type, self._name = topic, subscription, type, name
        self._storage_closed = storage_closed
        self._closed = False
        self._held: set[Position] = set()
        self._forgotten: set[Position] = set()
        """Received before a reset, and not again since."""
        with transaction.atomic(using=STORE):
            row = self._locked()
            self._member = join(row, type, name).pk
        self._resets = row.resets
        self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS

    def receive(self, *, limit: int, timeout: float) -> Sequence[Message]:
        return poll(lambda: self._look(limit), timeout, self._storage_closed)

    def acknowledge(self, position: Position) -> None:
        self._check_open()
        if position in self._forgotten:
            return
        number = number_of(position, self._topic, position.partition)
        with store_errors(), transaction.atomic(using=STORE):
            row = self._locked()
            if row.resets != self._resets and position in self._held:
                return
            cursor = self._cursor(position.partition, number)
            mark_acknowledged(cursor, number)
            SubscriptionRow.objects.filter(pk=row.pk).update(moved=datetime.now(UTC))
            self._give_sign_of_life()
        self._held.discard(position)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            with store_errors():
                MemberRow.objects.filter(pk=self._member).delete()
        except StoreUnreachable as error:
            # Nothing is lost: without a heartbeat the member counts as gone after some seconds.
            log.warning("A consumer could not say that it leaves: %s", error)
        close_in_thread()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _look(self, limit: int) -> Sequence[Message]:
        self._check_open()
        with store_errors():
            if limit < 1 or not (self._heartbeat_is_due() or self._something_to_do(limit)):
                return []
            with transaction.atomic(using=STORE):
                row = self._locked()
                self._stay(row)
                found = self._take(row, limit)
        received = {message.position for message in found}
        self._held |= received
        self._forgotten -= received
        return found

    def _something_to_do(self, limit: int) -> bool:
        """Whether it is worth taking the lock. Checked without the lock, because an idle member looks often."""
        row = SubscriptionRow.objects.filter(pk=self._subscription).first()
        if row is None:
            return True
        state = state_of(row)
        return all(member.pk != self._member for member in state.members) or bool(pick(state, self._type, self._member, limit))

    def _stay(self, row: SubscriptionRow) -> None:
        """Send a heartbeat, and join again if a reset or a missing heartbeat has removed this member."""
        if not self._give_sign_of_life():
            self._member = join(row, self._type, self._name).pk
        if row.resets != self._resets:
            self._forgotten |= self._held
            self._held.clear()
            self._resets = row.resets
        remove_gone(row)

    def _take(self, row: SubscriptionRow, limit: int) -> list[Message]:
        state = state_of(row)
        found: list[Message] = []
        room = READ_BYTES
        for place, picked in pick(state, self._type, self._member, limit).items():
            shard = state.shards[place]
            numbers, room = fitting(shard.partition_id, picked, room)
            if not numbers:
                break
            hold(shard, self._member, numbers, alone=self._type in ONE_AT_A_TIME)
            found += messages_at(self._topic, shard.partition, shard.partition_id, numbers)
        if found:
            SubscriptionRow.objects.filter(pk=row.pk).update(delivered=datetime.now(UTC))
        return found

    def _heartbeat_is_due(self) -> bool:
        return time.monotonic() >= self._next_heartbeat

    def _give_sign_of_life(self) -> bool:
        """Send a heartbeat, and return whether this consumer is still a member."""
        self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        return bool(MemberRow.objects.filter(pk=self._member).update(heartbeat=datetime.now(UTC)))

    def _locked(self) -> SubscriptionRow:
        try:
            return locked(self._subscription)
        except SubscriptionRow.DoesNotExist as error:
            raise UnknownSubscription(f"The subscription of consumer {shown(self._name)} is no longer there.") from error

    def _cursor(self, partition: int, number: int) -> CursorRow:
        cursor = CursorRow.objects.filter(subscription_id=self._subscription, partition__number=partition)
        row = cursor.select_related("partition").first()
        if row is None or number >= row.partition.next_number:
            raise InvalidPosition("The subscription's topic has no event at this position, so it cannot be acknowledged.")
        return row

    def _check_open(self) -> None:
        if self._closed or self._storage_closed.is_set():
            raise StoreClosed("This consumer was closed. Join the subscription again.")
