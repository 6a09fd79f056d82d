"""Read messages until their events are as many as were asked for."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple, Self

from eventstore.model.events import Message, Position


class Piece(NamedTuple):
    """The messages of one read. ``is_last``: there are no more behind them in the log."""

    messages: Sequence[Message]
    is_last: bool

    @classmethod
    def of(cls, found: Sequence[Message], limit: int, most_bytes: int | None) -> Self:
        """Return what a read with these limits has found (see ``Log.read_forward``)."""
        return cls(found, len(found) < limit and (most_bytes is None or size_of(found) < most_bytes))


Read = Callable[[Position | None, int, int | None], Piece]
"""Reads at most so many messages and so many bytes behind a position of an earlier message; at first there is none."""


def gather(
    read: Read, events_of: Callable[[Sequence[Message]], Iterable[Message]], limit: int, most_bytes: int | None
) -> list[Message]:
    """Return at most ``limit`` events. Fewer mean that there are no more, or that they fill ``most_bytes``.

    One read is enough, unless events of a message are left out, or are smaller together than their message.
    """
    limit = max(0, limit)
    events: list[Message] = []
    at: Position | None = None
    room = most_bytes
    while True:
        left = limit - len(events)
        found, is_last = read(at, left, room)
        events += islice(events_of(found), left)
        if most_bytes is not None:
            room = most_bytes - size_of(events)
        if is_last or len(events) >= limit or (room is not None and room <= 0):
            return events
        at = found[-1].position


def size_of(messages: Iterable[Message]) -> int:
    return sum([len(message.payload) for message in messages])
