"""Publishes in transactions with Java's client: Python's has none."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.pulsar_distribution import DEFAULT_VERSION, distribution

PROGRAM = Path(__file__).parent / "java" / "Transactions.java"
OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")
"""A short life: compile little, and start no collector's threads."""

Order = Callable[[str], None]
"""``begin``, ``single VALUE``, ``batch VALUE …`` (as many as a batch holds), ``ordinary VALUE``, ``commit`` or ``abort``.

Returns when the broker has confirmed it.
"""


@contextmanager
def publishing(service_url: str, topic: str, *, in_batch: int) -> Iterator[Order]:
    """Run a producer of this topic, whose batches hold ``in_batch`` messages. What it left open ends with its time-out."""
    libraries = f"{distribution(DEFAULT_VERSION) / 'lib'}/*"
    command = ["java", *OPTIONS, "-cp", libraries, str(PROGRAM), service_url, topic, str(in_batch)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def confirmed() -> None:
            while (line := stdout.readline()).strip() != "done":
                assert line, "the producer has ended: run it by hand to see why"

        def order(text: str) -> None:
            stdin.write(f"{text}\n")
            stdin.flush()
            confirmed()

        try:
            confirmed()
            yield order
        finally:
            process.kill()
