"""Reading processes: how they are started and ended, and what they do of what they are asked, when."""

import logging
import os
import signal
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eventstore.index.processes import reading, remote, room
from eventstore.index.processes.frames import Close, Read
from eventstore.index.processes.reading import Requests
from eventstore.index.processes.remote import Process, Processes
from tests.contract.helpers import soon
from tests.reading_elsewhere import NumberedStorage


class OpenedBy:
    """A store as which a reading process has to do what this is given."""

    def __init__(self, opener: Any) -> None:
        self._opener = opener

    def opener(self) -> Any:
        return self._opener


def test_nothing_of_the_folder_is_run_and_no_signal_to_all_ends_it_while_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    process = Process(partial(NumberedStorage, 1))
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(process.pid, number)
        assert soon(lambda: process.ready or process.gone)
        assert process.ready
    finally:
        process.end()


def test_one_that_cannot_live_is_started_ever_more_seldom_and_says_why_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote, "RESTART_SECONDS", 0.01)
    monkeypatch.setattr(remote.log, "disabled", True)  # it may write there too
    storage: Any = OpenedBy(partial(int, "no number"))
    processes = Processes(storage, 1)
    assert soon(lambda: processes.one() is None and processes._failures >= 2)
    processes.end()
    assert {line.partition(" at ")[0] for line in capfd.readouterr().err.splitlines() if line} == {
        "The reading process cannot open the event store: ValueError"
    }
    pauses = []
    monkeypatch.setattr(remote.log, "info", lambda text, pause: pauses.append(pause))
    monkeypatch.setattr(remote, "RESTART_SECONDS", 2.0)
    processes._failures = 0
    for _ in range(10):
        processes._note_failure([])
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]


def test_what_cannot_be_sent_to_one_starts_none(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **more: pytest.fail("it was started"))
    storage: Any = OpenedBy(lambda: None)
    with caplog.at_level(logging.WARNING):
        assert Processes(storage, 1).one() is None
    assert "cannot be started" in caplog.text


def test_all_are_asked_to_end_before_one_is_waited_for() -> None:
    storage: Any = NumberedStorage(1)
    processes, said = Processes(storage, 2), []

    class Told:
        def ask_to_end(self) -> None:
            said.append("ask")

        def end(self, seconds: float) -> None:
            said.append("end")

    told: Any = [Told(), Told()]
    processes._running = told
    processes.end()
    assert said == ["ask", "ask", "end", "end"]


def test_a_reader_that_is_held_up_holds_up_no_other_but_its_own_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "HELD_UP", 0.05)
    requests, given = Requests(), []
    for request in (Read(1, 10, 0.0), Close(1), Read(2, 10, 0.0)):
        requests.put(request)
    first = requests.next()
    assert first == Read(1, 10, 0.0)

    def another() -> None:
        for _ in range(2):
            given.append(requests.next())
            requests.done(given[-1])

    thread = threading.Thread(target=another, daemon=True)
    thread.start()
    assert soon(lambda: given == [Read(2, 10, 0.0)])  # though the first is under way
    requests.done(first)
    thread.join(10)
    assert given[1:] == [Close(1)]


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [("max 100000", "max", 2), ("", "", 2), ("100000 100000", "max", 1), ("400000 100000", "536870912", 2),
     ("400000 100000", "268435456", 1)],
)  # fmt: skip
def test_a_container_with_one_processor_or_little_memory_has_one_process(
    cpu: str, memory: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(cpu)
    (tmp_path / "memory.max").write_text(memory)
    monkeypatch.setattr(room, "GROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert room.default_processes() == expected
