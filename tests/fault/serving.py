"""A running ``manage.py serve --demo`` for tests, in a process group of its own. Tests wait for the lines that it prints."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from scripts.ports import free_port
from tests import forked

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90.0
LOGIN = re.compile(r"^(\S+) (\S+) (viewer|support|approver|privacy|auditor|admin)$")


def demo_environment(data: Path, **more: str) -> dict[str, str]:
    """Return an environment with a data directory and what is named, without the caller's own addresses."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "EVENTDESK_DATA": str(data), "PYTHONUNBUFFERED": "1", **more}


class Serving:
    """``serve`` and its children are forked (``tests.fault.forking_serve``); a ``command`` in its place is not."""

    def __init__(self, environment: Mapping[str, str], command: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.lines: list[str] = []
        demo = {} if command else {"EVENTDESK_DEMO": "1"}  # without, it would begin again as a process that has it
        self.process: subprocess.Popen[str] = (subprocess.Popen if command else forked.start)(
            command or [sys.executable, "-m", "tests.fault.forking_serve", "--demo"],
            cwd=ROOT,
            env={"PORT": str(self.port), **environment, **demo},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if members(self.process.pid):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def logins(self) -> list[str]:
        return [line.strip() for line in self.lines if LOGIN.match(line.strip())]

    def until_ready(self) -> Self:
        self.until(lambda: len(self.logins) == 6 and "Eventdesk is ready" in self.output, "it is ready")
        return self

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not true():
            assert self.process.poll() is None or true(), f"ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}\n{self.output}"
            time.sleep(0.1)

    def child(self, word: str) -> int:
        """Return the number of the only process of the group whose command line contains this word. One that it is just
        starting looks like it for a moment."""
        found: list[int] = []

        def only() -> bool:
            found[:] = [pid for pid, command in members(self.process.pid).items() if word in command]
            return len(found) == 1

        self.until(only, f"one process has {word} in its command line")
        return found[0]

    def ended(self) -> int:
        """Wait until it and everything it started has ended, and return its exit code."""
        code = self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        gone_by = time.monotonic() + SECONDS
        while members(self.process.pid):
            assert time.monotonic() < gone_by, f"left behind: {members(self.process.pid)}"
            time.sleep(0.05)
        return code

    def get(self, path: str) -> tuple[int, bytes]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.status, answer.read()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)


def members(group: int) -> dict[int, str]:
    """Return the command lines of the living processes of this process group, by process number."""
    found: dict[int, str] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgrp = (directory / "stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state not in "ZX":
                found[int(directory.name)] = (directory / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue  # it ended in the meantime
    return found
