"""The reading process: ``python -m eventstore.index.processes.reading FD``, started by ``remote`` and by nobody else.

It is a new program, not a fork: the broker's client does not survive one. It needs neither Django nor a database. Signals are
left to the indexer: when that ends, or is killed, the connection ends, and with it this process.
"""

import gc
import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from eventstore.envelope.usual import UsualPiece, UsualTimes, usual_piece
from eventstore.index.processes.frames import (
    READY,
    Close,
    Found,
    Open,
    Read,
    Reply,
    Request,
    decode_request,
    encode,
    found_usual,
)
from eventstore.index.tables.usual import Merger, pack
from eventstore.model.errors import EventStoreError, words_of
from eventstore.model.events import Position
from eventstore.model.log import Reader
from eventstore.model.pieces import Piece, pieces_of
from eventstore.model.storage import Storage

LEAVE_SECONDS = 2.0
THREADS, HELD_UP = 8, 1.0
"""Threads that do what is asked, and how many seconds one may take until another one goes on beside it."""
MOST_LOGGED = 100
NEW_OBJECTS = 50_000
"""New objects between two collections of garbage, here and in the indexer (``indexer.gc_tuning``). Cycles that errors leave
behind may take some megabytes by then."""


class Logged(logging.Handler):
    """Keeps what is logged, for the next reply."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[tuple[int, str]] = deque(maxlen=MOST_LOGGED)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record.levelno, f"{record.name}: {record.getMessage()}"))

    def taken(self) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        with suppress(IndexError):  # another thread may take them
            while True:
                found.append(self.records.popleft())
        return found


class Reading:
    """Does what it is asked. A reader that has failed stays so, and tells its error again. Thread-safe, but each reader is one
    thread's at a time."""

    def __init__(self, connection: Connection, storage: Storage, logged: Logged) -> None:
        self._connection, self._storage, self._logged = connection, storage, logged
        self._readers: dict[int, tuple[Reader, UsualTimes]] = {}
        self._failed: dict[int, tuple[str, str]] = {}
        self._sending = threading.Lock()

    def do(self, request: Request) -> bytes:
        """Do what is asked, and return what is to be sent."""
        match request:
            case Open(number, after):
                return self._guarded(number, lambda: self._open(number, after))
            case Read(number, limit, timeout):
                found = self._guarded(number, lambda: self._read(number, limit, timeout))
                return found or encode(Reply(number, [], self._failed.get(number), self._logged.taken()))
            case Close(number):
                self._failed.pop(number, None)
                self._guarded(number, lambda: self._close(number))
                self._failed.pop(number, None)
        return b""

    def send(self, reply: bytes) -> None:
        with self._sending:
            self._connection.send_bytes(reply)

    def _guarded(self, number: int, work: Callable[[], bytes]) -> bytes:
        """Return what the work returns; nothing if it or the one before has failed."""
        if number in self._failed:
            return b""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 -- the indexer is told, and deals with it
            text = str(error) if isinstance(error, EventStoreError) else words_of(error)
            self._failed[number] = (type(error).__name__, text)
            return b""

    def _open(self, number: int, after: Position) -> bytes:
        reader = self._storage.log.open_reader(after.topic, after.partition, after=after)
        self._readers[number] = (reader, UsualTimes())
        return b""

    def _read(self, number: int, limit: int, timeout: float) -> bytes:
        reader, times = self._readers[number]
        found: list[Found] = []
        merger = Merger()
        for piece in pieces_of(reader, limit=limit, timeout=timeout):
            read = usual_piece(piece, times) if isinstance(piece, Piece) else list(piece)
            before = merger.add(pack(read)) if isinstance(read, UsualPiece) else merger.take()
            if before is not None:
                found.append(found_usual(before))
            if not isinstance(read, UsualPiece):
                found.append(Found(None, read))
        if (rest := merger.take()) is not None:
            found.append(found_usual(rest))
        return encode(Reply(number, found, None, self._logged.taken()))

    def _close(self, number: int) -> bytes:
        opened = self._readers.pop(number, None)
        if opened is not None:
            opened[0].close()
        return b""


class Requests:
    """Gives out what was asked: to one thread at a time, since threads that read side by side only take turns at each message.

    What takes longer than ``HELD_UP`` does not count: a broker that does not answer holds up its own partitions alone. The
    requests to one reader are done one after the other.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: dict[int, deque[Request]] = {}
        """The requests to each reader, the first of which may be under way."""
        self._ready: deque[int] = deque()
        """The readers with a request that nobody does."""
        self._begun: dict[int, float] = {}
        """When those that are under way began, in monotonic seconds."""

    def put(self, request: Request) -> None:
        with self._changed:
            waiting = self._asked.setdefault(request.number, deque())
            waiting.append(request)
            if len(waiting) == 1:
                self._ready.append(request.number)
                self._changed.notify()

    def next(self) -> Request:
        """Wait for the next request. Call ``done`` with it afterwards."""
        with self._changed:
            while not self._ready or any(time.monotonic() - at < HELD_UP for at in self._begun.values()):
                self._changed.wait(HELD_UP if self._ready else None)
            number = self._ready.popleft()
            self._begun[number] = time.monotonic()
            return self._asked[number][0]

    def done(self, request: Request) -> None:
        with self._changed:
            del self._begun[request.number]
            waiting = self._asked[request.number]
            waiting.popleft()
            if waiting:
                self._ready.append(request.number)
            else:
                del self._asked[request.number]
            self._changed.notify()


def main(descriptor: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(NEW_OBJECTS)
    logging.getLogger().addHandler(logged := Logged())
    connection = Connection(descriptor)
    try:
        storage = _opened(connection)
    except (EOFError, OSError):
        os._exit(0)  # the indexer has ended meanwhile
    requests = Requests()
    reading = Reading(connection, storage, logged)
    for _ in range(THREADS):
        threading.Thread(target=_serve, args=(reading, requests), daemon=True).start()
    try:
        connection.send_bytes(encode(Reply(READY, [])))
        while True:
            requests.put(decode_request(connection.recv_bytes()))
    except (EOFError, OSError):
        leaving = threading.Thread(target=storage.close, daemon=True)
        leaving.start()
        leaving.join(LEAVE_SECONDS)  # the broker notices what is not closed by then
        os._exit(0)


def _opened(connection: Connection) -> Storage:
    opener = connection.recv_bytes()
    try:
        open_storage: Callable[[], Storage] = pickle.loads(opener)  # noqa: S301 -- from the indexer itself
        return open_storage()
    except Exception as error:  # noqa: BLE001 -- said in one line, without what its text may quote
        sys.exit(f"The reading process cannot open the event store: {words_of(error)}.")


def _serve(reading: Reading, requests: Requests) -> None:
    try:
        while True:
            request = requests.next()
            reply = reading.do(request)
            requests.done(request)  # to send megabytes takes a while: another thread may read meanwhile
            if reply:
                reading.send(reply)
    finally:
        os._exit(1)  # the indexer is gone, or would wait for answers that never come


if __name__ == "__main__":
    main(int(sys.argv[1]))
