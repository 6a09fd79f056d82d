"""The reading process: ``python -m eventstore.index.processes.reading FD``, started by ``remote`` and by nobody else.

It is a new program, not a fork: the broker's client does not survive one. It needs neither Django nor a database. Signals are
left to the indexer: when that ends, or is killed, the connection ends, and with it this process.
"""

import logging
import os
import pickle
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
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
MOST_LOGGED = 100


class Logged(logging.Handler):
    """Keeps what is logged, for the next reply."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[tuple[int, str]] = deque(maxlen=MOST_LOGGED)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record.levelno, f"{record.name}: {record.getMessage()}"))

    def taken(self) -> list[tuple[int, str]]:
        return [self.records.popleft() for _ in range(len(self.records))]


class Reading:
    """Does what it is asked, one request after the other. A reader that has failed stays so, and tells its error again."""

    def __init__(self, connection: Connection, storage: Storage, logged: Logged) -> None:
        self._connection, self._storage, self._logged = connection, storage, logged
        self._readers: dict[int, tuple[Reader, UsualTimes]] = {}
        self._failed: dict[int, tuple[str, str]] = {}

    def do(self, request: Request) -> None:
        match request:
            case Open(number, after):
                self._guarded(number, lambda: self._open(number, after))
            case Read(number, limit, timeout):
                packed = self._guarded(number, lambda: self._read(number, limit, timeout))
                failed = Reply(number, [], self._failed.get(number), self._logged.taken())
                self._connection.send_bytes(packed or encode(failed))
            case Close(number):
                self._failed.pop(number, None)
                self._guarded(number, lambda: self._close(number))
                self._failed.pop(number, None)

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


def main(descriptor: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.getLogger().addHandler(logged := Logged())
    connection = Connection(descriptor)
    open_storage: Callable[[], Storage] = pickle.loads(connection.recv_bytes())  # noqa: S301 -- from the indexer itself
    storage = open_storage()
    asked: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_serve, args=(Reading(connection, storage, logged), asked), daemon=True).start()
    try:
        connection.send_bytes(encode(Reply(READY, [])))
        while True:
            asked.put(decode_request(connection.recv_bytes()))
    except (EOFError, OSError):
        leaving = threading.Thread(target=storage.close, daemon=True)
        leaving.start()
        leaving.join(LEAVE_SECONDS)  # the broker notices what is not closed by then
        os._exit(0)


def _serve(reading: Reading, asked: "queue.SimpleQueue[Request]") -> None:
    try:
        while True:
            reading.do(asked.get())
    finally:
        os._exit(1)  # the indexer is gone, or would wait for answers that never come


if __name__ == "__main__":
    main(int(sys.argv[1]))
