"""What a tail hands out: entries, pieces of them with what is made of them once, and the sealed chunks that hold both."""

import sys
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from eventstore.model.events import Event, Message

T = TypeVar("T")

OBJECTS_OF_AN_ENTRY = 1_200
"""Bytes that an event takes in memory beside its payload and properties, parsed (measured, rounded up)."""

OBJECTS_OF_A_RESULT = 400
OBJECTS_OF_A_SLICE = 1_200
BYTES_OF_A_MATCH = 64
"""What a filter takes in memory: a chunk that it looked at, a slice with its piece, and an event that matched."""

FilterKey = tuple[str, datetime | None, datetime | None, tuple[tuple[str, str], ...]]
RingFilterKey = tuple[FilterKey, int | None]


class EventParser:
    """How the entries of one tail are parsed."""

    __slots__ = ("lock", "read")

    def __init__(self, read: Callable[[Message], Event]) -> None:
        self.read = read
        self.lock = threading.Lock()


class Entry:
    """A message in a tail, parsed when somebody first asks for its event, and once for all.

    Parsing what has a schema may ask the store's registry: see ``ask_for_schemas``.
    """

    __slots__ = ("_event", "_parser", "message")

    def __init__(self, message: Message, parser: EventParser) -> None:
        self.message = message
        self._parser = parser
        self._event: Event | None = None

    @property
    def event(self) -> Event:
        event = self._event
        if event is None:
            with self._parser.lock:
                event = self._event
                if event is None:
                    event = self._event = self._parser.read(self.message)
        return event

    def parse_before_others(self) -> Event:
        """The event, for whoever alone has the entry yet: it may wait for the registry, and so must hold no lock."""
        if self._event is None:
            self._event = self._parser.read(self.message)
        return self._event


def ask_for_schemas(entries: Sequence[Entry]) -> None:
    """Have this thread wait for the store's registry, before anybody else has the entries: the schemas that it knows are
    remembered, and where it does not tell one, the events are parsed here and now."""
    known: set[str] = set()
    for entry in entries:
        version = entry.message.schema_version
        if version and version not in known:
            use = entry.parse_before_others().schema
            if use is not None and use.kind:
                known.add(version)


class MemoryHolder(Protocol):
    """Whoever accounts for the memory of what is made of a piece."""

    def grow(self, amount: int) -> None: ...


class Piece:
    """Entries to be given together, oldest first, to every viewer that asks for the same."""

    __slots__ = ("_holder", "_lock", "_made", "entries")

    def __init__(self, entries: Sequence[Entry], holder: MemoryHolder | None = None) -> None:
        self.entries = entries
        self._holder = holder
        self._lock = threading.Lock()
        self._made: dict[Hashable, object] = {}

    @property
    def shared(self) -> bool:
        """Whether others are given it too: it lies in a ring."""
        return self._holder is not None

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
    """Its bytes in memory, of texts and tuples of them: a single character beyond U+FFFF makes a text four times as large."""
    if isinstance(made, tuple):
        return sum(_size_of(part) for part in made)
    return sys.getsizeof(made) if isinstance(made, str | bytes) else 0


def _size_of_text(text: str) -> int:
    return len(text) if text.isascii() else sys.getsizeof(text)


class Slice:
    """A part of a chunk that is given in one go: ``piece`` stands for the entries from ``start`` to ``end`` (excluded), of
    which ``matched`` passed the filter. ``bytes`` are those of the piece's payloads, ``tokens`` by partition the last of the
    entries: found once, since every viewer that passes the slice stands there then."""

    __slots__ = ("bytes", "end", "matched", "piece", "rows", "start", "tokens")

    def __init__(self, *, piece: Piece, start: int, end: int, matched: int, bytes: int, tokens: Mapping[int, str]) -> None:
        self.piece, self.start, self.end, self.matched, self.bytes = piece, start, end, matched, bytes
        self.rows, self.tokens = len(piece.entries), tokens


class MemoryAccount:
    """The memory that a look takes: ``size`` bytes, which the ring counts from when they are ``counted`` until it lets go, and
    then forgets the ``chunk``."""

    __slots__ = ("chunk", "counted", "size")

    def __init__(self, chunk: "Chunk", size: int) -> None:
        self.chunk: Chunk | None = chunk
        self.size, self.counted = size, False

    def grow(self, amount: int) -> None:
        if (chunk := self.chunk) is not None:
            chunk.grow(self, amount)


class FilterResult:
    """A chunk as one tally sees it: ``slices`` stand for all of its events, or there is none since nothing ``matched``.
    ``before``: how many events the tally had counted before this chunk."""

    __slots__ = ("account", "before", "matched", "rows", "slices")

    def __init__(self, matched: int, slices: Sequence[Slice], account: MemoryAccount | None = None) -> None:
        self.matched, self.slices, self.account, self.before = matched, slices, account, 0
        self.rows = sum(part.rows for part in slices)


class Chunk:
    """The events of one beat, immutable from its sealing on; only what was made of them is added.

    ``before`` counts the events of the ring before it, ``first`` and ``last`` are its tokens by partition, ``sealed`` is a
    monotonic time. ``size`` belongs to the ring. ``matches``: by filter, which of the entries match.
    """

    __slots__ = ("_grow", "before", "bytes", "entries", "first", "last", "matches", "number", "results", "sealed", "size")

    def __init__(self, entries: Sequence[Entry], *, sealed: float, grow: Callable[[MemoryAccount, int], None]) -> None:
        self.entries, self.sealed, self._grow = entries, sealed, grow
        self.number = self.before = 0
        self.results: dict[RingFilterKey, FilterResult] = {}
        self.matches: dict[FilterKey, Sequence[int]] = {}
        self.first: dict[int, str] = {}
        for entry in entries:
            self.first.setdefault(entry.message.position.partition, entry.message.position.token)
        self.last = places_of(entries)
        self.bytes = sum(len(entry.message.payload) for entry in entries)
        self.size = self.bytes + sum(beside_payload(entry.message) for entry in entries)

    def grow(self, account: MemoryAccount, amount: int) -> None:
        self._grow(account, amount)


def places_of(entries: Sequence[Entry]) -> dict[int, str]:
    """By partition, the token of the last of these entries."""
    return {entry.message.position.partition: entry.message.position.token for entry in entries}


def beside_payload(message: Message) -> int:
    """What a schema makes of a payload is about as large again."""
    converted = len(message.payload) if message.schema_version else 0
    texts = [message.key or "", *message.properties, *message.properties.values()]
    return OBJECTS_OF_AN_ENTRY + converted + sum(map(_size_of_text, texts))
