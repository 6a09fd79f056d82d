"""How fast the index takes in a topic, against a bare reader loop, and whether it stays as fast and as small as it grows.

``sqlite_ratio`` and ``postgres_ratio``: a topic on a real broker is indexed by what ``run_index --until-caught-up``
runs, into empty databases. The baseline is the mean of two synchronous loops of the bare client, directly before and
after, that touch each message's key, properties, id and publish time; a shared machine may be half as fast a minute
later. PostgreSQL waits for the disk at each commit, as a server does. The broker is ``scripts.local_pulsar``'s. Its
only setting that affects reading is the read-ahead, which is limited by bytes instead of a thousand entries.

``flatness`` and ``bytes_an_event``: ten times as many events from memory into SQLite (``benchmarks.index_feed``). Flatness is
the rate over the last tenth divided by the rate over the first (only the writing is timed). The bytes are those on disk.

``EVENTS`` sets the events of the topic, ``FEED`` those from memory, and ``ONLY=feed`` leaves the broker out.
Each figure comes from a process of its own.
"""

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import TypeVar

from benchmarks.index_feed import TENTHS, feed
from benchmarks.material import publish
from benchmarks.running import desk_in_a_folder, rate, report, say, scale
from scripts.local_postgres import LocalPostgres
from scripts.local_pulsar import LocalPulsar

EVENTS = 1_000_000
FEED_TIMES = 10
TOPIC = "public/default/bench"
READ_MILLISECONDS = 30_000

T = TypeVar("T")


def main() -> None:
    count = scale(EVENTS)
    if os.environ.get("ONLY") == "feed":
        report(apart(feed, _feed(count)))
        return
    figures: dict[str, float] = {"events": count}
    with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
        say("starting the broker")
        broker = LocalPulsar(Path(folder))
        broker.start()
        try:
            figures |= _against_the_bare_loop(broker, count)
        finally:
            broker.stop()
    figures |= apart(feed, _feed(count))
    report(figures)


def apart(work: Callable[..., T], *arguments: object) -> T:
    """Call the function in a new process and return its result, so that no figure depends on what was measured before it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def bare(service_url: str, count: int) -> float:
    """Return the events per second of a loop that reads with the bare client and touches what the index needs."""
    import pulsar

    def read_all() -> None:
        for _ in range(count):
            message = reader.read_next(READ_MILLISECONDS)
            message.partition_key()
            message.properties()
            message.message_id()
            message.publish_timestamp()

    client = pulsar.Client(service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    reader = client.create_reader(TOPIC, pulsar.MessageId.earliest)
    found = rate(count, read_all)
    client.close()
    return found


def indexed(service_url: str, admin_url: str, database_url: str, count: int) -> float:
    """Return the events per second of indexing the topic into an empty database: SQLite if there is no URL."""
    os.environ["INDEX_DATABASE_URL"] = database_url
    with desk_in_a_folder():
        from eventstore.config.loading import Config
        from eventstore.drivers.pulsar.storage import PulsarStorage
        from eventstore.index.indexer.run import Following, index_until_caught_up

        storage = PulsarStorage(service_url=service_url, admin_url=admin_url)
        following = Following(
            storage=storage, config=Config(), stop=threading.Event(), on_batch=lambda topic, partition, events: None
        )
        totals: list[int] = []
        found = rate(count, lambda: totals.append(index_until_caught_up(following)))
        storage.close()
    if totals != [count]:
        raise SystemExit(f"{totals[0]:,} events were indexed, not {count:,}")
    return found


def _against_the_bare_loop(broker: LocalPulsar, count: int) -> dict[str, float]:
    apart(publish, broker.service_url, TOPIC, count)
    loops = [_bare_loop(broker, count)]
    sqlite = apart(indexed, broker.service_url, broker.admin_url, "", count)
    say(f"indexed into SQLite {sqlite:,.0f} events/s")
    loops.append(_bare_loop(broker, count))
    with LocalPostgres(durable=True) as server:
        postgres = apart(indexed, broker.service_url, broker.admin_url, server.address.create_database("index"), count)
    say(f"indexed into PostgreSQL {postgres:,.0f} events/s")
    loops.append(_bare_loop(broker, count))
    return {
        "bare_first_per_second": loops[0],
        "bare_between_per_second": loops[1],
        "bare_last_per_second": loops[2],
        "sqlite_per_second": sqlite,
        "postgres_per_second": postgres,
        "sqlite_ratio": sqlite / mean(loops[:2]),
        "postgres_ratio": postgres / mean(loops[1:]),
    }


def _bare_loop(broker: LocalPulsar, count: int) -> float:
    found = apart(bare, broker.service_url, count)
    say(f"bare loop {found:,.0f} events/s")
    return found


def _feed(count: int) -> int:
    text = os.environ.get("FEED", "")
    if text and not (text.isdigit() and int(text) >= TENTHS):
        sys.exit(f"FEED takes a whole number from {TENTHS} up.")
    return int(text) if text else max(TENTHS, FEED_TIMES * count)


if __name__ == "__main__":
    main()
