"""Indexers that are killed at random moments while they catch up, one alone and three together.

Afterwards the index is the same as if no indexer had been disturbed.
"""

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import pytest

from eventstore.config.loading import Config
from eventstore.importing import import_messages, parse_lines
from eventstore.index.check.run import check_topic
from eventstore.index.models import IndexedPartition
from eventstore.model.storage import Storage
from scripts.local_pulsar import LocalPulsar
from tests import forked
from tests.desk_process import ROOT
from tests.stream_check import Document, assert_ordinals_gapless, assert_streams_read_back

T = TypeVar("T")
PARTITIONS = 4
SMALLEST_BATCH = 5
COMMITS_A_PIECE = 100
"""About how many commits there are between two kills, so that a kill falls within a catch-up."""
SECONDS = 120.0

POSTGRES, BROKER, PERMIT, SOAK = pytest.mark.postgres, pytest.mark.broker, pytest.mark.permit, pytest.mark.soak
FEW_KILLS, MANY_KILLS = 3, 20
SHORT, LONG = 240, 3_000
"""Applications of a generated history."""


class Indexers:
    """Processes of ``run_index``. A killed one is started again immediately, as its supervisor would do."""

    def __init__(self, address: Mapping[str, str], count: int, batch: int) -> None:
        self.address, self.count, self.batch = address, count, batch
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for _ in range(self.count):
            self.start()
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()

    def start(self) -> None:
        command = [sys.executable, "manage.py", "run_index", "--batch", str(self.batch), "--processes", "2"]
        process = forked.start(command, cwd=ROOT, env={**os.environ, **self.address}, stdout=subprocess.DEVNULL)
        self.running[process.pid] = process

    def kill(self, pid: int) -> None:
        process = self.running.pop(pid)
        assert process.poll() is None, "an indexer ended by itself"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        self.start()

    def kill_reading(self, chance: random.Random) -> bool:
        """Kill a process that reads for one of them; return whether there was one. Whoever started it goes on."""
        reading = [child for pid in self.running for child in _reading_processes(pid)]
        if reading:
            os.kill(chance.choice(reading), signal.SIGKILL)
        return bool(reading)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing is indexed in the block, so that all that is published in it is still to be indexed at its end."""
        for process in self.running.values():
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.running.values():
                process.send_signal(signal.SIGCONT)

    def all_run(self) -> bool:
        return all(process.poll() is None for process in self.running.values())

    def at_work(self) -> list[int]:
        """Return those that have partitions, by process number."""
        owners = IndexedPartition.objects.exclude(owner="").values_list("owner", flat=True).distinct()
        return sorted({int(owner.split(" ")[-3]) for owner in owners} & self.running.keys())

    def all_at_work(self) -> bool:
        return len(self.at_work()) == self.count

    def end(self) -> list[int]:
        """Ask all of them to end, and return their exit statuses."""
        for process in self.running.values():
            process.terminate()
        return [process.wait(timeout=30) for process in self.running.values()]


@pytest.fixture
def broker(own_pulsar_broker: LocalPulsar) -> LocalPulsar:
    """One that may be restarted."""
    return own_pulsar_broker


@pytest.mark.parametrize(
    ("address", "documents", "indexers", "kills"),
    [
        ("sqlite", SHORT, 1, FEW_KILLS),
        pytest.param("sqlite", SHORT, 3, FEW_KILLS, marks=SOAK),
        pytest.param("postgres", SHORT, 3, FEW_KILLS, marks=POSTGRES),
        pytest.param("pulsar", SHORT, 3, FEW_KILLS, marks=BROKER),
        pytest.param("sqlite", "permit", 1, 5, marks=[PERMIT, SOAK]),
        pytest.param("postgres", SHORT, 1, FEW_KILLS, marks=[POSTGRES, SOAK]),
        pytest.param("postgres", "permit", 1, 5, marks=[POSTGRES, PERMIT, SOAK]),
        pytest.param("pulsar", SHORT, 1, FEW_KILLS, marks=[BROKER, SOAK]),
        pytest.param("pulsar", "permit", 1, 5, marks=[BROKER, PERMIT, SOAK]),
        *(
            pytest.param(address, LONG, indexers, MANY_KILLS, marks=[*marks, SOAK, pytest.mark.timeout(1_800)])
            for address, marks in (("sqlite", []), ("postgres", [POSTGRES]), ("pulsar", [BROKER]))
            for indexers in (1, 3)
        ),
    ],
    indirect=["address", "documents"],
)
def test_killed_indexers_leave_no_trace(
    storage: Storage,
    address: Mapping[str, str],
    documents: Sequence[Document],
    indexers: int,
    kills: int,
    request: pytest.FixtureRequest,
) -> None:
    """Each kill hits an indexer that is catching up, at a random moment. On Pulsar, the broker is restarted as well."""
    chance = _chance()
    pieces = _pieces(documents, kills + 1)
    name = storage.log.create_topic("permits", partitions=PARTITIONS).name
    broker = Restarts(request.getfixturevalue("broker") if "EVENTSTORE_URL" in address else None)
    restart_at = chance.randrange(kills)
    caught = 0
    batch = max(SMALLEST_BATCH, len(pieces[0]) // COMMITS_A_PIECE)
    with Indexers(address, indexers, batch) as processes, broker:
        for kill, piece in enumerate(pieces[:-1]):
            broker.wait()  # nothing can be published while it is away
            before = _indexed(name)
            with processes.standing_still():
                _publish(storage, name, piece)
            if kill == restart_at:
                broker.begin()
            _until(partial(_has_advanced, name, before, processes), "an indexer goes on")
            time.sleep(chance.random() * 0.3)
            processes.kill(chance.choice(_until(processes.at_work, "an indexer is at work")))
            caught += _indexed(name) < sum(map(len, pieces[: kill + 1]))
        broker.wait()
        _publish(storage, name, pieces[-1])
        _until(partial(_has_advanced, name, len(documents) - 1, processes), "everything is indexed")
        assert processes.end() == [0] * indexers
    assert caught >= kills / 2, f"only {caught} of {kills} kills fell within a catch-up"
    assert not IndexedPartition.objects.exclude(owner="").exists()
    _assert_undisturbed(storage, name, documents)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("address", "documents", "indexers", "kills"),
    [
        pytest.param("pulsar", SHORT, 1, FEW_KILLS, marks=[BROKER, SOAK]),
        *(
            pytest.param("pulsar", LONG, indexers, MANY_KILLS, marks=[BROKER, SOAK, pytest.mark.timeout(1_800)])
            for indexers in (1, 2)
        ),
    ],
    indirect=["address", "documents"],
)
def test_killed_reading_processes_leave_no_trace(
    storage: Storage, address: Mapping[str, str], documents: Sequence[Document], indexers: int, kills: int
) -> None:
    """About once a second, a process is killed that reads for an indexer that is catching up. The indexer goes on.

    ``tests/index/test_reading_processes.py`` does the same without a broker.
    """
    chance = _chance()
    pieces = _pieces(documents, kills)
    name = storage.log.create_topic("permits", partitions=PARTITIONS).name
    killed = there = 0
    with Indexers(address, indexers, SMALLEST_BATCH) as processes:
        for piece in pieces:
            _publish(storage, name, piece)
            there += len(piece)
            all_there = partial(_has_advanced, name, there - 1, processes)
            while not all_there():
                killed += processes.kill_reading(chance)
                time.sleep(0.5 + chance.random())
        assert killed, "nothing was read by another process"
        reading = [child for pid in processes.running for child in _reading_processes(pid)]
        assert processes.end() == [0] * indexers
    assert not [pid for pid in reading if Path(f"/proc/{pid}").exists()]
    _assert_undisturbed(storage, name, documents)


class Restarts:
    """Restarts the broker in a thread of its own. Does nothing if there is no broker."""

    def __init__(self, broker: LocalPulsar | None) -> None:
        self.broker = broker
        self.running: list[Future[None]] = []
        self.pool = ThreadPoolExecutor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown()

    def begin(self) -> None:
        if self.broker is not None:
            self.running.append(self.pool.submit(_away_and_back, self.broker))

    def wait(self) -> None:
        for restart in self.running:
            restart.result()


def _reading_processes(pid: int) -> list[int]:
    """Return the processes that read for this indexer."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in thread.read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):
                if b"index.processes.reading" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def _chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def _pieces(documents: Sequence[Document], count: int) -> list[Sequence[Document]]:
    size = -(-len(documents) // count)
    return [documents[start : start + size] for start in range(0, len(documents), size)]


def _assert_undisturbed(storage: Storage, name: str, documents: Sequence[Document]) -> None:
    """Versions and ordinals have no gap, all streams are as published, and the index agrees with the store."""
    assert_streams_read_back(storage, documents, page_by_page=False)
    assert_ordinals_gapless(name, len(documents))
    reports = check_topic(storage, Config(), storage.log.topic(name), lambda events: None, threading.Event())
    assert [report.difference for report in reports] == [""] * PARTITIONS
    assert sum(report.compared for report in reports) == len(documents)


def _publish(storage: Storage, name: str, documents: Sequence[Document]) -> None:
    text = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    assert import_messages(storage.log, name, parse_lines(io.BytesIO(text))).imported == len(documents)


def _away_and_back(broker: LocalPulsar) -> None:
    broker.stop()
    broker.start()


def _indexed(name: str) -> int:
    return sum(IndexedPartition.objects.filter(topic=name, live=True).values_list("next_ordinal", flat=True))


def _has_advanced(name: str, before: int, processes: Indexers) -> bool:
    assert processes.all_run(), "an indexer ended by itself"
    return _indexed(name) > before


def _until(found: Callable[[], T], what: str) -> T:
    """Wait until ``found`` returns something true, and return it."""
    end = time.monotonic() + SECONDS
    while not (answer := found()):
        assert time.monotonic() < end, f"not within {SECONDS:.0f} s: {what}"
        time.sleep(0.03)
    return answer
