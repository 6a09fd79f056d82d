"""Reading processes: what they read comes in order and once, and what becomes of them is told to whoever reads with them."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from eventstore.config.loading import Config
from eventstore.index.indexer.run import Following, index_until_caught_up
from eventstore.index.processes import remote
from eventstore.index.processes.remote import Process, Processes, ProcessGone, ReadingFailed, RemoteReader
from eventstore.model.errors import MadeAnew
from eventstore.model.events import Position
from eventstore.model.tokens import encode
from tests.contract.helpers import soon
from tests.indexing import pointers
from tests.reading_elsewhere import PARTITIONS, SLOW, NumberedStorage

MOST = 1_000
OPENER: Any = partial(NumberedStorage, count=MOST)


def after(number: int, topic: str = "numbers") -> Position:
    return Position(topic=topic, partition=0, token=encode(1, number, 0))


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process(OPENER)
    try:
        assert soon(lambda: process.ready)
        yield process
    finally:
        process.end()
        assert not is_there(process.pid)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def tokens(reader: Any, limit: int) -> list[str]:
    return [token for piece in reader.pieces(limit=limit, timeout=0.0) for token in piece.tokens]


def test_what_is_read_elsewhere_comes_in_order_and_once_and_its_errors_as_they_are(process: Process) -> None:
    numbers, others = process.open(after(10)), process.open(after(500))
    found = [tokens(numbers, 100), tokens(others, 300), tokens(numbers, 100), tokens(others, 300), tokens(others, 300)]
    assert found[0] + found[2] == [encode(1, number, 0) for number in range(11, 211)]
    assert found[1] + found[3] == [encode(1, number, 0) for number in range(501, MOST)]
    assert found[4] == []
    with pytest.raises(MadeAnew, match="made anew"):
        tokens(process.open(after(1, "made anew")), 10)
    with pytest.raises(ReadingFailed, match=r"KeyError at reading_elsewhere.py"):
        tokens(process.open(after(1, "broken")), 10)
    numbers.close()
    assert tokens(process.open(after(10)), 1) == [encode(1, 11, 0)]  # the others are not disturbed


def test_a_killed_process_is_noticed_by_whoever_reads_with_it_and_another_takes_its_place() -> None:
    processes = Processes(NumberedStorage(MOST), 1)
    try:
        assert processes.one() is None  # it has only just been started
        assert soon(lambda: processes.one() is not None)
        first = processes.one()
        assert first is not None
        reader = first.open(after(1))
        os.kill(first.pid, signal.SIGTERM)  # as a supervisor does to all of an indexer's processes: its readers are still used
        assert len(tokens(reader, 10)) == 10
        os.kill(first.pid, signal.SIGKILL)
        with pytest.raises(ProcessGone):
            while True:
                tokens(reader, 1)
        reader.close()
        assert soon(lambda: processes.one() not in (None, first))
    finally:
        processes.end()
    assert not is_there(first.pid)


def test_a_process_without_a_reader_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "IDLE_SECONDS", 0.0)
    process = Process(OPENER)
    assert soon(lambda: process.gone and not is_there(process.pid))
    with pytest.raises(ProcessGone):
        process.open(after(1))


@pytest.mark.usefixtures("desk_databases")
@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_what_was_read_by_killed_processes_is_indexed_once_and_in_order(
    kills: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(remote, "RESTART_SECONDS", 0.1)
    monkeypatch.setattr(remote, "LONGEST_RESTART", 0.2)
    count = 1_500 * kills
    storage: Any = NumberedStorage(count, SLOW)
    killed: list[int] = []

    def kill_now_and_then(topic: str, partition: int, events: int) -> None:
        at_work = [process for process in PROCESSES if process.ready and len(process) and not process.gone]
        if at_work and len(killed) < kills and chance.random() < 0.1:
            killed.append(at_work[0].pid)
            os.kill(at_work[0].pid, signal.SIGKILL)

    chance = random.Random(5)
    PROCESSES.clear()
    monkeypatch.setattr(remote, "Process", Noted)
    done = index_until_caught_up(
        Following(storage=storage, config=Config(), stop=threading.Event(), on_batch=kill_now_and_then, batch=50, processes=3)
    )
    assert len(killed) == kills
    assert done == PARTITIONS * count
    for partition in range(PARTITIONS):
        found = pointers("numbers", partition)
        assert [pointer.position.token for pointer in found] == [encode(1, number, 0) for number in range(count)]
        assert [pointer.version for pointer in found if pointer.aggregate_id == "k3"] == [
            *range(1, 1 + sum(number % 7 == 3 and number % 100 != 99 for number in range(count)))
        ]
    assert not any(is_there(process.pid) for process in PROCESSES)
    assert "trying again" not in caplog.text


@pytest.mark.usefixtures("desk_databases")
@pytest.mark.parametrize("odd_from", [0, 750])
def test_partitions_whose_events_are_parsed_anyway_are_read_by_the_indexer_itself(
    odd_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1_500
    storage: Any = NumberedStorage(count, odd_from=odd_from)
    read_by_others: list[Any] = []
    taken, one = RemoteReader.pieces, Processes.one

    def one_that_is_ready(self: Processes) -> Process | None:
        assert soon(lambda: one(self) is not None)
        return one(self)

    def noted(self: RemoteReader, *, limit: int, timeout: float) -> Iterator[Any]:
        for piece in taken(self, limit=limit, timeout=timeout):
            read_by_others.append(piece)
            yield piece

    PROCESSES.clear()
    monkeypatch.setattr(remote, "Process", Noted)
    monkeypatch.setattr(RemoteReader, "pieces", noted)
    monkeypatch.setattr(Processes, "one", one_that_is_ready)
    ways: Any = {"on_batch": lambda topic, partition, events: None, "batch": 50, "processes": 2}
    done = index_until_caught_up(Following(storage=storage, config=Config(), stop=threading.Event(), **ways))
    assert done == PARTITIONS * count
    for partition in range(PARTITIONS):
        tokens = [pointer.position.token for pointer in pointers("numbers", partition)]
        assert tokens == [encode(1, number, 0) for number in range(count)]
    assert bool(read_by_others) == bool(PROCESSES) == (odd_from > 0)
    assert sum(isinstance(piece, list) for piece in read_by_others) <= PARTITIONS


@pytest.mark.usefixtures("desk_databases")
@pytest.mark.parametrize(("batch", "starts"), [(100, True), (1_000, False)])
def test_a_process_is_started_once_the_reads_under_way_have_found_much_together(
    batch: int, starts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of the four finds much by itself."""
    PROCESSES.clear()
    monkeypatch.setattr(remote, "Process", Noted)
    storage: Any = NumberedStorage(99, 10 * SLOW)
    ways: Any = {"on_batch": lambda topic, partition, events: None, "batch": batch, "processes": 2}
    done = index_until_caught_up(Following(storage=storage, config=Config(), stop=threading.Event(), **ways))
    assert (done, bool(PROCESSES)) == (PARTITIONS * 99, starts)


PROCESSES: list[Process] = []


class Noted(Process):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        PROCESSES.append(self)
