"""Several processes that run the tests together: ``pytest --workers 3``.

They are forked once all tests are collected. So the modules are compiled and imported once, and every process has the same
tests. A worker gets a file at a time; the longest files come first (``tests.scheduling``). It tells the process that owns the
run what its tests gave, and that process shows it as if it had run the tests itself.
"""

import atexit
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import pytest

from tests.scheduling import AT_BEGIN, Unit, longest_first

NAME = pytest.StashKey[str]()
"""The name of this worker; not set in the process that owns the run."""
MORE = "more"
"""What a worker says when it is about to have nothing left."""
ENDS_WITHIN = 20.0
"""Seconds that workers get to tear down what they have when a run is cut off."""

Calls = Connection  # its ends send and take anything


@dataclass(kw_only=True)
class Worker:
    """A worker as the process that owns the run sees it.

    ``left`` are the numbers of the tests that it has and has not finished, and ``running`` is the node id of the one it is at.
    """

    name: str
    pid: int
    calls: Calls
    left: list[int] = field(default_factory=list)
    running: str = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--workers", type=int, default=1, help="run the tests in this many processes, a file at a time")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    count = session.config.getoption("workers")
    if count < 2 or session.testsfailed or session.config.option.collectonly:
        return None  # pytest's own loop
    _run(session, count)
    return True


@pytest.fixture(scope="session")
def worker_id(pytestconfig: pytest.Config) -> str:
    """A name that no other process of the run has."""
    return pytestconfig.stash.get(NAME, "main")


# -- in the process that owns the run


def _run(session: pytest.Session, count: int) -> None:
    """Run the collected tests in so many processes. Raises what pytest's own loop raises if the run is to stop."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter:
        reporter.showfspath = False  # several files at once
    units = longest_first([item.nodeid for item in session.items])
    workers = _forked(session, [f"worker-{number}" for number in range(min(count, len(units)))])
    try:
        while workers:
            for calls in wait([worker.calls for worker in workers]):
                [worker] = [worker for worker in workers if worker.calls is calls]
                if not _heard(session, worker, units):
                    workers.remove(worker)
                    workers += _in_its_place(session, worker, units)
                _stop_if_asked(session)
    finally:
        _end(workers)


def _forked(session: pytest.Session, names: Sequence[str]) -> list[Worker]:
    """New workers. None has a test before all of them exist: for a test, this process may start a server in a thread."""
    return [_fork(session, name) for name in names]


def _fork(session: pytest.Session, name: str) -> Worker:
    ours, theirs = Pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        return Worker(name=name, pid=pid, calls=ours)
    ours.close()
    atexit._clear()  # what this process registers is its own
    try:
        _work(session, name, theirs)
    except (EOFError, ConnectionError, KeyboardInterrupt):
        pass  # the run has ended, or is cut off
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as the other one
        traceback.print_exc()
    atexit._run_exitfuncs()
    os._exit(0)


def _heard(session: pytest.Session, worker: Worker, units: list[Unit]) -> bool:
    """Do what the worker's next message asks for. Returns false if it has ended."""
    try:
        message = worker.calls.recv()
    except (EOFError, ConnectionResetError):
        os.waitpid(worker.pid, 0)
        return False
    if message == MORE:
        unit = units.pop(0) if units else []
        worker.left += unit
        worker.calls.send(unit)
    else:
        _call(session, worker, *message)
    return True


def _call(session: pytest.Session, worker: Worker, hook: str, arguments: dict[str, Any]) -> None:
    """Call a hook here, as the worker has called it there."""
    config = session.config
    if hook == "pytest_runtest_logstart":
        worker.running = arguments["nodeid"]
        return
    if hook == "pytest_runtest_logreport":
        arguments = {"report": config.hook.pytest_report_from_serializable(config=config, data=arguments["report"])}
        arguments["report"].worker = worker.name
    if hook == "pytest_runtest_logfinish":
        worker.left = [number for number in worker.left if session.items[number].nodeid != arguments["nodeid"]]
    called = getattr(config.hook, hook)
    if called.is_historic():
        called.call_historic(kwargs=arguments)
    else:
        called(**arguments)


