"""Reads spans in bounded pieces: several partitions in parallel, each one piece ahead, merged by publish time.

Only plain readers are used, which leave nothing behind in the store. At most two pieces per partition are in memory.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from heapq import merge

from django.db import connections

from eventstore.model.errors import StoreUnreachable
from eventstore.model.events import Message
from eventstore.model.log import READ_BYTES, Log
from eventstore.model.merge import newest_first_key
from eventstore.scanning.spans import Span

SMALLEST, FIRST, LARGEST = 20, 84, 1364
"""Messages of a piece. Pulsar reads backward in ranges of 4, 16, 64, … entries. These numbers are sums of such ranges, so
that nothing is read twice for a piece."""
FIRST_FORWARD = 4
MOST_HELD = 8 * LARGEST
"""The most messages that all partitions hold together. Many partitions have smaller pieces."""
MOST_BYTES = 4 * READ_BYTES
"""The most payload bytes that all partitions hold together, plus one message each. When reading forward, the size of the
next piece is estimated from earlier ones."""
WAIT = 0.2
SILENT = 2.0
"""Seconds without an event after which the store is asked whether it is still there."""

Pieces = Generator[Sequence[Message], None, None]


@dataclass(frozen=True, kw_only=True, slots=True)
class PieceBudget:
    """The most that one piece may hold."""

    messages: int
    bytes: int


@contextmanager
def merged_messages(
    log: Log, spans: Sequence[Span], *, newest_first: bool, stopped: Callable[[], bool]
) -> Iterator[Iterator[Message]]:
    """Yield the messages of the spans in order of publish time. A partition's own order is never broken.

    Ends early, and soon, once ``stopped`` returns true. Errors of the store come out of the iterator.
    """
    most = max(SMALLEST, min(LARGEST, MOST_HELD // (2 * max(1, len(spans)))))
    threads = max(1, min(log.capabilities.parallel_reads, len(spans)))
    room = MOST_BYTES // (2 * max(1, len(spans)))
    read = _backward if newest_first else _forward
    pieces = [read(log, span, PieceBudget(messages=most, bytes=room), stopped) for span in spans]
    with ExitStack() as stack:
        for one in pieces:
            stack.callback(one.close)
        pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="search")
        stack.callback(pool.shutdown, cancel_futures=True)
        sources = [_PrefetchedPartition(one, pool, stopped) for one in pieces]
        yield merge(*sources, key=_newest_first if newest_first else _oldest_first, reverse=newest_first)


def _oldest_first(message: Message) -> datetime:
    return message.published


def _newest_first(message: Message) -> datetime:
    return newest_first_key(message.published)


class _PrefetchedPartition:
    """One partition's messages. The next piece is read while this one is consumed."""

    def __init__(self, pieces: Pieces, pool: ThreadPoolExecutor, stopped: Callable[[], bool]) -> None:
        self._pieces, self._pool, self._stopped = pieces, pool, stopped
        self._next_piece = self._prefetch()

    def __iter__(self) -> Iterator[Message]:
        while piece := self._next():
            self._next_piece = self._prefetch()
            yield from piece

    def _prefetch(self) -> "Future[Sequence[Message]]":
        return self._pool.submit(_read_one, self._pieces)

    def _next(self) -> Sequence[Message]:
        while not self._stopped():
            try:
                return self._next_piece.result(timeout=WAIT)
            except NotYet:
                continue
        return ()


def _read_one(pieces: Pieces) -> Sequence[Message]:
    try:
        return next(pieces, ())
    finally:
        connections.close_all()  # this thread's connections, which nothing else closes


def _backward(log: Log, span: Span, room: PieceBudget, stopped: Callable[[], bool]) -> Pieces:
    """Read newest first. The first piece is small."""
    before = None if span.upper_included else span.upper
    limit = min(FIRST, room.messages)
    while not stopped():
        found = log.read_backward(span.topic, span.partition, before=before, limit=limit, most_bytes=room.bytes)
        if piece := [message for message in found if span.holds(message.position)]:
            yield piece
        is_cut = sum(len(message.payload) for message in found) >= room.bytes
        if (len(found) < limit and not is_cut) or not span.is_above_lower(found[-1].position):
            return
        before = found[-1].position
        limit = min(room.messages, limit * 16)


def _forward(log: Log, span: Span, room: PieceBudget, stopped: Callable[[], bool]) -> Pieces:
    """Read oldest first, up to the end of the span, which already exists."""
    if span.lower_included:
        if first := log.fetch([span.lower]).get(span.lower):
            yield [first]
        if span.lower == span.upper:
            return
    limit, largest = min(FIRST_FORWARD, room.messages), 1
    with log.open_reader(span.topic, span.partition, after=span.lower) as reader:
        silent = 0
        while not stopped():
            found = reader.read(limit=limit, timeout=SILENT)
            if piece := [message for message in found if span.holds(message.position)]:
                yield piece
            if found and found[-1].position >= span.upper:
                return
            silent = 0 if found else silent + 1
            if silent and _is_trimmed(log, span, silent):
                return
            largest = max(largest, *(len(message.payload) for message in found), 1)
            limit = max(1, min(room.messages, limit * 16, room.bytes // largest))


def _is_trimmed(log: Log, span: Span, silent: int) -> bool:
    """Return whether nothing of the span can come any more, because retention has trimmed its end.

    The reader of a store that died waits in silence, so the store is asked. Raises ``StoreUnreachable`` if the store
    does not answer, or if it answers but delivers nothing.
    """
    ends = log.ends(span.topic)[span.partition]
    if ends.last is None or ends.first is None or ends.first.beginning > span.upper:
        return True
    if silent > 2:
        raise StoreUnreachable("The store answers, and delivers no more of this topic. Search again in a moment.")
    return False
