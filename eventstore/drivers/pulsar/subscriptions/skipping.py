"""Skipping events: the broker lets everything up to an entry expire for one subscription, and the cursor is read back.

Of the broker's calls that move a cursor forward, only this one is exact. ``skip`` counts entries that a consumer may
acknowledge meanwhile, ``skip_all`` takes what was published since somebody looked, and a reset forgets what is acknowledged
beyond the place and disconnects the consumers. This one takes an entry, leaves the rest as it is, and never moves a cursor
back.

It answers before the cursor has moved. So the cursor is read until it stands behind the entry. By whomever it was moved,
nothing up to there is delivered any more.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.ledgers import Entry, Layout, layout_of, ledger_and_entry
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import entry_of, last_entry
from eventstore.drivers.pulsar.subscriptions.cursor_reset import one_by_one
from eventstore.drivers.pulsar.subscriptions.listing import check_movable, cursors_in, holes_in, place_of_cursor
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.cursor_moves import MOVED_BACK, CursorMove, MoveResult, OnBegin, OnMove, ignore_begin, ignore_move
from eventstore.model.errors import InvalidPosition, UnknownSubscription
from eventstore.model.events import Position

WAIT_SECONDS = 20.0
"""For how long a cursor is read back, so that a partition takes less time than an action's lease."""
PAUSE_SECONDS = 0.05
ASK_AGAIN_SECONDS = 3.0
"""The broker drops the request if it is already letting events of this subscription expire."""
NOT_MOVED = (
    "The broker was asked to skip them, but the cursor still stands before the last of them. Look at it before you try again."
)
NOTHING_THERE = "Nothing lies at this position in the topic: it may have been made anew. Open the event again from a list."


def skip(
    admin: Admin,
    known: KnownTopic,
    name: str,
    ends: Mapping[int, Position],
    behind: Mapping[int, Position | None],
    on_begin: OnBegin = ignore_begin,
    on_move: OnMove = ignore_move,
) -> None:
    """Skip in the named partitions, one after the other; the first one that fails ends it."""
    steps = [(partition, known.log(partition), entry_of(end.token)) for partition, end in sorted(ends.items())]
    check_movable(admin, known, name)
    for _, log, end in steps:
        _check_there(layout_of(admin.log_internals(log)), end)
    one_by_one(
        {
            at: partial(_skip_one, admin, at, log, name, end, _entry_at(behind.get(at)), str(known.name))
            for at, log, end in steps
        },
        on_begin,
        on_move,
    )


def _entry_at(place: Position | None) -> Entry:
    return last_entry(place.token) if place else (-1, -1)


def _skip_one(admin: Admin, partition: int, log: TopicName, name: str, end: Entry, behind: Entry, topic: str) -> CursorMove:
    """What was trimmed meanwhile counts as skipped."""
    deadline = time.monotonic() + WAIT_SECONDS
    ask_next, stood = 0.0, None
    while True:
        layout, mark, holes = _look(admin, log, name)
        stood = stood or place_of_cursor(topic, partition, mark, holes, layout)
        done = partial(CursorMove, partition=partition, stood=stood)
        if layout.count_up_to(*mark) >= layout.count_up_to(*end):
            return done(result=MoveResult.MOVED)
        if layout.count_up_to(*mark) < layout.count_up_to(*behind):
            return done(result=MoveResult.NOT_MOVED, reason=MOVED_BACK)
        now = time.monotonic()
        if now > deadline:
            return done(result=MoveResult.NOT_MOVED, reason=NOT_MOVED)
        if now >= ask_next:
            admin.skip_to(log, name, *end)
            ask_next = now + ASK_AGAIN_SECONDS
        else:
            time.sleep(PAUSE_SECONDS)


def _look(admin: Admin, log: TopicName, name: str) -> tuple[Layout, Entry, Sequence[tuple[Entry, Entry]]]:
    """Where the cursor stands, and what is acknowledged beyond that."""
    internals = admin.log_internals(log)
    cursor = cursors_in(internals).get(name)
    if cursor is None:
        raise UnknownSubscription(f"The topic {log} has no subscription of this name: go back to the list.")
    return layout_of(internals), ledger_and_entry(str(cursor.get("markDeletePosition", ""))), holes_in(cursor)


def _check_there(layout: Layout, end: Entry) -> None:
    """Before anything is moved: the broker takes any position. Nothing is left to skip of what was trimmed."""
    first = layout.ledgers[0][0] if layout.ledgers else layout.newest[0]
    if end[0] >= first and not layout.has(*end):
        raise InvalidPosition(NOTHING_THERE)
