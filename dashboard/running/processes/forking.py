"""Processes that are forked from this one, which has imported what they need: they share the memory of that with it.

A process on its own needs 80 to 90 MB until it has imported the project, and four of them as many each. A forked one runs what
an interpreter with its command line would. Whoever forks has no connection to a database, no client of the store and no thread
but that of ``json_lines``: none of these survives a fork.
"""

import atexit
import gc
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from setproctitle import setproctitle

from dashboard.running.json_lines import begin_again

LOOK = 0.02
"""Seconds between two looks at a process that is waited for."""
SUPPORTED = sys.platform == "linux"
"""Elsewhere the system's own libraries may not survive a fork."""
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Forked:
    """A process that was forked, as far as ``subprocess.Popen`` is needed of one. Belongs to one thread."""

    def __init__(self, work: Callable[[], object]) -> None:
        """``work`` is called in the new process, which ends with it as an interpreter would, or by a signal."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.returncode: int | None = None
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _end(lambda: _work_alone(work, before))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises ``subprocess.TimeoutExpired``."""
        deadline = time.monotonic() + timeout if timeout is not None else None
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(LOOK)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def fork(command: Sequence[str], environment: Mapping[str, str], begin: Callable[[], object]) -> Forked:
    """Run this command, which begins with the interpreter, in a new process. It calls ``begin`` first."""
    return Forked(lambda: _become(command, environment, begin))


def _work_alone(work: Callable[[], object], mask: Iterable[int]) -> None:
    """What the parent does at a signal is not this process's: until here one that came had to wait, or would be lost."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    work()


def _become(command: Sequence[str], environment: Mapping[str, str], begin: Callable[[], object]) -> None:
    begin()
    setproctitle(" ".join(command))  # before the environment is another one: it is found by that
    os.environ.clear()
    os.environ.update(environment)
    begin_again()
    gc.enable()
    _, first, *rest = command
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


def _end(work: Callable[[], object]) -> None:
    """Do the work, and end the process as an interpreter does: never go back to the caller."""
    code = 1
    try:
        try:
            work()
            code = 0
        except SystemExit as end:
            code = _code_of(end)
        except BaseException:  # noqa: BLE001 - as the interpreter does: it is told, and is the end of the process
            sys.excepthook(*sys.exc_info())
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1
