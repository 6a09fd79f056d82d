"""Indexers that are killed at random moments while they catch up, alone and three together: afterwards the index is what one
that was never disturbed would have made of the log."""

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
from functools import partial
from typing import Self, TypeVar

import pytest

from eventstore.config.loading import Config
from eventstore.importing import import_messages, parse_lines
from eventstore.index.check.run import check_topic
from eventstore.index.models import IndexedPartition
from eventstore.model.storage import Storage
from eventstore.samples.health import permit_like
from scripts.local_pulsar import LocalPulsar
from tests.contract.stores import storage_from
from tests.desk_process import ROOT
from tests.namespaces import own_namespace
from tests.stream_check import Document, assert_ordinals_gapless, assert_streams_read_back

T = TypeVar("T")
PARTITIONS = 4
BATCH = "5"
SECONDS = 120.0

ON_SQL = pytest.mark.parametrize("address", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
ON_PULSAR = pytest.mark.parametrize("address", [pytest.param("pulsar", marks=pytest.mark.broker)], indirect=True)
ALONE_AND_THREE = pytest.mark.parametrize("indexers", [1, 3])


@pytest.fixture
def address(request: pytest.FixtureRequest, desk_databases: dict[str, str]) -> dict[str, str]:
    """Where store and index are, as the environment of a process; nothing but this test's topic is in them."""
    if request.param == "pulsar":
        return {**desk_databases, **own_namespace(request.getfixturevalue("pulsar_broker"))}
    if request.param == "postgres":
        store = request.getfixturevalue("store_on_postgres")
        index = request.getfixturevalue("index_on_postgres")
        return {**desk_databases, "STORE_DATABASE_URL": store, "INDEX_DATABASE_URL": index}
    return desk_databases


@pytest.fixture
def storage(address: dict[str, str]) -> Iterator[Storage]:
    opened = storage_from(address)
    yield opened
    opened.close()


class Indexers:
    """So many processes of ``run_index``; a killed one is started again at once, as its supervisor would."""

    def __init__(self, address: Mapping[str, str], count: int) -> None:
        self.address, self.count = address, count
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
        command = [sys.executable, "manage.py", "run_index", "--batch", BATCH]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **self.address}, stdout=subprocess.DEVNULL)
        self.running[process.pid] = process

    def kill(self, pid: int) -> None:
        process = self.running.pop(pid)
        assert process.poll() is None, "an indexer ended by itself"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        self.start()

    def all_run(self) -> bool:
        return all(process.poll() is None for process in self.running.values())

    def at_work(self) -> list[int]:
        """Those that have partitions, by process number."""
        owners = IndexedPartition.objects.exclude(owner="").values_list("owner", flat=True).distinct()
        return sorted({int(owner.split(" ")[-3]) for owner in owners} & self.running.keys())

    def end(self) -> list[int]:
        """Ask all to end; their exit statuses."""
        for process in self.running.values():
            process.terminate()
        return [process.wait(timeout=30) for process in self.running.values()]


@ON_SQL
@ALONE_AND_THREE
def test_killed_indexers_leave_no_trace(storage: Storage, address: Mapping[str, str], indexers: int) -> None:
    _kill_again_and_again(storage, address, indexers, kills=3)


@ON_PULSAR
@ALONE_AND_THREE
def test_killed_indexers_leave_no_trace_though_the_broker_is_restarted(
    storage: Storage, address: Mapping[str, str], indexers: int, pulsar_broker: LocalPulsar
) -> None:
    _kill_again_and_again(storage, address, indexers, kills=3, broker=pulsar_broker)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@ON_SQL
@ALONE_AND_THREE
def test_twenty_kills_leave_no_trace(storage: Storage, address: Mapping[str, str], indexers: int) -> None:
    _kill_again_and_again(storage, address, indexers, kills=20)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@ON_PULSAR
@ALONE_AND_THREE
def test_twenty_kills_leave_no_trace_though_the_broker_is_restarted(
    storage: Storage, address: Mapping[str, str], indexers: int, pulsar_broker: LocalPulsar
) -> None:
    _kill_again_and_again(storage, address, indexers, kills=20, broker=pulsar_broker)


def _kill_again_and_again(
    storage: Storage, address: Mapping[str, str], indexers: int, *, kills: int, broker: LocalPulsar | None = None
) -> None:
    """Before each kill there is something to catch up with; the victim is at work when it dies, at a random moment."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    documents = list(permit_like(seed=20260303, applications=60 * (kills + 1)))
    size = -(-len(documents) // (kills + 1))
    pieces = [documents[start : start + size] for start in range(0, len(documents), size)]
    name = storage.create_topic("permits", partitions=PARTITIONS).name
    restart_at = chance.randrange(kills) if broker else -1
    caught = 0
    restarts: list[Future[None]] = []
    with Indexers(address, indexers) as processes, ThreadPoolExecutor() as beside:
        for kill, piece in enumerate(pieces[:-1]):
            for restart in restarts:
                restart.result()  # nothing can be published meanwhile
            before = _indexed(name)
            _publish(storage, name, piece)
            if broker and kill == restart_at:
                restarts.append(beside.submit(_away_and_back, broker))
            _until(partial(_has_advanced, name, before, processes), "an indexer goes on")
            time.sleep(chance.random() * 0.3)
            processes.kill(chance.choice(_until(processes.at_work, "an indexer is at work")))
            caught += _indexed(name) < sum(map(len, pieces[: kill + 1]))
        for restart in restarts:
            restart.result()
        _publish(storage, name, pieces[-1])
        _until(partial(_has_advanced, name, len(documents) - 1, processes), "everything is indexed")
        assert processes.end() == [0] * indexers
    assert caught >= kills / 2, f"only {caught} of {kills} kills fell within a catch-up"
    assert not IndexedPartition.objects.exclude(owner="").exists()
    _assert_undisturbed(storage, name, documents)


def _assert_undisturbed(storage: Storage, name: str, documents: Sequence[Document]) -> None:
    """Versions and ordinals without a gap, all streams as published, and nothing that the store says otherwise."""
    assert_streams_read_back(storage, documents, page_by_page=False)
    assert_ordinals_gapless(name, len(documents))
    reports = check_topic(storage, Config(), storage.topic(name), lambda events: None, threading.Event())
    assert [report.difference for report in reports] == [""] * PARTITIONS
    assert sum(report.compared for report in reports) == len(documents)


def _publish(storage: Storage, name: str, documents: Sequence[Document]) -> None:
    text = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    assert import_messages(storage, name, parse_lines(io.BytesIO(text))).imported == len(documents)


def _away_and_back(broker: LocalPulsar) -> None:
    broker.stop()
    broker.start()


def _indexed(name: str) -> int:
    return sum(IndexedPartition.objects.filter(topic=name, live=True).values_list("next_ordinal", flat=True))


def _has_advanced(name: str, before: int, processes: Indexers) -> bool:
    assert processes.all_run(), "an indexer ended by itself"
    return _indexed(name) > before


def _until(found: Callable[[], T], what: str) -> T:
    """What it answers once that is something."""
    end = time.monotonic() + SECONDS
    while not (answer := found()):
        assert time.monotonic() < end, f"not within {SECONDS:.0f} s: {what}"
        time.sleep(0.01)
    return answer
