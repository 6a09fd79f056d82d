"""Putting a cursor back to a place: it is reset there, and what was acknowledged beyond it is acknowledged again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.connection import BrokerConnection
from eventstore.drivers.pulsar.ledgers import layout_of
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import last_entry
from eventstore.drivers.pulsar.subscriptions.acknowledging import EntryRange, acknowledge, joining_type
from eventstore.drivers.pulsar.subscriptions.cursor_reset import Target, one_by_one, reset_one
from eventstore.drivers.pulsar.subscriptions.listing import check_movable
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.cursor_moves import CursorMove, CursorPlace, MoveResult, OnBegin, OnMove, Range
from eventstore.model.errors import EventStoreError, InvalidPosition, LeaseLost
from eventstore.model.events import Position
from eventstore.model.log import Edge
from eventstore.model.subscriptions import SubscriptionType

BEHIND_THE_END = "The topic ends before this place, so it cannot be one of its own. Nothing was moved there."
ONCE_MORE = "What was acknowledged beyond this place is delivered once more: {}"


def restore(
    admin: Admin,
    connection: BrokerConnection,
    known: KnownTopic,
    name: str,
    places: Mapping[int, CursorPlace],
    on_begin: OnBegin,
    on_move: OnMove,
) -> None:
    """Restore the named partitions' cursors, one after the other; the first one that fails ends it."""
    steps = {
        partition: partial(_restore_one, admin, connection, partition, known.log(partition), name, place, on_begin)
        for partition, place in places.items()
    }
    check_movable(admin, known, name)
    one_by_one(steps, on_begin, on_move)


def acknowledge_ranges(
    admin: Admin,
    connection: BrokerConnection,
    known: KnownTopic,
    name: str,
    ranges: Mapping[int, Sequence[Range]],
    on_begin: OnBegin,
    on_move: OnMove,
) -> None:
    """Acknowledge in the named partitions, one after the other; the first one that fails ends it."""

    def step(partition: int, wanted: Sequence[Range]) -> CursorMove:
        log = known.log(partition)
        left = acknowledge(admin, connection, log, name, entry_ranges(wanted), partial(on_begin, partition))
        return CursorMove(partition=partition, result=MoveResult.UNKNOWN if left else MoveResult.MOVED, reason=left)

    check_movable(admin, known, name)
    one_by_one({partition: partial(step, partition, wanted) for partition, wanted in ranges.items()}, on_begin, on_move)


def entry_ranges(ranges: Sequence[Range]) -> Sequence[EntryRange]:
    """Return the ranges in ledgers and entries: those of whole messages, as cursors are told in."""
    return [(last_entry(start.token), last_entry(end.token)) for start, end in ranges]


def _restore_one(
    admin: Admin,
    connection: BrokerConnection,
    partition: int,
    log: TopicName,
    name: str,
    place: CursorPlace,
    on_begin: OnBegin,
) -> CursorMove:
    _check_inside(admin, log, place.acknowledged)
    # Refuses before anything is moved. Afterwards the consumers are gone for a moment, and their type with them.
    type = joining_type(admin.statistics(log, 0)[0], name) if place.holes else None
    move = reset_one(admin, partition, log, name, _target(place.acknowledged))
    if move.result is not MoveResult.MOVED or not place.holes:
        return move
    left = _acknowledged_again(partial(on_begin, partition), admin, connection, log, name, entry_ranges(place.holes), type)
    incomplete = ONCE_MORE.format(left) if left else ""
    return CursorMove(partition=partition, result=MoveResult.MOVED, incomplete=incomplete)


def _acknowledged_again(
    go_on: Callable[[], None],
    admin: Admin,
    connection: BrokerConnection,
    log: TopicName,
    name: str,
    ranges: Sequence[EntryRange],
    type: SubscriptionType | None,
) -> str:
    """What could not be acknowledged, in a sentence. The cursor has moved by now, so no error but a lost lock ends it."""
    try:
        return acknowledge(admin, connection, log, name, ranges, go_on, type)
    except LeaseLost:
        raise
    except EventStoreError as error:
        return str(error)


def _check_inside(admin: Admin, log: TopicName, place: Position | None) -> None:
    """A broker confirms a reset to a place behind the end, and then stands at the end: everything would be skipped."""
    if place is None:
        return
    layout, (ledger, entry) = layout_of(admin.log_internals(log)), last_entry(place.token)
    count = dict(layout.ledgers).get(ledger)
    newest = max(layout.newest[0], layout.ledgers[-1][0] if layout.ledgers else -1)
    if ledger > newest or (count is not None and entry >= count):
        raise InvalidPosition(BEHIND_THE_END)


def _target(place: Position | None) -> Target:
    """The entry behind the place is delivered next."""
    if place is None:
        return Edge.EARLIEST.value
    ledger, entry = last_entry(place.token)
    return ledger, entry + 1
