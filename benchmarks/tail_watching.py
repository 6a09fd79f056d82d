"""The subscribers of the tail's benchmark: one program with any number of websockets, whatever serves them.

There are three kinds: ``json`` (the desk's subprotocol for scripts), ``page`` (what a page gets) and ``endpoint`` (the
broker's own reader). Each acknowledges what it gets as its protocol requires.
"""

import asyncio
import json
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.running import say
from benchmarks.tail_connections import Connection, Refused
from benchmarks.tail_frames import Batch, frame_of_events, frame_of_rows

CONNECTING_AT_ONCE = 10


class Signal(Protocol):
    """An event shared by processes."""

    def set(self) -> None: ...
    def wait(self) -> bool: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Watching:
    """What to watch: an address for each subscriber, the headers of the handshake, and the number of events that will
    come.

    A subscriber is done once it has all of them, or has waited ``patience`` seconds after it was told that the last was
    published. None leaves before it is told. A ``silent`` one never reads.
    """

    kind: str
    urls: Sequence[str]
    headers: tuple[tuple[str, str], ...] = ()
    expected: int
    patience: float
    silent: bool = False


@dataclass(kw_only=True, slots=True)
class Seen:
    """What one subscriber has seen. ``delays``: seconds from publish to receipt of every event."""

    events: int = 0
    gaps: int = 0
    """Events that did not follow the one before."""
    next_number: int = 0
    last_at: float = 0.0
    """The clock when the last event came."""
    delays: "array[float]" = field(default_factory=lambda: array("f"))
    came_at: "array[float]" = field(default_factory=lambda: array("d"))
    """The clock at each frame with events, and after how many events that was (``came``)."""
    came: "array[int]" = field(default_factory=lambda: array("q"))
    counts: dict[str, Any] = field(default_factory=dict)

    def note(self, batch: Batch, now: float) -> None:
        """Record events that came together."""
        if not len(batch.numbers):
            return
        self.gaps += batch.gaps + int(batch.numbers[0] != self.next_number)
        self.next_number = int(batch.numbers[-1]) + 1
        self.delays.frombytes((now - batch.published).astype(np.float32).tobytes())
        self._note_time(len(batch.numbers), now)

    def note_one(self, number: int, published: float, now: float) -> None:
        """Record one event that came by itself."""
        self.gaps += number != self.next_number
        self.next_number = number + 1
        self.delays.append(now - published)
        self._note_time(1, now)

    def _note_time(self, events: int, now: float) -> None:
        self.events += events
        self.last_at = now
        self.came_at.append(now)
        self.came.append(self.events)

    def until(self, clock: float) -> int:
        """Return how many events had come by then."""
        frames = bisect_right(self.came_at, clock)
        return self.came[frames - 1] if frames else 0


class _Payload(Struct, gc=False):
    n: int
    at: float


class _Message(Struct, gc=False):
    messageId: str  # the endpoint's own name
    payload: bytes


_message = Decoder(_Message).decode
_payload = Decoder(_Payload).decode


def watch(watching: Watching, ready: Signal, published: Signal) -> list[Seen]:
    """Watch until everything has come or the patience ends.

    Sets ``ready`` once every subscriber is connected. The publisher sets ``published`` some time after the last event,
    and the subscribers may then leave.
    """
    return asyncio.run(_watch(watching, ready, published))


async def _watch(watching: Watching, ready: Signal, published: Signal) -> list[Seen]:
    gate, opened = asyncio.Semaphore(CONNECTING_AT_ONCE), asyncio.Barrier(len(watching.urls) + 1)

    async def one(url: str) -> Seen:
        seen = Seen()
        async with gate:
            connection = await _connected(watching, url)
        done = asyncio.get_running_loop().create_future()
        if not watching.silent:  # from now on: an acknowledgement that waits for the others would be late
            connection.take_with(partial(_TAKE[watching.kind], connection, seen, watching.expected, done))
        await opened.wait()
        if watching.silent:
            connection.transport.pause_reading()
        await asyncio.wait([done, connection.ended, over], return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            await asyncio.wait([told])
        elif not watching.silent:
            say(f"a viewer had {seen.events:,} of {watching.expected:,} events when its time was over")
        connection.transport.abort()
        return seen

    async def time_is_over() -> None:
        await asyncio.wait([told])
        await asyncio.sleep(watching.patience)

    told = asyncio.create_task(asyncio.to_thread(published.wait))
    over = asyncio.create_task(time_is_over())
    try:
        async with asyncio.TaskGroup() as group:
            viewers = [group.create_task(one(url)) for url in watching.urls]
            await opened.wait()
            ready.set()
        return [viewer.result() for viewer in viewers]
    finally:
        over.cancel()
        published.set()  # if a viewer is refused, the thread that waits for it would keep this process from ending


async def _connected(watching: Watching, url: str) -> Connection:
    """Connect. With the desk, also begin: the first frame says that it follows."""
    connection = Connection()
    await connection.open(url, watching.headers, ["eventdesk.json"] if watching.kind == "json" else [])
    if watching.kind != "endpoint":
        connection.send('{"begin":{}}')
        try:
            first = json.loads(await connection.first())
        except Refused as refused:
            raise RuntimeError(f"the desk closed a tail before its first frame: {refused}") from None
        if "frame" not in first:
            raise RuntimeError(f"the desk answered: {first.get('problem')}")
        connection.send(_acknowledgement(1, first.get("mark", "")))
    return connection


def _acknowledgement(frame: int, mark: str) -> str:
    return f'{{"ack":{frame},"mark":"{mark}"}}' if mark else f'{{"ack":{frame}}}'


def _take_json(connection: Connection, seen: Seen, expected: int, done: "asyncio.Future[None]", text: bytes) -> None:
    now = time.time()
    frame, events = frame_of_events(text)
    connection.send(_acknowledgement(frame.frame, frame.mark))
    seen.note(events, now)
    seen.counts = frame.counts
    if seen.events >= expected and not done.done():
        done.set_result(None)


def _take_page(connection: Connection, seen: Seen, expected: int, done: "asyncio.Future[None]", text: bytes) -> None:
    """``next_number`` is not used: above a certain rate the rows are a sample."""
    now = time.time()
    frame, rows = frame_of_rows(text)
    connection.send(_acknowledgement(frame.frame, frame.mark))
    seen.note(rows, now)
    seen.counts = frame.counts
    skipped = seen.counts["skipped"]
    accounted = seen.counts["shown"] + skipped["sampled"] + skipped["slow"] + (skipped["older"] or 0)
    if seen.counts["published"] >= expected and accounted >= expected and not done.done():
        done.set_result(None)


def _take_endpoint(connection: Connection, seen: Seen, expected: int, done: "asyncio.Future[None]", text: bytes) -> None:
    now = time.time()
    message = _message(text)
    connection.send(f'{{"messageId":"{message.messageId}"}}')
    payload = _payload(message.payload)
    seen.note_one(payload.n, payload.at, now)
    if seen.events >= expected and not done.done():
        done.set_result(None)


_TAKE: dict[str, Callable[[Connection, Seen, int, "asyncio.Future[None]", bytes], None]] = {
    "json": _take_json,
    "page": _take_page,
    "endpoint": _take_endpoint,
}
