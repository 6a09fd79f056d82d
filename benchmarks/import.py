"""How many events per second each driver imports, from the lines of a file until they are durable, against a bare loop.

The bare loops write the same keys, properties and payloads in the same batches, without parsing, routing or checks:
rows with ``executemany`` into a table without indexes, and messages with ``send_async`` and ``flush``. ``EVENTS`` sets
how many.
"""

import io
import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.running import desk_in_a_folder, rate, report, say, scale
from scripts.local_pulsar import LocalPulsar

if TYPE_CHECKING:
    from eventstore.model.events import NewMessage
    from eventstore.model.storage import Storage

EVENTS = 20_000
BATCH = 500


def main() -> None:
    count = scale(EVENTS)
    with desk_in_a_folder():
        lines, messages = _material(count)
        say(f"{count} events of {sum(map(len, lines)) // count} bytes a line")
        figures: dict[str, float] = {"events": count}
        figures |= _compare("database", count, lambda: _bare_database(messages), lambda: _into_database(lines))
        with tempfile.TemporaryDirectory(prefix="eventdesk-bench-") as folder:
            say("starting the broker")
            broker = LocalPulsar(Path(folder))
            broker.start()
            try:
                figures |= _compare(
                    "pulsar", count, lambda: _bare_pulsar(broker, messages), lambda: _into_pulsar(broker, lines)
                )
            finally:
                broker.stop()
    report(figures)


def _material(count: int) -> tuple[list[bytes], list["NewMessage"]]:
    """Return the same events as lines of a file and as messages."""
    from eventstore.importing import Accepted, parse_lines
    from eventstore.samples.health import health_history

    documents = islice(health_history(seed=11, patients=count // 8 + 50), count)
    lines = [json.dumps(document, separators=(",", ":")).encode() + b"\n" for document in documents]
    if len(lines) < count:
        raise SystemExit(f"the generator made {len(lines)} events of {count}")
    messages = [line.message for line in parse_lines(io.BytesIO(b"".join(lines))) if isinstance(line, Accepted)]
    return lines, messages


def _compare(name: str, count: int, bare: Callable[[], object], ours: Callable[[], object]) -> dict[str, float]:
    """Measure bare, ours, and bare again. The two baselines show the state of the machine, and the better one counts."""
    first = rate(count, bare)
    say(f"{name}: bare loop {first:,.0f} events/s")
    own = rate(count, ours)
    say(f"{name}: import {own:,.0f} events/s")
    second = rate(count, bare)
    say(f"{name}: bare loop again {second:,.0f} events/s")
    best = max(first, second)
    return {f"{name}_events_per_second": own, f"{name}_bare_per_second": best, f"{name}_ratio": own / best}


def _import(storage: "Storage", lines: Sequence[bytes]) -> None:
    from eventstore.importing import import_messages, parse_lines

    topic = storage.log.create_topic("bench").name
    summary = import_messages(storage.log, topic, parse_lines(io.BytesIO(b"".join(lines))), batch=BATCH)
    assert summary.imported == len(lines), summary.warnings


def _into_database(lines: Sequence[bytes]) -> None:
    from eventstore.drivers.database.storage import DatabaseStorage

    _import(DatabaseStorage(), lines)


def _into_pulsar(broker: LocalPulsar, lines: Sequence[bytes]) -> None:
    from eventstore.drivers.pulsar.storage import PulsarStorage

    storage = PulsarStorage(service_url=broker.service_url, admin_url=broker.admin_url)
    try:
        _import(storage, lines)
    finally:
        storage.close()


def _bare_database(messages: Sequence["NewMessage"]) -> None:
    from django.db import connections, transaction

    now = datetime.now(UTC).isoformat()
    with connections["store"].cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bare (key TEXT, properties TEXT, payload BLOB, published TEXT)")
    for start in range(0, len(messages), BATCH):
        rows = [(m.key, json.dumps(dict(m.properties)), m.payload, now) for m in messages[start : start + BATCH]]
        with transaction.atomic(using="store"), connections["store"].cursor() as cursor:
            cursor.executemany("INSERT INTO bare VALUES (%s, %s, %s, %s)", rows)


def _bare_pulsar(broker: LocalPulsar, messages: Sequence["NewMessage"]) -> None:
    import pulsar

    client = pulsar.Client(broker.service_url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    producer = client.create_producer("bare", batching_enabled=True, block_if_queue_full=True)
    failures: list[object] = []

    def sent(result: object, message_id: object) -> None:
        if result != pulsar.Result.Ok:
            failures.append(result)

    for start in range(0, len(messages), BATCH):
        for message in messages[start : start + BATCH]:
            producer.send_async(message.payload, sent, properties=dict(message.properties), partition_key=message.key or "")
        producer.flush()
    client.close()
    assert not failures, failures[:3]


if __name__ == "__main__":
    main()
