"""Reading spans in bounded pieces: several partitions side by side, each one piece ahead, merged by publish time.

Plain reads alone, which leave nothing behind in the store. Held at any moment are at most two pieces a partition.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from heapq import merge

from django.db import connections

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message
from eventstore.model.storage import READ_BYTES, Storage
from eventstore.scanning.spans import Span

SMALLEST, FIRST, LARGEST = 20, 84, 1364
"""Messages of a piece. Pulsar reads backward in ranges of 4, 16, 64, … entries: these are sums of them, so that nothing is
read twice for it."""
FIRST_FORWARD = 4
MOST_HELD = 8 * LARGEST
"""Messages that all partitions together may hold; many partitions have smaller pieces."""
MOST_BYTES = 4 * READ_BYTES
"""Bytes of payload that all partitions together may hold, and one message of each beyond; reading forward, as far as earlier
pieces tell how large the next one is."""
WAIT = 0.2
SILENT = 2.0
"""Seconds without an event before the store is asked whether it is there."""

Pieces = Generator[Sequence[Message], None, None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """The most that one piece may hold."""

    messages: int
    bytes: int


@contextmanager
def opened(
    storage: Storage, spans: Sequence[Span], *, newest_first: bool, stopped: Callable[[], bool]
) -> Iterator[Iterator[Message]]:
    """The spans' messages in order of publish time, a partition's own order never broken.

    Ends early, and soon, once ``stopped`` says so. Whatever the store raises comes out of the iterator.
    """
    most = max(SMALLEST, min(LARGEST, MOST_HELD // (2 * max(1, len(spans)))))
    threads = max(1, min(storage.capabilities.parallel_reads, len(spans)))
    room = MOST_BYTES // (2 * max(1, len(spans)))
    read = _backward if newest_first else _forward
    pieces = [read(storage, span, Room(messages=most, bytes=room), stopped) for span in spans]
    with ExitStack() as stack:
        for one in pieces:
            stack.callback(one.close)
        pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="search")
        stack.callback(pool.shutdown, cancel_futures=True)
        lanes = [_Lane(one, pool, stopped) for one in pieces]
        yield merge(*lanes, key=lambda message: message.published, reverse=newest_first)


class _Lane:
    """One partition's messages, the next piece being read while this one is looked at."""

    def __init__(self, pieces: Pieces, pool: ThreadPoolExecutor, stopped: Callable[[], bool]) -> None:
        self._pieces, self._pool, self._stopped = pieces, pool, stopped
        self._coming = self._ask()

    def __iter__(self) -> Iterator[Message]:
        while piece := self._next():
            self._coming = self._ask()
            yield from piece

    def _ask(self) -> "Future[Sequence[Message]]":
        return self._pool.submit(_read_one, self._pieces)

    def _next(self) -> Sequence[Message]:
        while not self._stopped():
            try:
                return self._coming.result(timeout=WAIT)
            except NotYet:
                continue
        return ()


def _read_one(pieces: Pieces) -> Sequence[Message]:
    try:
        return next(pieces, ())
    finally:
        connections.close_all()  # this thread's own: nobody else would close them


def _backward(storage: Storage, span: Span, room: Room, stopped: Callable[[], bool]) -> Pieces:
    """Newest first. A piece is small at first."""
    before = None if span.upper_included else span.upper
    limit = min(FIRST, room.messages)
    while not stopped():
        found = storage.read_backward(span.topic, span.partition, before=before, limit=limit, most_bytes=room.bytes)
        if piece := [message for message in found if span.holds(message.position)]:
            yield piece
        is_cut = sum(len(message.payload) for message in found) >= room.bytes
        if (len(found) < limit and not is_cut) or not span.is_above_lower(found[-1].position):
            return
        before = found[-1].position
        limit = min(room.messages, limit * 16)


def _forward(storage: Storage, span: Span, room: Room, stopped: Callable[[], bool]) -> Pieces:
    """Oldest first, up to the end of the span, which is there already."""
    if span.lower_included:
        if first := storage.fetch([span.lower]).get(span.lower):
            yield [first]
        if span.lower == span.upper:
            return
    limit, largest = min(FIRST_FORWARD, room.messages), 1
    with storage.open_reader(span.topic, span.partition, after=span.lower) as reader:
        silent = 0
        while not stopped():
            found = reader.read(limit=limit, timeout=SILENT)
            if piece := [message for message in found if span.holds(message.position)]:
                yield piece
            if found and found[-1].position >= span.upper:
                return
            silent = 0 if found else silent + 1
            if silent and _is_gone(storage, span, silent):
                return
            largest = max(largest, *(len(message.payload) for message in found), 1)
            limit = max(1, min(room.messages, limit * 16, room.bytes // largest))


def _is_gone(storage: Storage, span: Span, silent: int) -> bool:
    """Whether nothing of the span can come any more: retention has trimmed its end. A reader of a store that died waits in
    silence, so the store is asked; ``StoreUnreachable`` where it does not answer, or answers and delivers nothing."""
    ends = storage.ends(span.topic)[span.partition]
    if ends.last is None or ends.first is None or ends.first > span.upper:
        return True
    if silent > 2:
        raise StoreUnreachable("The store answers, and delivers no more of this topic. Search again in a moment.")
    return False
