"""How late the first event after a pause reaches the index and a tail, what waiting for it costs, and how fast many partitions
are indexed at first.

A reader that stays connected gets each event at once, but keeps a topic from being deleted. The desk's readers leave when
nothing comes, and the desk asks the broker for news. Here a reader of the bare client stays connected beside them, and is
what every figure is compared with.

``KINDS`` chooses among ``one`` (a topic of one partition), ``partitions`` (a topic of 300) and ``topics`` (300 topics, without
a tail). Each kind has a broker, an indexer and a web server of its own, and these figures, which begin with its name:

- ``index_ratio``: events per second that are indexed into an empty database, against the bare readers.
- ``idle_…_cpu``: percent of a processor that indexer, web server with an open tail, bare readers and broker use
  while nothing is published; ``idle_requests``: requests per second that the broker answers meanwhile.
- ``first_…``: milliseconds from publish to the commit of the index, to a script at the tail's websocket, and to the bare
  reader, for ``LONE`` (20) events of which each comes ``PAUSE`` (5) seconds after the one before.
- ``behind_…``: the same for a lone event behind batches of 3,000.
- ``trickle_…``: the same for ten events per second.

``EVENTS`` is how many there are at first (60,000). It takes about five minutes for each kind.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.pause_watching import Arrivals, Watcher, tail_of, watcher
from benchmarks.running import SHORTEST, report, say, scale, setting
from benchmarks.tail_publishing import event
from scripts.local_pulsar import LocalPulsar
from tests.desk_process import Desk

MANY = 300
NAMESPACE = "public/default"
BATCH = 1_000
LARGE, LARGE_BATCHES, BEHIND = 3_000, 4, 5
EVERY, TRICKLE = 0.1, 60
SETTLING = 10.0
PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """``logs`` are what the events are published to, ``tail`` the topic whose tail is open, if there is one."""

    name: str
    topics: Sequence[tuple[str, int]]
    logs: Sequence[str]
    tail: str


def kinds() -> dict[str, Kind]:
    one, parts = f"{NAMESPACE}/one", f"{NAMESPACE}/parts"
    topics = [f"{NAMESPACE}/topic-{number}" for number in range(MANY)]
    logs = [f"{parts}-partition-{number}" for number in range(MANY)]
    return {
        "one": Kind(name="one", topics=[(one, 0)], logs=[one], tail=one),
        "partitions": Kind(name="partitions", topics=[(parts, MANY)], logs=logs, tail=parts),
        "topics": Kind(name="topics", topics=[(name, 0) for name in topics], logs=topics, tail=""),
    }


def main() -> None:
    known, chosen = kinds(), os.environ.get("KINDS", "one partitions topics").split()
    if not set(chosen) <= set(known):
        sys.exit(f"KINDS takes some of {', '.join(known)}.")
    count = scale(60_000)
    figures: dict[str, float] = {"events": count}
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
            say(f"{name}: starting the broker")
            with LocalPulsar(Path(folder) / "broker", say=say) as broker:
                found = _measured(Path(folder), broker, known[name], count)
            figures |= {f"{name}_{figure}": value for figure, value in found.items()}
    report(figures)


def _measured(folder: Path, broker: LocalPulsar, kind: Kind, count: int) -> dict[str, float]:
    publisher = Publisher(broker.service_url, kind.logs)
    for topic, partitions in kind.topics:
        _create(broker, topic, partitions)
    publisher.spread(count)
    with watcher("bare", broker.service_url, kind.logs) as bare:
        bare_rate = _cold(bare, count)
        with watcher("index", broker.service_url, broker.admin_url) as index:
            index_rate = _cold(index, count)
            say(f"{kind.name}: bare {bare_rate:,.0f} events/s, indexed {index_rate:,.0f}")
            figures = {"bare_per_second": bare_rate, "index_per_second": index_rate, "index_ratio": index_rate / bare_rate}
            with _tail(folder, broker, kind) as (tail, pids):
                watching = {"index": index.arrivals, "bare": bare.arrivals} | ({"tail": tail} if tail else {})
                time.sleep(SETTLING)
                figures |= _idle(broker, {"index": index.pid, "bare": bare.pid, **pids})
                figures |= _lone(publisher, watching)
                figures |= _behind(publisher, watching)
                figures |= _trickle(publisher, watching)
    publisher.close()
    return figures


def _create(broker: LocalPulsar, topic: str, partitions: int) -> None:
    from urllib.request import Request

    path, body = f"persistent/{topic}", b""
    if partitions:
        path, body = f"{path}/partitions", b"%d" % partitions
    request = Request(f"{broker.admin_url}/admin/v2/{path}", data=body, method="PUT")
    request.add_header("Content-Type", "application/json")
    urlopen(request, timeout=60).close()


def _cold(watching: Watcher, count: int) -> float:
    watching.arrivals.wait_for(count, PATIENCE)
    times = watching.arrivals.times
    return count / max(times[count - 1] - watching.begun(), SHORTEST)


@contextmanager
def _tail(folder: Path, broker: LocalPulsar, kind: Kind) -> Iterator[tuple[Arrivals | None, dict[str, int]]]:
    """Open the tail of the kind's topic at a web server: what arrives there, and the server's process."""
    if not kind.tail:
        yield None, {}
        return
    desk = Desk(folder, {"EVENTSTORE_URL": broker.service_url, "PULSAR_ADMIN_URL": broker.admin_url})
    for alias in ("default", "index", "store"):
        desk.manage("migrate", "--database", alias, "--verbosity", "0")
    try:
        desk.start_web()
        token = desk.manage("create_token", "bench", "--role", "support", "--days", "1").stdout.decode().split()[-1]
        begun = time.monotonic()
        with tail_of(desk.port, kind.tail, token) as tail:
            say(f"{kind.name}: the tail opened in {time.monotonic() - begun:.1f} s")
            yield tail, {"web": desk.processes["web"].pid}
    finally:
        for name in list(desk.processes):
            desk.end(name)


# -- what is measured


def _idle(broker: LocalPulsar, pids: dict[str, int]) -> dict[str, float]:
    assert broker.process is not None
    seconds, pids = setting("IDLE", 20), {**pids, "broker": broker.process.pid}
    before, asked, begun = {name: _spent(pid) for name, pid in pids.items()}, _requests(broker), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    found = {f"idle_{name}_cpu": 100 * (_spent(pid) - before[name]) / took for name, pid in pids.items()}
    found["idle_requests"] = max(0.0, (_requests(broker) - asked - 1) / took)
    say(", ".join(f"{name} {value:.1f}" for name, value in found.items()))
    return found


def _lone(publisher: "Publisher", watching: dict[str, Arrivals]) -> dict[str, float]:
    delays: dict[str, list[float]] = {name: [] for name in watching}
    for _ in range(setting("LONE", 20)):
        publisher.prepare()
        time.sleep(setting("PAUSE", 5))
        _note_delays(publisher.send(), watching, delays)
    return _told("first", delays)


def _behind(publisher: "Publisher", watching: dict[str, Arrivals]) -> dict[str, float]:
    delays: dict[str, list[float]] = {name: [] for name in watching}
    for _ in range(BEHIND):
        publisher.prepare()
        totals = {name: arrivals.total for name, arrivals in watching.items()}
        publisher.send_batches(LARGE_BATCHES, LARGE)
        for name, arrivals in watching.items():
            arrivals.wait_for(totals[name] + LARGE_BATCHES * LARGE, PATIENCE)
        time.sleep(setting("PAUSE", 5))
        _note_delays(publisher.send(), watching, delays)
    return _told("behind", delays)


def _trickle(publisher: "Publisher", watching: dict[str, Arrivals]) -> dict[str, float]:
    publisher.prepare()
    time.sleep(setting("PAUSE", 5))
    before = {name: arrivals.total for name, arrivals in watching.items()}
    sent: list[float] = []
    for _ in range(TRICKLE):
        sent.append(publisher.send())
        time.sleep(EVERY)
    delays: dict[str, list[float]] = {}
    for name, arrivals in watching.items():
        arrivals.wait_for(before[name] + TRICKLE, PATIENCE)
        came = arrivals.times[before[name] : before[name] + TRICKLE]
        delays[name] = [at - since for at, since in zip(came, sent, strict=True)]
    return _told("trickle", delays)


def _note_delays(at: float, watching: dict[str, Arrivals], delays: dict[str, list[float]]) -> None:
    for name, arrivals in watching.items():
        delays[name].append(arrivals.next(PATIENCE) - at)


def _told(what: str, delays: dict[str, list[float]]) -> dict[str, float]:
    found = {}
    for name, seconds in delays.items():
        ms = sorted(1000 * second for second in seconds)
        found[f"{what}_{name}_ms"], found[f"{what}_{name}_worst_ms"] = statistics.median(ms), ms[-1]
        say(f"{what}: {name} {statistics.median(ms):,.0f} ms, at worst {ms[-1]:,.0f}: {[round(one) for one in ms]}")
    return found


def _spent(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _requests(broker: LocalPulsar) -> float:
    """Return how many requests the broker's web server has answered."""
    with urlopen(f"{broker.admin_url}/metrics/", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(("jetty_requests_total", "jetty_requests ")))


