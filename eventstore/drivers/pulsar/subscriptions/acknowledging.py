"""Acknowledging entries without receiving them: a consumer joins for a moment, asks for no message, and leaves.

A broker's admin API cannot acknowledge an entry. A consumer can acknowledge any, received or not (verified with 4.0.8 and
pulsar-client 3.13.0). With a receiver queue of 0 it has no permits, so it is given nothing.

- It has to join with the type of the consumers that are connected. An exclusive subscription refuses it while one is. After a
  reset the consumers are gone for a moment, and come back with the type that they had.
- A partition is a topic of its own here: a client has no queue of 0 for a partitioned one.
- The client groups acknowledgements and sends them when it closes at the latest. So they are read back after that.
- Of a key_shared subscription a member gets a share of the keys. Messages of these that come meanwhile are kept back for it.
  Once it has left, a broker (4.0.8, 4.2.4) gives them to the others only if somebody asks for messages, or if one was left
  behind that has to be given again; otherwise not before something new is published. So where the broker still keeps some, a
  second member joins that asks for one entry, does not look at it, and leaves; after a moment once more, five times at most.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pulsar

from eventstore.drivers.pulsar.access.needs import reading
from eventstore.drivers.pulsar.admin import Admin, Json
from eventstore.drivers.pulsar.client import closing
from eventstore.drivers.pulsar.client.consumer import TYPES
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.ledgers import Entry, Layout, Places, layout_of, ledger_and_entry, less, merged
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.subscriptions.listing import TYPE_NAMES, cursors_in, holes_in
from eventstore.model.errors import EventStoreError, StoreRefused
from eventstore.model.subscriptions import SubscriptionType

logger = logging.getLogger(__name__)
NAME = "eventdesk-acknowledges"
AT_ONCE = 2_000
"""Entries that are acknowledged before the caller is asked whether to go on. Takes about half a second."""
READ_BACK_SECONDS = 10.0
JOIN_SECONDS, JOIN_PAUSE = 5.0, 0.1
"""For how long to try to join beside consumers that connect at that moment."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
GIVEN_TRIES, GIVEN_PAUSE = 6, 0.1
BUSY = (
    "This subscription is exclusive and its consumer {} is connected. No other consumer can acknowledge for it: stop that one "
    "first."
)
NOT_PROVEN = "The broker was told, but {} of {} entries do not show as acknowledged."

EntryRange = tuple[Entry, Entry]
"""Entries behind the first one, up to and including the second."""


def acknowledge(
    admin: Admin,
    connection: BrokerConnection,
    log: TopicName,
    name: str,
    ranges: Sequence[EntryRange],
    go_on: Callable[[], None],
    type: SubscriptionType | None = None,
) -> str:
    """Acknowledge every entry in these ranges of a partition; returns what is not proven, in a sentence.

    ``go_on`` is called before each ``AT_ONCE`` entries. ``type``: with which to join; that of the consumers who are connected,
    if it is not given. Raises ``StoreRefused`` if a consumer is in the way.
    """
    layout, done = _look(admin, log, name)
    wanted = less(_places(layout, ranges), done)
    total = sum(behind - first for first, behind in wanted)
    if not total:
        return ""
    with _joined(admin, connection, log, name, type) as (consumer, joined):
        for number, (ledger, entry) in enumerate(entries_in(layout, wanted)):
            if number % AT_ONCE == 0:
                go_on()
            with connection.errors():
                consumer.acknowledge(pulsar.MessageId(-1, ledger, entry, -1))
    if joined is SubscriptionType.KEY_SHARED:
        try:
            _have_the_rest_given(admin, connection, log, name)
        except EventStoreError as error:  # everything is acknowledged all the same
            logger.warning("Whether the broker keeps events of a subscription back is not known: %s", error.__class__.__name__)
    missing = _missing(admin, log, name, [(layout.at(first), layout.at(behind - 1)) for first, behind in wanted])
    return NOT_PROVEN.format(f"{missing:,}", f"{total:,}") if missing else ""