def _in_its_place(session: pytest.Session, ended: Worker, units: list[Unit]) -> list[Worker]:
    """Nothing, if the worker that has ended was done. Otherwise its test has failed, and another one does the rest."""
    if not ended.left:
        return []
    items = session.items
    [at, *_] = [number for number in ended.left if items[number].nodeid == ended.running] or ended.left
    problem = f"{ended.name} ended in the middle of this test"
    report = pytest.TestReport(items[at].nodeid, items[at].location, {}, "failed", problem, "call")
    session.config.hook.pytest_runtest_logreport(report=report)
    rest = [number for number in ended.left if number != at]
    if rest:
        units.insert(0, rest)
    return _forked(session, [f"{ended.name}-again"]) if units else []


def _stop_if_asked(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def _end(workers: Sequence[Worker]) -> None:
    """End those that are left when a run is cut off, as Ctrl-C does."""
    for worker in workers:
        os.kill(worker.pid, signal.SIGINT)
    ending = [worker.calls for worker in workers]
    while ending and (told := wait(ending, ENDS_WITHIN)):
        ending = [calls for calls in ending if calls not in told or _says_more(calls)]
    for worker in workers:
        if worker.calls in ending:
            os.kill(worker.pid, signal.SIGKILL)
        os.waitpid(worker.pid, 0)


def _says_more(calls: Any) -> bool:
    """Take a message that nobody waits for any more. Returns false at the end."""
    try:
        calls.recv()
    except (EOFError, ConnectionResetError):
        return False
    return True


# -- in a worker


class Told:
    """The plugin in place of the one that writes to the terminal. It tells the process that owns the run."""

    def __init__(self, config: pytest.Config, calls: Calls) -> None:
        self.config = config
        self.calls = calls
        self.begun = False

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.calls.send(("pytest_runtest_logstart", {"nodeid": nodeid}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.calls.send(("pytest_runtest_logreport", {"report": data}))

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self.calls.send(("pytest_runtest_logfinish", {"nodeid": nodeid, "location": location}))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        if not self.begun:  # what the process that owns the run knows
            return
        found = warning_message
        text = warnings.WarningMessage(str(found.message), found.category, found.filename, found.lineno)
        arguments = {"warning_message": text, "when": when, "nodeid": nodeid, "location": location}
        self.calls.send(("pytest_warning_recorded", arguments))


def _work(session: pytest.Session, name: str, calls: Calls) -> None:
    """Run what is handed out until nothing is left, or the run is to stop."""
    config = session.config
    config.stash[NAME] = name
    _own_files(config, name)
    config.pluginmanager.unregister(name="terminalreporter")
    told = Told(config, calls)
    config.pluginmanager.register(told, "told")
    told.begun = True
    config.stash.get(AT_BEGIN, lambda: None)()
    items = _handed_out(session, calls)
    following = next(items, None)
    try:
        while following and not session.shouldfail and not session.shouldstop:
            item, following = following, next(items, None)
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    finally:
        session._setupstate.teardown_exact(None)  # there is something only if it was cut off


def _handed_out(session: pytest.Session, calls: Calls) -> Iterator[pytest.Item]:
    """The tests of one unit after the other.

    A unit is asked for before the last test of the one before it runs: what that test tears down depends on the next one.
    """
    while True:
        calls.send(MORE)
        numbers = calls.recv()
        if not numbers:
            return
        yield from (session.items[number] for number in numbers)


def _own_files(config: pytest.Config, name: str) -> None:
    """Files of this process for temporary folders and for captured output, of which all forked processes have the same."""
    folders: Any = config._tmp_path_factory  # type: ignore[attr-defined]
    folders._given_basetemp, folders._basetemp = folders.getbasetemp() / name, None
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if config.option.capture == "fd":  # loggers hold the files that are there: each gets another one beneath it
        for output in (capture._global_capturing.out, capture._global_capturing.err):
            with tempfile.TemporaryFile() as own:
                os.dup2(own.fileno(), output.tmpfile.fileno(), inheritable=False)