class Publisher:
    """Publishes to the logs in turn with the bare client."""

    def __init__(self, service_url: str, logs: Sequence[str]) -> None:
        import pulsar

        self._client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
        self._logs, self._turn, self._number = logs, 0, 0
        self._producer: Any = None

    def spread(self, count: int) -> None:
        """Publish this many events, the same number to each log."""
        for place, log in enumerate(self._logs):
            producer = self._open(log, BATCH)
            for _ in range(count * place // len(self._logs), count * (place + 1) // len(self._logs)):
                self._send(producer)
            producer.flush()
            producer.close()

    def prepare(self) -> None:
        """Connect to the next log, long before something is published there."""
        if self._producer is not None:
            self._producer.close()
        self._turn = (self._turn + 7) % len(self._logs)
        self._producer = self._open(self._logs[self._turn], 1)

    def send(self) -> float:
        """Publish one event, and return when."""
        at = time.time()
        self._send(self._producer)
        self._producer.flush()
        return at

    def send_batches(self, batches: int, size: int) -> None:
        producer = self._open(self._logs[self._turn], size)
        for _ in range(batches):
            for _ in range(size):
                self._send(producer)
            producer.flush()
        producer.close()

    def close(self) -> None:
        self._client.close()

    def _open(self, log: str, batch: int) -> Any:
        return self._client.create_producer(
            f"persistent://{log}",
            batching_enabled=batch > 1,
            batching_max_messages=max(2, batch),
            batching_max_allowed_size_in_bytes=4 * 1024 * 1024,
            batching_max_publish_delay_ms=1_000,
            block_if_queue_full=True,
            max_pending_messages=5_000,
        )

    def _send(self, producer: Any) -> None:
        key, payload, properties = event(self._number, time.time())
        self._number += 1
        producer.send_async(payload, None, properties=properties, partition_key=key)


if __name__ == "__main__":
    main()