def _have_the_rest_given(admin: Admin, connection: BrokerConnection, log: TopicName, name: str) -> None:
    """Whatever was kept back is kept by now. The broker may be giving it already, or its consumers may take no more."""
    for tries_left in reversed(range(GIVEN_TRIES)):
        told = admin.statistics(log, 0)[0].get("subscriptions", {}).get(name, {})
        if not told.get("msgInReplay") or not tries_left:
            return
        closing.close_consumer(_subscribed(connection, log, name, SubscriptionType.KEY_SHARED, queue=1))
        time.sleep(GIVEN_PAUSE)


def joining_type(statistics: Json, name: str) -> SubscriptionType:
    """Return the type to join with. Raises ``StoreRefused`` where an exclusive consumer is connected."""
    told = statistics.get("subscriptions", {}).get(name, {})
    consumers = told.get("consumers", ())
    type = TYPE_NAMES.get(str(told.get("type")), SubscriptionType.SHARED)
    if not consumers:
        return SubscriptionType.SHARED
    if type is SubscriptionType.EXCLUSIVE:
        raise StoreRefused(BUSY.format(consumers[0].get("consumerName", "")))
    return type


def entries_in(layout: Layout, places: Places) -> Iterator[Entry]:
    """Yield the entries of these ranges of places, in order."""
    for first, behind in merged(places):
        place = first
        while place < min(behind, layout.entries):
            ledger, entry = layout.at(place)
            until = min(behind, place - entry + layout.size(ledger))
            yield from ((ledger, entry + further) for further in range(until - place))
            place = until


def _places(layout: Layout, ranges: Sequence[EntryRange]) -> Places:
    return [(layout.count_up_to(*start), layout.count_up_to(*end)) for start, end in ranges]


def _look(admin: Admin, log: TopicName, name: str) -> tuple[Layout, Places]:
    """Return the partition's layout, and what the subscription has acknowledged of it."""
    internals = admin.log_internals(log)
    layout, cursor = layout_of(internals), cursors_in(internals).get(name)
    if cursor is None:
        raise StoreRefused("The broker does not show the subscription's cursor now. Try again in a moment.")
    mark = ledger_and_entry(str(cursor.get("markDeletePosition", "")))
    return layout, layout.acknowledged(mark, holes_in(cursor))


def _missing(admin: Admin, log: TopicName, name: str, told: Sequence[EntryRange]) -> int:
    """Wait until the broker shows these entries (both ends included) as acknowledged; returns how many it does not show."""
    until, pause = time.monotonic() + READ_BACK_SECONDS, FIRST_PAUSE
    while True:
        layout, done = _look(admin, log, name)
        wanted = [(layout.count_up_to(first[0], first[1] - 1), layout.count_up_to(*last)) for first, last in told]
        missing = sum(behind - first for first, behind in less(wanted, done))
        if not missing or time.monotonic() > until:
            return missing
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def _joined(
    admin: Admin, connection: BrokerConnection, log: TopicName, name: str, type: SubscriptionType | None
) -> Iterator[tuple[Any, SubscriptionType]]:
    """Yield the member, and the type with which it has joined."""
    consumer, joined = _join(admin, connection, log, name, type)
    try:
        yield consumer, joined
    finally:
        closing.close_consumer(consumer)


def _join(
    admin: Admin, connection: BrokerConnection, log: TopicName, name: str, type: SubscriptionType | None
) -> tuple[Any, SubscriptionType]:
    """Join, and try again with another type where consumers have come meanwhile: whoever comes first decides the type."""
    until = time.monotonic() + JOIN_SECONDS
    while True:
        joining = type or joining_type(admin.statistics(log, 0)[0], name)
        try:
            return _subscribed(connection, log, name, joining), joining
        except StoreRefused:
            if time.monotonic() > until:
                raise
        type = None
        time.sleep(JOIN_PAUSE)


def _subscribed(connection: BrokerConnection, log: TopicName, name: str, type: SubscriptionType, *, queue: int = 0) -> Any:
    client = connection.client()
    with connection.errors(reading(log)):
        return client.subscribe(
            log.uri,
            subscription_name=name,
            consumer_type=TYPES[type],
            consumer_name=f"{NAME}-{uuid4().hex[:8]}",
            receiver_queue_size=queue,
        )
