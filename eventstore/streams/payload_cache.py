"""Keeps in memory what pages have recently read from the store, so that going back to a page does not wait for a broker.

For pages only. A tail or an indexer reads everything once and would push out what people look at. Events never change;
only their removal matters. What retention trims is still shown for at most ``FRESH_SECONDS`` after it was read.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from eventstore.model.events import Message, Position

FRESH_SECONDS = 60.0
MOST_MESSAGES = 20_000
OVERHEAD = 700
"""Bytes of memory that a message takes in addition to its texts and payload. Measured on CPython 3.11 and rounded up."""


class PayloadCache:
    """The most recently used messages by position, bounded in bytes and in number. Thread-safe.

    ``most_bytes=0`` keeps nothing. A message larger than a quarter of it is not kept: it would push out hundreds.
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
        """About how many bytes of memory it takes now."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, positions: Iterable[Position]) -> Mapping[Position, Message]:
        """Return those of these messages that are kept and fresh."""
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
        """Keep what was just read from the store. ``read`` is when the read began, by the cache's clock."""
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

    def drop(self, positions: Iterable[Position]) -> None:
        """Forget these messages."""
        with self._lock:
            for position in positions:
                self._drop(position)

    def now(self) -> float:
        return self._clock()

    def _drop(self, position: Position) -> None:
        _, size, _ = self._kept.pop(position, (0.0, 0, None))
        self._bytes -= size


def size_of(message: Message) -> int:
    """Return about how many bytes of memory the message takes. A text may take four bytes per character."""
    texts = [message.key or "", message.ordering_key or "", message.producer, message.position.topic, message.position.token]
    texts += [text for pair in message.properties.items() for text in pair]
    per_text = 60
    return OVERHEAD + len(message.payload) + sum(per_text + len(text) * (1 if text.isascii() else 4) for text in texts)
