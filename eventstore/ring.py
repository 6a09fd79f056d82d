"""A bounded memory of the last events of a topic, numbered without gaps, that any number of viewers read at their own pace."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from eventstore.events import Event

MOST_EVENTS = 5_000
MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event in the ring. ``rendered`` is where a page keeps its rows, by masking profile, so that each is made once."""

    number: int
    event: Event
    rendered: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Since:
    """The entries from a number on, those that the ring no longer has (``lost``), and the number to ask for next."""

    entries: Sequence[Entry]
    lost: int
    next_number: int


class Ring:
    """Bounded in events and in bytes of payloads and properties; the newest event is always kept, however large."""

    def __init__(self, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._next = 0

    @property
    def next_number(self) -> int:
        return self._next

    def add(self, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                self._entries.append(Entry(number=self._next, event=event))
                self._next += 1
                self._bytes += _size(event)
            while len(self._entries) > self._most_events or (self._bytes > self._most_bytes and len(self._entries) > 1):
                self._bytes -= _size(self._entries.popleft().event)

    def since(self, number: int) -> Since:
        """Everything from ``number`` on; costs what it answers, not what the ring holds."""
        with self._lock:
            first = self._next - len(self._entries)
            start = max(number, first)
            count = self._next - start
            entries: list[Entry] = []
            for entry in reversed(self._entries):
                if len(entries) == count:
                    break
                entries.append(entry)
            entries.reverse()
            return Since(entries=entries, lost=max(0, first - number), next_number=self._next)


def _size(event: Event) -> int:
    properties = sum(len(name) + len(value) for name, value in event.message.properties.items())
    return len(event.message.payload) + properties
