"""A whole desk as it is run in production: daphne and the indexer as processes, on a free loopback port, in a fresh
folder."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from scripts.ports import free_port
from tests import forked
from tests.desk_template import ROOT, copy_databases, plain_environment

__all__ = ["ROOT", "Desk"]
READY_WITHIN = 60.0
ENDED_WITHIN = 15.0


class Desk:
    """``with Desk(folder, {...}) as desk``: served and indexed until the block ends. ``url`` ends with a slash.

    ``people`` are roles: one person of each is there, named after the role, with the password of ``tests.people``.
    Without ``indexed`` it has no indexer, which takes a second of a processor to start, and more with each event.
    """

    application = "dashboard.asgi:application"

    def __init__(
        self, data: Path, environment: Mapping[str, str] | None = None, *, people: Sequence[str] = (), indexed: bool = True
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.data = data
        self.people = people
        self.indexed = indexed
        self.environment = {**plain_environment(data), **(environment or {})}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.begin: Callable[..., subprocess.Popen[Any]] = forked.start

    def __enter__(self) -> Self:
        copy_databases(self.data, self.people)
        try:
            if self.indexed:
                self.start_index()
            self.start_web()
        except BaseException:
            self.end_all()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end_all()

    def end_all(self) -> None:
        """End every process, whatever happens to the others."""
        with ExitStack() as stack:
            for name in self.processes:
                stack.callback(self.end, name)

    def manage(self, *arguments: str, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a management command to its end."""
        command = [sys.executable, "manage.py", *arguments]
        done = forked.run(command, cwd=ROOT, env=self.environment, input=stdin, timeout=120)
        if check and done.returncode:
            raise AssertionError(f"{arguments[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
        return done

    def spawn(self, name: str, *command: str, stdin: int | None = None, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start a process in the desk's environment. It ends with the desk."""
        log = (self.data / f"{name}.log").open("ab")
        whole = [sys.executable, *command]
        process = self.begin(whole, cwd=ROOT, env=self.environment, stdin=stdin, stdout=stdout or log, stderr=log)
        log.close()
        self.processes[name] = process
        return process

    def start_index(self) -> None:
        self.spawn("index", "manage.py", "run_index")

    def start_web(self) -> None:
        self.spawn("web", "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), self.application)
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if self.processes["web"].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the desk does not answer: {self.log('web')[-2000:]}")
            time.sleep(0.1)

    def log(self, name: str) -> str:
        return (self.data / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        """End one of its processes by a signal, and return its exit status."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(timeout=ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} did not end within {ENDED_WITHIN:.0f} s of signal {number}") from None

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (HTTPError, URLError, OSError):
            return False
