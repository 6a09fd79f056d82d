"""Publishes with Java's client, for what Python's cannot set: publish times, binary keys, ordering keys, the metadata itself.

A JVM takes seconds to start. ``JavaProducer`` is one process that takes order after order; ``run_java`` runs a program of its
own, for schemas made from Java classes. Both use the client in the broker's distribution.
"""

import base64
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from scripts.pulsar_distribution import chosen_version, distribution

RAW_PRODUCER = Path(__file__).parent / "java" / "RawProducer.java"
OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")
"""A short life: compile little, and start no collector's threads."""

SECONDS = 120.0
"""The longest that a program may take."""

Raw = Mapping[str, Any]
"""A message: see ``raw``."""


def raw(
    value: bytes | None = b"{}",
    *,
    key_bytes: bytes | None = None,
    ordering_key: bytes | None = None,
    metadata: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Raw:
    """Return a message to publish. ``value`` is ``None`` for a null value.

    The other fields, all optional: ``key``, ``properties``, ``publishTime`` (milliseconds since 1970, any 64 bits; in a batch,
    the first message's is that of all), ``sequenceId``, ``deliverAfter`` (milliseconds) and ``disableReplication``.

    ``metadata`` sets fields of the protocol's ``MessageMetadata`` past all checks of the client, by their names there in Java:
    ``eventTime``, ``schemaVersion`` (bytes), ``replicatedFrom``, ``deliverAtTime``, ``partitionKeyB64Encoded`` …
    """
    given = {"value": value, "keyBytes": key_bytes, "orderingKey": ordering_key, "metadata": _plain(metadata or {})}
    return _plain({**fields, **given})


class JavaProducer:
    """A JVM that publishes to one broker, until it is closed. Not thread-safe."""

    def __init__(self, service_url: str, *, version: str = "") -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 -- ``close`` closes it
        self._process = subprocess.Popen(
            _command(version or chosen_version(), RAW_PRODUCER, service_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def publish(
        self,
        topic: str,
        messages: Sequence[Raw],
        *,
        batched: bool = False,
        key_based: bool = False,
        chunk_bytes: int = 0,
        producer_name: str = "",
        initial_sequence_id: int = -1,
    ) -> Sequence[str]:
        """Publish in order, with a producer of its own, and return the message ids as Java writes them.

        ``batched``: all in one batch, or with ``key_based`` in one a key. ``chunk_bytes``: larger values are cut into chunks
        of that size. Raises ``AssertionError`` with Java's words for what the client or the broker refuses.
        """
        order = {
            "topic": topic,
            "messages": messages,
            "batched": batched,
            "keyBased": key_based,
            "chunkBytes": chunk_bytes,
            "producerName": producer_name or None,
            "initialSequenceId": initial_sequence_id,
        }
        answer = self._ask(json.dumps(order))
        assert "problem" not in answer, answer["problem"]
        ids: list[str] = answer["ids"]
        return ids

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _ask(self, order: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"The JVM ended: {_end_of(self._errors)}"
        return json.loads(answer)


def run_java(source: str, *arguments: str, version: str = "") -> str:
    """Run one Java file, with Pulsar's client on its class path, and return what it prints.

    Raises ``AssertionError`` with the end of its errors if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "P.java"
        file.write_text(source)
        command = _command(version or chosen_version(), file, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert not done.returncode, done.stderr[-4000:]
    return done.stdout


def _command(version: str, file: Path, *arguments: str) -> list[str]:
    return ["java", *OPTIONS, "-cp", f"{distribution(version)}/lib/*", str(file), *arguments]


def _end_of(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read()[-4000:].decode(errors="replace")


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as JSON can hold them: bytes as base64, and without those that are ``None``."""
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in fields.items()
        if value is not None
    }
