"""Takes whole messages from the client, one after the other."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pulsar

from eventstore.drivers.pulsar.client.pieces import ARRIVE_SECONDS, milliseconds_until, patience_behind
from eventstore.model.events import Message
from eventstore.model.log import READ_BYTES


class Taking:
    """One read of a reader. ``last``: the client's object of the last message that was found; ``repeated``: the token of the
    last one that came again."""

    __slots__ = ("_after", "_message_of", "_read_next", "last", "repeated")

    def __init__(self, read_next: Callable[[int], Any], message_of: Callable[[Any], Message], after: str) -> None:
        self._read_next, self._message_of, self._after = read_next, message_of, after
        self.last: Any = None
        self.repeated = ""

    def take(self, found: list[Message], limit: int, deadline: float | None) -> None:
        """Take what has arrived; wait for the first until the deadline (monotonic), if there is one.

        This loop is the cost of catching up, so everything that can be is outside of it.
        """
        read_next, message_of, after, monotonic = self._read_next, self._message_of, self._after, time.monotonic
        room, left, last = READ_BYTES, limit, None
        first = 0.0
        patience = 0 if deadline is None else milliseconds_until(deadline)
        try:
            while left > 0 and room > 0:
                raw = read_next(patience)
                message = message_of(raw)
                token = message.position.token
                if token <= after:  # a reconnection may deliver a whole batch again
                    self.repeated = token
                    if deadline is None:
                        continue
                    if not found:
                        deadline = max(deadline, monotonic() + ARRIVE_SECONDS)
                    patience = patience_behind(first) if found else milliseconds_until(deadline)
                    continue
                found.append(message)
                after, last = token, raw
                room -= len(message.payload)
                left -= 1
                # The queue may be empty only for a moment, between two deliveries.
                if deadline is not None:
                    first = first or monotonic()
                    patience = patience_behind(first)
        except pulsar.Timeout:
            return
        finally:
            self.last = last


def size_of(messages: Sequence[Message]) -> int:
    return sum([len(message.payload) for message in messages])
