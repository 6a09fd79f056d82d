"""A reading process as the indexer sees it, and the readers in it."""

import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection

from eventstore.envelope.usual import UsualPiece
from eventstore.index.processes.frames import READY, Close, Open, Read, Reply, Request, content_of, decode_reply, encode
from eventstore.model import errors
from eventstore.model.errors import EventStoreError, StoreUnreachable
from eventstore.model.events import Message, Position
from eventstore.model.storage import Storage

log = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0
"""A process that has not answered for so long is ended. A reader raises ``StoreUnreachable`` after some seconds."""
MOST_AHEAD = 4
"""While a process has more readers than this, none of them reads ahead: each batch may take some megabytes."""
END_SECONDS = 3.0
RESTART_SECONDS = 2.0
"""From the end of a process that was not asked to, until another one is started."""
IDLE_SECONDS = 30.0
"""A process without a reader ends after this time: it takes some 70 MB."""


class ProcessGone(EventStoreError):
    """The process that read the partition has ended. The partition is read again from the index's checkpoint."""


class ReadingFailed(EventStoreError):
    """Something that a reading process cannot handle. The partition is read by the indexer itself."""


class Process:
    """One reading process. Thread-safe. ``end`` it, and it ends by itself once it has had no reader for ``IDLE_SECONDS``."""

    def __init__(self, open_storage: Callable[[], Storage]) -> None:
        ours, its = socket.socketpair()
        command = [sys.executable, "-m", "eventstore.index.processes.reading", str(its.fileno())]
        with its:
            # A new program at once: nothing of the client's threads and locks is in it.
            self._process = subprocess.Popen(command, pass_fds=(its.fileno(),), stdin=subprocess.DEVNULL, env=_environment())
        self._connection = Connection(ours.detach())
        self._lock = threading.Lock()
        self._numbers = count()
        self._answers: dict[int, Future[Reply]] = {}
        self._readers: set[int] = set()
        self._idle_since = time.monotonic()
        self.ready = self.gone = self.failed = False
        self._connection.send_bytes(pickle.dumps(open_storage))
        threading.Thread(target=self._receive, name="index process", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __len__(self) -> int:
        """Return how many readers it has."""
        return len(self._readers)

    def open(self, after: Position) -> "RemoteReader":
        with self._lock:
            if self.gone:
                raise _gone()
            number = next(self._numbers)
            self._readers.add(number)
        self.send(Open(number, after))
        return RemoteReader(self, number)

    def read(self, number: int, limit: int, timeout: float) -> Future[Reply]:
        answer: Future[Reply] = Future()
        with self._lock:
            self._answers[number] = answer
        self.send(Read(number, limit, timeout))
        return answer

    def close(self, number: int) -> None:
        with self._lock:
            self._readers.discard(number)
            self._answers.pop(number, None)
            self._idle_since = time.monotonic()
        if not self.gone:
            try:
                self.send(Close(number))
            except ProcessGone:
                return

    def send(self, request: Request) -> None:
        """Raises ``ProcessGone``."""
        try:
            with self._lock:
                self._connection.send_bytes(encode(request))
        except OSError as error:
            raise _gone() from error

    def end(self) -> None:
        """Have it end, and wait for that. Calling it twice is harmless."""
        self.gone = True
        with self._lock:
            self._connection.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        self._process.kill()

    def _receive(self) -> None:
        """Give out the answers until the process ends. Then nobody has to wait any longer."""
        try:
            while not self._is_idle():
                if self._connection.poll(1.0):
                    self._take(decode_reply(self._connection.recv_bytes()))
        except (EOFError, OSError):
            if not self.gone:
                self.failed = True
                log.warning("A reading process has ended unasked. Its partitions continue at their checkpoints.")
        finally:
            self.gone = True
            with self._lock:
                answers = list(self._answers.values())
                self._answers.clear()
            for answer in answers:
                answer.set_exception(_gone())
            self._process.poll() if self._connection.closed else self.end()

    def _take(self, reply: Reply) -> None:
        for level, text in reply.logged:
            log.log(level, "%s", text)
        if reply.number == READY:
            self.ready = True
            return
        with self._lock:
            answer = self._answers.pop(reply.number, None)
        if answer is not None:
            answer.set_result(reply)

    def _is_idle(self) -> bool:
        with self._lock:
            idle = self.ready and not self._readers and time.monotonic() - self._idle_since > IDLE_SECONDS
            self.gone |= idle
        return idle


class RemoteReader:
    """A reader in another process. It is one read ahead: while a batch is dealt with here, the next one is read there."""

    def __init__(self, process: Process, number: int) -> None:
        self._process, self._number = process, number
        self._asked: Future[Reply] | None = None

    def pieces(self, *, limit: int, timeout: float) -> Iterator[UsualPiece | Sequence[Message]]:
        """Yield what was read, as ``ReadsPieces`` does. Raises the reader's error, ``ProcessGone`` or ``ReadingFailed``."""
        asked = self._asked or self._process.read(self._number, limit, timeout)
        self._asked = None
        try:
            reply = asked.result(ANSWER_SECONDS)
        except TimeoutError as error:
            self._process.kill()
            raise StoreUnreachable("A reading process does not answer, and was ended.") from error
        if reply.error is not None:
            raise _error(*reply.error)
        if reply.found and len(self._process) <= MOST_AHEAD:
            self._asked = self._process.read(self._number, limit, timeout)
        for found in reply.found:
            yield content_of(found)

    def close(self) -> None:
        self._process.close(self._number)


class Processes:
    """The reading processes of an indexer: at most ``most``, each started when there is much to read. Thread-safe."""

    def __init__(self, storage: Storage, most: int) -> None:
        opener = getattr(storage, "opener", None)
        self._open_storage: Callable[[], Storage] | None = opener() if opener is not None else None
        self._most = most if self._open_storage is not None else 0
        self._lock = threading.Lock()
        self._running: list[Process] = []
        self._not_before = 0.0

    def one(self) -> Process | None:
        """Return the process with the fewest readers; ``None`` if none is ready yet. Those that are missing are started."""
        with self._lock:
            if any(process.failed for process in self._running):
                self._not_before = time.monotonic() + RESTART_SECONDS
            self._running = [process for process in self._running if not process.gone]
            if len(self._running) < self._most and time.monotonic() >= self._not_before:
                self._start()
            return min((process for process in self._running if process.ready), key=len, default=None)

    def _start(self) -> None:
        assert self._open_storage is not None
        try:
            self._running.append(Process(self._open_storage))
        except OSError as error:
            self._not_before = time.monotonic() + RESTART_SECONDS
            log.warning("A reading process cannot be started (%s): the indexer's own process reads.", type(error).__name__)

    def end(self) -> None:
        with self._lock:
            running, self._running, self._most = self._running, [], 0
        for process in running:
            process.end()


def _environment() -> dict[str, str]:
    """Return the environment of a reading process: it finds the same code, wherever it was started."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _gone() -> ProcessGone:
    return ProcessGone("The process that read this partition has ended: it is read again from its checkpoint.")


def _error(name: str, text: str) -> EventStoreError:
    """Return the error that was raised in the process."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, EventStoreError):
        return kind(text)
    return ReadingFailed(f"A reading process cannot handle something of this partition ({text}).")
