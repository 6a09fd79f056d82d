"""What pages have read from the store, kept in memory for a while: who goes back to a page waits for no broker.

For pages only: a tail or an indexer reads everything once, and would push out what people look at. Events never change, so
that only their end matters: what retention trims is still shown for ``FRESH_SECONDS`` after it was read, and no longer.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from eventstore.model.events import Message, Position

FRESH_SECONDS = 60.0
MOST_MESSAGES = 20_000
OVERHEAD = 700
"""Bytes that a message takes in memory beyond its texts and payload: measured on CPython 3.11, rounded up."""


class PayloadCache:
    """The messages that were used last, by position, within bounds in bytes and in number. Thread-safe.

    ``most_bytes`` 0 keeps nothing. A message of more than a quarter of it is not kept: it would push out hundreds.
    """

    def __init__(
        self, *, most_bytes: int, most_messages: int = MOST_MESSAGES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes, self._most_messages = most_bytes, most_messages
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Position, tuple[float, int, Message]] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """About what it takes in memory now."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, positions: Iterable[Position]) -> Mapping[Position, Message]:
        """Those of these that are kept and fresh."""
        oldest = self._clock() - FRESH_SECONDS
        found: dict[Position, Message] = {}
        with self._lock:
            for position in positions:
                read, _, message = self._kept.get(position, (oldest, 0, None))
                if message is None:
                    continue
                if read <= oldest:
                    self._drop(position)
                    continue
                self._kept.move_to_end(position)
                found[position] = message
        return found

    def keep(self, messages: Iterable[Message], *, read: float | None = None) -> None:
        """Keep what was just read from the store; ``read`` is when the reading began, by the same clock."""
        when = self._clock() if read is None else read
        with self._lock:
            for message in messages:
                self._drop(message.position)
                size = size_of(message)
                if size * 4 > self._most_bytes:
                    continue
                self._kept[message.position] = (when, size, message)
                self._bytes += size
            while self._bytes > self._most_bytes or len(self._kept) > self._most_messages:
                self._drop(next(iter(self._kept)))

    def now(self) -> float:
        return self._clock()

    def _drop(self, position: Position) -> None:
        _, size, _ = self._kept.pop(position, (0.0, 0, None))
        self._bytes -= size


def size_of(message: Message) -> int:
    """About the bytes that it takes in memory. A text may take four bytes a character."""
    texts = [message.key or "", message.producer, message.position.topic, message.position.token]
    texts += [text for pair in message.properties.items() for text in pair]
    per_text = 60
    return OVERHEAD + len(message.payload) + sum(per_text + len(text) * (1 if text.isascii() else 4) for text in texts)
