"""Who waits for events in the benchmark of pauses: an indexer and bare readers in processes of their own, and a script at the
tail's websocket."""

import json
import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from benchmarks.running import desk_in_a_folder, say

READY_SECONDS = 120.0
MANY = 100
"""Events between two looks at what the bare readers got, above which they are noted as if they had come together."""


@dataclass(kw_only=True)
class Arrivals:
    """When each event arrived (seconds of the clock), in the order in which they did."""

    times: list[float] = field(default_factory=list)
    seen: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def total(self) -> int:
        return len(self.times)

    def note(self, at: float, events: int) -> None:
        with self._changed:
            self.times += [at] * events
            self._changed.notify_all()

    def wait_for(self, total: int, seconds: float) -> None:
        """Wait until this many have come in all, and take them for seen."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.times) >= total, seconds):
                raise SystemExit(f"only {len(self.times):,} of {total:,} events came within {seconds:.0f} s")
            self.seen = total

    def next(self, seconds: float) -> float:
        """Return when the first event came that was not seen yet."""
        self.wait_for(self.seen + 1, seconds)
        return self.times[self.seen - 1]


@dataclass(kw_only=True)
class Watcher:
    """A process that notes what arrives. Its first note, of no events, says when it began."""

    arrivals: Arrivals
    pid: int
    first: list[float]

    def begun(self) -> float:
        return self.first[0]


@contextmanager
def watcher(kind: str, *given: Any) -> Iterator[Watcher]:
    """Run an ``index`` or ``bare`` readers in a process until the block ends."""
    context = multiprocessing.get_context("spawn")
    notes, stop = context.SimpleQueue(), context.Event()
    process = context.Process(target={"index": index_until_told, "bare": read_until_told}[kind], args=(notes, stop, *given))
    process.start()
    found = Watcher(arrivals=Arrivals(), pid=process.pid or 0, first=[])

    def take() -> None:
        while (note := notes.get()) is not None:
            found.first = found.first or [note[0]]
            found.arrivals.note(*note)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    try:
        yield found
    finally:
        stop.set()
        process.join(30)
        process.kill()
        notes.put(None)


def index_until_told(notes: Any, stop: Any, service_url: str, admin_url: str) -> None:
    """Index everything into a database of its own."""
    with desk_in_a_folder():
        from eventstore.config.loading import Config
        from eventstore.drivers.pulsar.storage import PulsarStorage
        from eventstore.index.indexer.run import Following, run_until_stopped

        storage = PulsarStorage(service_url=service_url, admin_url=admin_url)
        ended = threading.Event()

        def end_when_told() -> None:
            stop.wait()
            ended.set()

        threading.Thread(target=end_when_told, daemon=True).start()
        notes.put((time.time(), 0))
        run_until_stopped(
            Following(
                storage=storage,
                config=Config(),
                stop=ended,
                on_batch=lambda topic, partition, events: notes.put((time.time(), events)),
            )
        )
        storage.close()


def read_until_told(notes: Any, stop: Any, service_url: str, logs: Sequence[str]) -> None:
    """Read everything with the bare client's readers, which stay connected, and touch what the index needs."""
    import pulsar

    def on_message(reader: Any, message: Any) -> None:
        message.partition_key()
        message.properties()
        message.message_id()
        message.publish_timestamp()
        with lock:
            came.append(time.time())

    came: list[float] = []
    lock = threading.Lock()
    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    notes.put((time.time(), 0))
    readers = []
    for log in logs:
        readers.append(client.create_reader(f"persistent://{log}", pulsar.MessageId.earliest, reader_listener=on_message))
    while not stop.wait(0.05):
        with lock:
            found, came[:] = list(came), []
        if len(found) > MANY:
            notes.put((found[-1], len(found)))
        else:
            for at in found:
                notes.put((at, 1))
    client.close()


@contextmanager
def tail_of(port: int, topic: str, token: str) -> Iterator[Arrivals]:
    """Follow the topic as a script does. Yields once the tail follows; what arrives is noted until the block ends."""
    arrivals, ended = Arrivals(), threading.Event()
    connection = _following(f"ws://127.0.0.1:{port}/topics/{quote(topic, safe='').replace('%', '~')}/tail/live/", token)

    def take() -> None:
        while not ended.is_set():
            try:
                frame = json.loads(connection.recv(0.5))
            except TimeoutError:
                continue
            connection.send(json.dumps({"ack": frame["frame"], "mark": frame["mark"]}))
            arrivals.note(time.time(), len(frame["events"]))

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    try:
        yield arrivals
    finally:
        ended.set()
        taking.join(5)
        connection.close()


def _following(address: str, token: str) -> Any:
    """Return a connection that has got its first frame. With very many partitions a tail may have to be asked for twice."""
    from websockets.sync.client import connect

    until = time.monotonic() + READY_SECONDS
    while True:
        connection = connect(
            address,
            additional_headers={"Authorization": f"Bearer {token}"},
            subprotocols=["eventdesk.json"],  # type: ignore[list-item]
            compression=None,
            max_size=None,
            open_timeout=READY_SECONDS,
            ping_interval=None,
        )
        connection.send('{"begin":{}}')
        first = json.loads(connection.recv(READY_SECONDS))
        if "frame" in first:
            connection.send(json.dumps({"ack": first["frame"], "mark": first["mark"]}))
            return connection
        connection.close()
        say(f"the desk answered: {first.get('problem')}")
        if time.monotonic() > until:
            raise SystemExit("the tail does not open")
