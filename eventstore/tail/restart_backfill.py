"""Reads what returning subscribers missed while the web server was restarted: once, into the ring of the new tail.

If each subscriber read it by itself, fifty scripts would read it fifty times and never catch up.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge

from eventstore.model.events import Message
from eventstore.model.log import Ends, Log
from eventstore.tail.pieces import beside_payload
from eventstore.tail.start import LARGEST_READ, SMALLEST_READ, Places, next_limit

MOST_EVENTS, MOST_BYTES = 25_000, 32 * 1024 * 1024
"""Half of what a ring holds. The other half leaves the returning subscribers time to take the missed events."""
WITHIN = 5.0
"""The most seconds that this may delay the start of the tail."""

Missed = Mapping[int, Sequence[Message]]
"""By partition, every message after a place."""


def read_missed(log: Log, ends: Sequence[Ends], places: Places) -> Missed:
    """Return every message after these places up to these ends, perhaps beyond, for each partition that has some.

    Returns nothing if that is too much, or if some of it may be gone. The subscribers then read the store themselves
    and are told what is lost.
    """
    behind = [end for end in ends if end.last is not None and places.get(end.partition, "") < end.last.token]
    if not behind or not all(places.get(end.partition) for end in behind):
        return {}
    at = {end.partition: log.position(end.topic, end.partition, places[end.partition]) for end in behind}
    if sum(amounts.behind for amounts in log.amounts(behind[0].topic, at).values()) > MOST_EVENTS:
        return {}
    found: dict[int, Sequence[Message]] = {}
    budget = BackfillBudget()
    for end in behind:
        messages = _read_after(log, end, places[end.partition], budget)
        if messages is None:
            return {}
        found[end.partition] = messages
    return found


def by_time(found: Missed) -> Iterable[Message]:
    """Merge all partitions by time. Each partition keeps its own order."""
    return merge(*found.values(), key=lambda message: message.published)


class BackfillBudget:
    """How many events, bytes and seconds are left to read."""

    def __init__(self) -> None:
        self._events, self._bytes, self._until = MOST_EVENTS, MOST_BYTES, time.monotonic() + WITHIN

    def takes(self, messages: Sequence[Message]) -> bool:
        self._events -= len(messages)
        self._bytes -= sum(len(message.payload) + beside_payload(message) for message in messages)
        return self._events >= 0 and self._bytes >= 0 and time.monotonic() < self._until


def _read_after(log: Log, end: Ends, place: str, budget: BackfillBudget) -> Sequence[Message] | None:
    """Return at least one message after this place, or ``None`` if some may be gone or there are too many."""
    found: list[Message] = []
    after, limit, first = log.position(end.topic, end.partition, place), SMALLEST_READ, True
    while True:
        read = log.read_forward(end.topic, end.partition, after=after, inclusive=first, limit=limit)
        if first and (not read or read[0].position.token != place):
            return None
        if not budget.takes(read):
            return None
        found += read[1:] if first else read
        if len(read) < limit or (end.last is not None and read[-1].position.token >= end.last.token):
            return found or None
        after, limit, first = read[-1].position, next_limit(limit, read, LARGEST_READ), False
