"""What a tail hands out: entries, pieces of them with what is made of them once, and the sealed chunks that hold both."""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from eventstore.events import Event, Message

T = TypeVar("T")

OBJECTS_OF_AN_ENTRY = 1_200
"""Bytes that an event takes in memory beside its payload and properties, parsed (measured, rounded up)."""

FilterKey = tuple[str, datetime | None, datetime | None]
TallyKey = tuple[FilterKey, int | None]


class Reading:
    """How the entries of one tail are parsed."""

    __slots__ = ("lock", "read")

    def __init__(self, read: Callable[[Message], Event]) -> None:
        self.read = read
        self.lock = threading.Lock()


class Entry:
    """A message in a tail, parsed when somebody first asks for its event, and once for all."""

    __slots__ = ("_event", "_reading", "message")

    def __init__(self, message: Message, reading: Reading) -> None:
        self.message = message
        self._reading = reading
        self._event: Event | None = None

    @property
    def event(self) -> Event:
        event = self._event
        if event is None:
            with self._reading.lock:
                event = self._event
                if event is None:
                    event = self._event = self._reading.read(self.message)
        return event


class Grows(Protocol):
    """Whoever accounts for the memory of what is made of a piece."""

    def grow(self, amount: int) -> None: ...


class Piece:
    """Entries to be given together, oldest first, to every viewer that asks for the same."""

    __slots__ = ("_holder", "_lock", "_made", "entries")

    def __init__(self, entries: Sequence[Entry], holder: Grows | None = None) -> None:
        self.entries = entries
        self._holder = holder
        self._lock = threading.Lock()
        self._made: dict[Hashable, object] = {}

    def made(self, key: Hashable, make: Callable[[Sequence[Entry]], T]) -> T:
        """What ``make`` makes of the entries, made once for this key, whoever asks and however many at a time.

        A key must always come with the same ``make``. What is made is kept as long as the piece is: text, or bytes.
        """
        with self._lock:
            if key not in self._made:
                made = make(self.entries)
                self._made[key] = made
                if self._holder is not None:
                    self._holder.grow(_size_of(made))
            return self._made[key]  # type: ignore[return-value]  # what this key's make made


def _size_of(made: object) -> int:
    """Roughly its bytes: texts, and tuples of them."""
    if isinstance(made, tuple):
        return sum(_size_of(part) for part in made)
    return len(made) if isinstance(made, str | bytes) else 0


class Slice:
    """A part of a chunk that is given in one go: ``piece`` stands for the entries from ``start`` to ``end`` (excluded), of
    which ``matched`` passed the filter. ``bytes`` are those of the piece's payloads."""

    __slots__ = ("bytes", "end", "matched", "piece", "start")

    def __init__(self, *, piece: Piece, start: int, end: int, matched: int, bytes: int) -> None:
        self.piece, self.start, self.end, self.matched, self.bytes = piece, start, end, matched, bytes


class Look:
    """A chunk as one tally sees it. ``before``: how many events the tally had counted before this chunk."""

    __slots__ = ("before", "matched", "slices")

    def __init__(self, matched: int, slices: Sequence[Slice]) -> None:
        self.matched, self.slices, self.before = matched, slices, 0


class Chunk:
    """The events of one beat, immutable from its sealing on; only what was made of them is added.

    ``before`` counts the events of the ring before it, ``first`` and ``last`` are its tokens by partition, ``sealed`` is a
    monotonic time. ``size`` and ``gone`` belong to the ring.
    """

    __slots__ = ("_grow", "before", "bytes", "entries", "first", "gone", "last", "looks", "number", "pieces", "sealed", "size")

    def __init__(self, entries: Sequence[Entry], *, sealed: float, grow: Callable[["Chunk", int], None]) -> None:
        self.entries, self.sealed, self._grow = entries, sealed, grow
        self.number = self.before = 0
        self.gone = False
        self.looks: dict[TallyKey, Look] = {}
        self.pieces: dict[FilterKey, tuple[Sequence[int], Piece]] = {}
        self.first: dict[int, str] = {}
        for entry in entries:
            self.first.setdefault(entry.message.position.partition, entry.message.position.token)
        self.last = places_of(entries)
        self.bytes = sum(len(entry.message.payload) for entry in entries)
        self.size = self.bytes + sum(_beside_payload(entry.message.properties) for entry in entries)

    def grow(self, amount: int) -> None:
        self._grow(self, amount)


def places_of(entries: Sequence[Entry]) -> dict[int, str]:
    """By partition, the token of the last of these entries."""
    return {entry.message.position.partition: entry.message.position.token for entry in entries}


def _beside_payload(properties: Mapping[str, str]) -> int:
    return OBJECTS_OF_AN_ENTRY + sum(len(name) + len(value) for name, value in properties.items())
