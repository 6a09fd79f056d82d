"""How fast the index takes in topics, against a bare reader loop and an older build, and whether it stays as fast and as small
as it grows.

``sqlite_ratio`` and ``postgres_ratio``: a topic of one partition on a real broker is indexed as by
``run_index --until-caught-up`` with two processes, into empty databases; ``sqlite_ratio_4`` and ``postgres_ratio_4``: one of
four partitions. The baseline is the mean of two synchronous loops of the bare client, directly before and after, that touch
each message's key, properties, id and publish time, one partition after the other; a shared machine may be half as fast a
minute later. Nothing counts until Java has compiled what reading needs, in one loop more. PostgreSQL waits for the disk at
each commit, as a server does. The broker is ``scripts.local_pulsar``'s. Its only setting that affects reading is the
read-ahead, which is limited by bytes instead of a thousand entries.

``gain``: the topic of four partitions into SQLite by this build, beside that of the commit ``BASE``, run in turns; ``gain_1``
and ``gain_300``: with one partition, and with 300.

``flatness`` and ``bytes_an_event``: ten times as many events from memory into SQLite (``benchmarks.index_feed``). Flatness is
the rate over the last tenth divided by the rate over the first (only the writing is timed). The bytes are those on disk.

``EVENTS`` sets the events of each topic, ``FEED`` those from memory (0: none), ``ONLY`` a part: ``1``, ``4`` or ``300``
partitions, or ``feed``. Each figure comes from a process of its own.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any, TypeVar

from benchmarks.index_feed import TENTHS, feed
from benchmarks.material import publish
from benchmarks.older_build import ROOT, older_build
from benchmarks.running import rate, report, say, scale
from scripts.local_postgres import LocalPostgres
from scripts.local_pulsar import LocalPulsar

EVENTS = 1_000_000
FEED_TIMES = 10
TOPIC = "public/default/bench"
READ_MILLISECONDS = 30_000
BASE = os.environ.get("BASE", "3f94ccd")
PROCESSES = 2
PARTITIONS, COMPARED = (1, 4, 300), (1, 4)
"""The topics, and those that are compared with the bare loop."""
ROUNDS = 2

T = TypeVar("T")


def main() -> None:
    count = scale(EVENTS)
    if os.environ.get("ONLY") == "feed":
        report(apart(feed, _feed(count)))
        return
    figures: dict[str, float] = {"events": count}
    wanted = [number for number in PARTITIONS if os.environ.get("ONLY", "") in ("", str(number))]
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder, older_build(BASE) as before:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            for partitions in wanted:
                figures |= _of_topic(broker, partitions, count, before)
        finally:
            broker.stop()
    if feeding := _feed(count):
        figures |= apart(feed, feeding)
    report(figures)


def apart(work: Callable[..., T], *arguments: object) -> T:
    """Call the function in a new process and return its result, so that no figure depends on what was measured before it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def bare(service_url: str, logs: Mapping[str, int]) -> float:
    """Return the events per second of a loop that reads with the bare client and touches what the index needs.

    ``logs``: the events of each partition.
    """
    import pulsar

    def read_all() -> None:
        for log, events in logs.items():
            reader = client.create_reader(log, pulsar.MessageId.earliest)
            for _ in range(events):
                message = reader.read_next(READ_MILLISECONDS)
                message.partition_key()
                message.properties()
                message.message_id()
                message.publish_timestamp()
            reader.close()

    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    found = rate(sum(logs.values()), read_all)
    client.close()
    return found


def _of_topic(broker: LocalPulsar, partitions: int, count: int, before: Path) -> dict[str, float]:
    """Publish a topic of so many partitions, and return the figures of it."""
    namespace, suffix = f"public/of-{partitions}", "" if partitions == 1 else f"_{partitions}"
    topic = f"persistent://{namespace}/bench"
    _admin(broker, f"namespaces/{namespace}", b"{}")
    if partitions > 1:
        _admin(broker, f"persistent/{namespace}/bench/partitions", str(partitions).encode())
    apart(publish, broker.service_url, topic, count)
    names = [f"{topic}-partition-{number}" for number in range(partitions)] if partitions > 1 else [topic]
    logs = {name: int(_stats(broker, name)["msgInCounter"]) for name in names}

    def loop() -> float:
        found = apart(bare, broker.service_url, logs)
        say(f"bare loop {found:,.0f} events/s")
        return found

    def indexed(tree: Path, url: str = "") -> float:
        found = _indexed(broker, tree, namespace, count, url)
        say(f"{partitions} partitions, {'this build' if tree == ROOT else BASE}: {found:,.0f} events/s")
        return found

    if partitions not in COMPARED:
        sides = [(indexed(before), indexed(ROOT)) for _ in range(ROUNDS)]
        return {f"gain{suffix}": mean(now for _, now in sides) / mean(old for old, _ in sides)}
    loops = [loop(), loop()][1:]  # the first one takes half as long again, as Java compiles beside it
    old = [indexed(before)]
    sqlite = indexed(ROOT)
    loops.append(loop())
    with LocalPostgres(durable=True) as server:
        postgres = indexed(ROOT, server.address.create_database("index"))
    loops.append(loop())
    old.append(indexed(before))
    again = indexed(ROOT)
    figures = {"sqlite": sqlite, "postgres": postgres, "before": mean(old)}
    return {f"{name}_per_second{suffix}": value for name, value in figures.items()} | {
        f"bare_per_second{suffix}": mean(loops),
        f"sqlite_ratio{suffix}": sqlite / mean(loops[:2]),
        f"postgres_ratio{suffix}": postgres / mean(loops[1:]),
        "gain" if partitions == 4 else f"gain_{partitions}": mean([sqlite, again]) / mean(old),
    }


def _indexed(broker: LocalPulsar, tree: Path, namespace: str, count: int, url: str) -> float:
    """Return the events per second of indexing this namespace into an empty database, by the build in this tree."""
    program = Path(__file__).with_name("index_side.py")
    processes = PROCESSES if tree == ROOT else 0
    arguments = [broker.service_url, broker.admin_url, namespace, str(count), str(processes), url]
    done = subprocess.run(
        [sys.executable, "-P", str(program), *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def _admin(broker: LocalPulsar, path: str, body: bytes) -> None:
    request = urllib.request.Request(f"{broker.admin_url}/admin/v2/{path}", data=body, method="PUT")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request):
        pass


def _stats(broker: LocalPulsar, log: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{broker.admin_url}/admin/v2/{log.replace('://', '/')}/stats") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _feed(count: int) -> int:
    text = os.environ.get("FEED", "")
    if text and not (text.isdigit() and (int(text) >= TENTHS or not int(text))):
        sys.exit(f"FEED takes a whole number from {TENTHS} up, or 0.")
    return int(text) if text else max(TENTHS, FEED_TIMES * count)


if __name__ == "__main__":
    main()
