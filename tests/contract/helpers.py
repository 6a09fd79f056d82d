"""Helpers of the contract's tests."""

import time
from collections.abc import Callable, Iterable, Sequence

from eventstore.model.events import Message, NewMessage, Position
from eventstore.model.log import Reader
from eventstore.model.storage import Storage
from eventstore.model.subscriptions import Consumer

PATIENCE = 30.0
"""Seconds after which something that must happen counts as not happening. Far more than it ever needs."""

FIRST_PAUSE, LONGEST_PAUSE = 0.03, 0.2
"""Seconds between two looks: longer from look to look, as a look may cost the broker and this process 10 ms each."""


def numbered(count: int, *, key: str | None = "k", start: int = 0) -> list[NewMessage]:
    """Return messages whose payloads are their numbers."""
    return [NewMessage(payload=str(number).encode(), key=key) for number in range(start, start + count)]


def append_singly(storage: Storage, topic: str, messages: Iterable[NewMessage]) -> list[Position]:
    """Append with one call per message, so that a broker that batches makes an entry of each."""
    return [storage.log.append(topic, [message])[0] for message in messages]


def payloads(messages: Iterable[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def texts(count: int, *, start: int = 0) -> list[bytes]:
    """Return the payloads of ``numbered``."""
    return [str(number).encode() for number in range(start, start + count)]


def whole_log(storage: Storage, topic: str, partition: int = 0) -> Sequence[Message]:
    return storage.log.read_forward(topic, partition, limit=100_000)


def read_until(reader: Reader, count: int) -> list[Message]:
    """Read until there are ``count`` messages or the patience ends."""
    return _gather(lambda limit: reader.read(limit=limit, timeout=1.0), count)


def receive_until(consumer: Consumer, count: int) -> list[Message]:
    """Receive until there are ``count`` messages or the patience ends. Acknowledges nothing."""
    return _gather(lambda limit: consumer.receive(limit=limit, timeout=1.0), count)


def eventually(holds: Callable[[], bool], *, first_pause: float = FIRST_PAUSE, longest_pause: float = LONGEST_PAUSE) -> bool:
    """Return whether it becomes true within the patience. What a broker tells about itself may lag."""
    end = time.monotonic() + PATIENCE
    pause = first_pause
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(1.3 * pause, longest_pause)
    return True


def soon(holds: Callable[[], bool]) -> bool:
    """As ``eventually``, where a look costs next to nothing: at what another thread of this process does."""
    return eventually(holds, first_pause=0.001, longest_pause=0.01)


def _gather(more: Callable[[int], Sequence[Message]], count: int) -> list[Message]:
    found: list[Message] = []
    end = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < end:
        found.extend(more(count - len(found)))
    return found
