"""Skipping events: the broker lets everything up to an entry expire for one subscription, and the cursor is read back.

Of the broker's calls that move a cursor forward, only this one is exact. ``skip`` counts entries that a consumer may
acknowledge meanwhile, ``skip_all`` takes what was published since somebody looked, and a reset forgets what is acknowledged
beyond the place and disconnects the consumers. This one takes an entry, leaves the rest as it is, and never moves a cursor
back.

It answers before the cursor has moved. So the cursor is read until it stands behind the entry. By whomever it was moved,
nothing up to there is delivered any more.
"""

import time
from collections.abc import Mapping
from functools import partial

from eventstore.drivers.pulsar.admin import Admin
from eventstore.drivers.pulsar.ledgers import Entry, Layout, layout_of, ledger_and_entry
from eventstore.drivers.pulsar.names import TopicName
from eventstore.drivers.pulsar.positions import entry_of
from eventstore.drivers.pulsar.subscriptions.cursor_reset import one_by_one
from eventstore.drivers.pulsar.subscriptions.listing import check_movable, cursors_in
from eventstore.drivers.pulsar.topics import KnownTopic
from eventstore.model.cursor_moves import CursorMove, MoveResult, OnBegin, OnMove, ignore_begin, ignore_move
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
    on_begin: OnBegin = ignore_begin,
    on_move: OnMove = ignore_move,
) -> None:
    """Skip in the named partitions, one after the other; the first one that fails ends it."""
    steps = [(partition, known.log(partition), entry_of(end.token)) for partition, end in sorted(ends.items())]
    check_movable(admin, known, name)
    for _, log, end in steps:
        _check_there(layout_of(admin.log_internals(log)), end)
    one_by_one(
        {partition: partial(_skip_one, admin, partition, log, name, end) for partition, log, end in steps}, on_begin, on_move
    )


def _skip_one(admin: Admin, partition: int, log: TopicName, name: str, end: Entry) -> CursorMove:
    deadline = time.monotonic() + WAIT_SECONDS
    ask_next = 0.0
    while not _stands_behind(admin, log, name, end):
        now = time.monotonic()
        if now > deadline:
            return CursorMove(partition=partition, result=MoveResult.NOT_MOVED, reason=NOT_MOVED)
        if now >= ask_next:
            admin.skip_to(log, name, *end)
            ask_next = now + ASK_AGAIN_SECONDS
        else:
            time.sleep(PAUSE_SECONDS)
    return CursorMove(partition=partition, result=MoveResult.MOVED)


def _stands_behind(admin: Admin, log: TopicName, name: str, end: Entry) -> bool:
    """Whether everything up to the entry is acknowledged. What was trimmed meanwhile counts as behind."""
    internals = admin.log_internals(log)
    cursor = cursors_in(internals).get(name)
    if cursor is None:
        raise UnknownSubscription(f"The topic {log} has no subscription of this name: go back to the list.")
    layout, mark = layout_of(internals), ledger_and_entry(str(cursor.get("markDeletePosition", "")))
    return layout.count_up_to(*mark) >= layout.count_up_to(*end)


def _check_there(layout: Layout, end: Entry) -> None:
    """Before anything is moved: the broker takes any position. Nothing is left to skip of what was trimmed."""
    first = layout.ledgers[0][0] if layout.ledgers else layout.newest[0]
    if end[0] >= first and not layout.has(*end):
        raise InvalidPosition(NOTHING_THERE)
