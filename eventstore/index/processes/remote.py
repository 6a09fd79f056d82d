"""A reading process as the indexer sees it, and the readers in it."""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
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
RESTART_SECONDS, LONGEST_RESTART = 2.0, 300.0
"""From the end of a process that was not asked to, until another one is started. Twice as long each time in a row."""
PROVEN = 20
"""Batches after which a process has shown that it can live."""
IDLE_SECONDS = 30.0
"""A process without a reader ends after this time: it takes 70 to 160 MB."""


class ProcessGone(EventStoreError):
    """The process that read the partition has ended. The partition is read again from the index's checkpoint."""


class ReadingFailed(EventStoreError):
    """Something that a reading process cannot handle. The partition is read by the indexer itself."""


class Process:
    """One reading process. Thread-safe. ``end`` it, and it ends by itself once it has had no reader for ``IDLE_SECONDS``."""

    def __init__(self, open_storage: Callable[[], Storage]) -> None:
        opener = pickle.dumps(open_storage)
        ours, its = socket.socketpair()
        # -P: nothing of the folder in which it happens to be started.
        command = [sys.executable, "-P", "-m", "eventstore.index.processes.reading", str(its.fileno())]
        with its, _signals_held():
            # A new program at once: nothing of the client's threads and locks is in it.
            self._process = subprocess.Popen(command, pass_fds=(its.fileno(),), stdin=subprocess.DEVNULL, env=_environment())
        self._socket, self._connection = ours, Connection(os.dup(ours.fileno()))
        self._lock = threading.Lock()
        self._numbers = count()
        self._answers: dict[int, Future[Reply]] = {}
        self._readers: set[int] = set()
        self._idle_since = time.monotonic()
        self.ready = self.gone = self.failed = False
        self.batches = 0
        """How many batches it has given."""
        try:
            self._connection.send_bytes(opener)
        except OSError:
            self._close()
            self.kill()
            self._process.wait()
            raise
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

    def ask_to_end(self) -> None:
        """Have it end. Calling it twice is harmless. The connection is closed by the thread that reads it."""
        self.gone = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def end(self, seconds: float = END_SECONDS) -> None:
        """Have it end, and wait for that, or kill it after so many seconds. Calling it twice is harmless."""
        self.ask_to_end()
        try:
            self._process.wait(seconds)
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
            self.end()
            self._close()

    def _close(self) -> None:
        with self._lock:
            self._connection.close()
            self._socket.close()

    def _take(self, reply: Reply) -> None:
        for level, text in reply.logged:
            log.log(level, "%s", text)
        if reply.number == READY:
            self.ready = True
            return
        with self._lock:
            answer = self._answers.pop(reply.number, None)
        self.batches += bool(reply.found)
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
        self.most = most if self._open_storage is not None else 0
        """How many there may be."""
        self._lock = threading.Lock()
        self._running: list[Process] = []
        self._not_before, self._failures = 0.0, 0

    def one(self) -> Process | None:
        """Return the process with the fewest readers; ``None`` if none is ready yet. Those that are missing are started."""
        with self._lock:
            if failed := [process for process in self._running if process.failed]:
                self._note_failure(failed)
            self._running = [process for process in self._running if not (process.gone or process.failed)]
            if len(self._running) < self.most and time.monotonic() >= self._not_before:
                self._start()
            return min((process for process in self._running if process.ready), key=len, default=None)

    def _start(self) -> None:
        assert self._open_storage is not None
        try:
            self._running.append(Process(self._open_storage))
        except (OSError, pickle.PicklingError, AttributeError, TypeError) as error:
            log.warning("A reading process cannot be started (%s): the indexer's own process reads.", type(error).__name__)
            self._note_failure([])

    def _note_failure(self, failed: Collection[Process]) -> None:
        """Note that these have ended unasked, or that none could be started. Wait longer each time, unless they worked."""
        self._failures = 1 if any(process.batches >= PROVEN for process in failed) else self._failures + 1
        pause = min(RESTART_SECONDS * 2.0 ** (self._failures - 1), LONGEST_RESTART)
        self._not_before = time.monotonic() + pause
        log.info("The indexer's own process reads. Another reading process is started in %.0f seconds or later.", pause)

    def end(self, seconds: float = END_SECONDS) -> None:
        """End all of them, side by side, within so many seconds."""
        with self._lock:
            running, self._running, self.most = self._running, [], 0
        deadline = time.monotonic() + seconds
        for process in running:
            process.ask_to_end()
        for process in running:
            process.end(max(0.0, deadline - time.monotonic()))


@contextmanager
def _signals_held() -> Iterator[None]:
    """What is started within holds these signals back, also while it does not ignore them yet."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
