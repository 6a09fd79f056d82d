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
"""``topic NAME`` comes first, and then ``begin``, ``single VALUE``, ``batch VALUE …`` (as many as a batch holds),
``ordinary VALUE``, ``commit`` or ``abort``.

Returns when the broker has confirmed it.
"""


@contextmanager
def publishing(service_url: str, *, in_batch: int) -> Iterator[Order]:
    """Run a publisher whose batches hold ``in_batch`` messages. What it leaves open ends with its time-out."""
    libraries = f"{distribution(DEFAULT_VERSION) / 'lib'}/*"
    command = ["java", *OPTIONS, "-cp", libraries, str(PROGRAM), service_url, str(in_batch)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def order(text: str) -> None:
            stdin.write(f"{text}\n")
            stdin.flush()
            while (line := stdout.readline()).strip() != "done":
                assert line, "the publisher has ended: run it by hand to see why"

        try:
            yield order
        finally:
            process.kill()
