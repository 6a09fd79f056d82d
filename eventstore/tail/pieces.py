"""What a tail hands out: entries, pieces of entries with what was rendered from them, and the sealed chunks that hold
both."""

import sys
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from eventstore.envelope.contents import may_grow
from eventstore.model.events import Event, Message

T = TypeVar("T")
ReadEvent = Callable[[Message], Event]

OBJECTS_OF_AN_ENTRY = 1_200
"""Bytes of memory that a parsed event takes in addition to its payload and properties. Measured and rounded up."""

OBJECTS_OF_A_RESULT = 400
OBJECTS_OF_A_SLICE = 1_200
BYTES_OF_A_MATCH = 64
"""Bytes of memory that a filter takes: for the result of a chunk, for a slice with its piece, and for an event that
matched."""

FilterKey = tuple[str, datetime | None, datetime | None, tuple[tuple[str, str], ...], tuple[str, ...]]
RingFilterKey = tuple[FilterKey, int | None]


class EventParser:
    """Parses the entries of one tail."""

    __slots__ = ("lock", "read")

    def __init__(self, read: ReadEvent) -> None:
        self.read = read
        self.lock = threading.Lock()


class Entry(Struct, eq=False, gc=False):
    """A message in a tail. It is parsed once, when its event is first needed.

    Parsing a payload with a schema may call the store's registry: see ``ask_for_schemas``. The collector of cycles does not
    look at entries: a ring has tens of thousands, and no event leads back to one.
    """

    message: Message
    _parser: EventParser
    _event: Event | None = None

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
        """Parse the event without the lock, since this may wait for the registry. Only for an entry that no other thread
        has yet."""
        if self._event is None:
            self._event = self._parser.read(self.message)
        return self._event


def ask_for_schemas(entries: Sequence[Entry]) -> None:
    """Fetch the schemas of these entries in this thread, before any other thread has the entries.

    Known schemas are cached, so that parsing later does not wait for the registry. An event whose schema the registry
    does not return is parsed here.
    """
    known: set[str] = set()
    for entry in entries:
        version = entry.message.schema_version
        if version and version not in known:
            use = entry.parse_before_others().schema
            if use is not None and use.kind:
                known.add(version)


class MemoryHolder(Protocol):
    """Accounts for the memory of what is rendered from a piece."""

    def grow(self, amount: int) -> None: ...


class Piece:
    """Entries that are given together, oldest first, to every subscriber that asks for the same."""

    __slots__ = ("_holder", "_lock", "_made", "entries")

    def __init__(self, entries: Sequence[Entry], holder: MemoryHolder | None = None) -> None:
        self.entries = entries
        self._holder = holder
        self._lock = threading.Lock()
        self._made: dict[Hashable, object] = {}

    @property
    def shared(self) -> bool:
        """Whether the piece lies in a ring, where other subscribers get it, too."""
        return self._holder is not None

    def made(self, key: Hashable, make: Callable[[Sequence[Entry]], T]) -> T:
        """Return what ``make`` renders from the entries. It is rendered once for this key, however many threads ask.

        The same key must always come with the same ``make``. The result, texts or bytes, is kept as long as the piece.
        """
        with self._lock:
            if key not in self._made:
                made = make(self.entries)
                self._made[key] = made
                if self._holder is not None:
                    self._holder.grow(_size_of(made))
            return self._made[key]  # type: ignore[return-value]  # what this key's make made


def _size_of(made: object) -> int:
    """Return the bytes of memory of a text, of bytes, or of a tuple of them.

    A single character above U+FFFF makes a text four times as large.
    """
    if isinstance(made, tuple):
        return sum(_size_of(part) for part in made)
    return sys.getsizeof(made) if isinstance(made, str | bytes) else 0


def _size_of_text(text: str) -> int:
    return len(text) if text.isascii() else sys.getsizeof(text)


class Slice:
    """A part of a chunk that is given together.

    ``piece`` stands for the entries from ``start`` to ``end`` (excluded), of which ``matched`` passed the filter.
    ``bytes`` counts the payloads of the piece. ``tokens`` has the last token of each partition: the places of a
    subscriber after this slice. They are computed once because all subscribers share them.
    """

    __slots__ = ("bytes", "end", "matched", "piece", "rows", "start", "tokens")

    def __init__(self, *, piece: Piece, start: int, end: int, matched: int, bytes: int, tokens: Mapping[int, str]) -> None:
        self.piece, self.start, self.end, self.matched, self.bytes = piece, start, end, matched, bytes
        self.rows, self.tokens = len(piece.entries), tokens


class MemoryAccount:
    """The memory of one filter's result for one chunk.

    The ring includes these ``size`` bytes once they are ``counted``. When the ring drops the result, ``chunk`` is
    ``None``.
    """

    __slots__ = ("chunk", "counted", "size")

    def __init__(self, chunk: "Chunk", size: int) -> None:
        self.chunk: Chunk | None = chunk
        self.size, self.counted = size, False

    def grow(self, amount: int) -> None:
        if (chunk := self.chunk) is not None:
            chunk.grow(self, amount)


class FilterResult:
    """The result of one ``RingFilter`` for one chunk.

    ``slices`` stand for all events of the chunk; there are none if nothing ``matched``. ``before`` is how many events
    the filter had counted before this chunk.
    """

    __slots__ = ("account", "before", "matched", "rows", "slices")

    def __init__(self, matched: int, slices: Sequence[Slice], account: MemoryAccount | None = None) -> None:
        self.matched, self.slices, self.account, self.before = matched, slices, account, 0
        self.rows = sum(part.rows for part in slices)


class Chunk:
    """The events of one beat. A sealed chunk does not change; only results and rendered pieces are added.

    ``before`` counts the ring's events before this chunk. ``first`` and ``last`` are the chunk's first and last tokens
    by partition. ``sealed`` is a monotonic time. ``size`` is maintained by the ring. ``matches`` holds, by filter, the
    indexes of the matching entries.
    """

    __slots__ = ("_grow", "before", "bytes", "entries", "first", "last", "matches", "number", "results", "sealed", "size")

    def __init__(self, entries: Sequence[Entry], *, sealed: float, grow: Callable[[MemoryAccount, int], None]) -> None:
        self.entries, self.sealed, self._grow = entries, sealed, grow
        self.number = self.before = 0
        self.results: dict[RingFilterKey, FilterResult] = {}
        self.matches: dict[FilterKey, Sequence[int]] = {}
        self.first = places_of(entries[::-1])
        self.last = places_of(entries)
        self.bytes = sum(len(entry.message.payload) for entry in entries)
        self.size = self.bytes + sum(beside_payload(entry.message) for entry in entries)

    def grow(self, account: MemoryAccount, amount: int) -> None:
        self._grow(account, amount)


def places_of(entries: Sequence[Entry]) -> dict[int, str]:
    """Return, by partition, the token of the last of these entries."""
    return {entry.message.position.partition: entry.message.position.token for entry in entries}


def beside_payload(message: Message) -> int:
    """Return the bytes of memory of a parsed message in addition to its payload.

    A payload that is converted by its schema takes about its own size again, a packed one what it may unpack to.
    """
    converted = len(message.payload) if message.schema_version else may_grow(message)
    texts = (message.key or "", message.ordering_key or "", *message.properties, *message.properties.values())
    together = "".join(texts)  # one check for all texts of an event takes half the time of a check for each
    return OBJECTS_OF_AN_ENTRY + converted + (len(together) if together.isascii() else sum(map(_size_of_text, texts)))
