"""Runs several processes as one: starts them together, watches them, and ends them together, so that none is orphaned.

Where that can be done, children are forked from this process (``forking``), and share the memory of what it has imported.
Children stay in the parent's process group and leave Ctrl-C to the parent, which ends them in order. On Linux, the kernel
kills them when the parent is gone, however it ended.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from dashboard.running.processes import forking

PATIENCE = 6.0
"""Seconds that children get to end before they are killed."""
PAUSE = 0.2
"""Seconds between two looks at the children while something is waited for."""
CALM = 5.0
"""The same while nothing is: a child that ends is told by a signal at once."""
PR_SET_PDEATHSIG = 1


class Process(Protocol):
    """What is needed of a ``subprocess.Popen``, or of a ``forking.Forked``."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(kw_only=True, slots=True)
class Child:
    """One process. ``restarts`` is how often it may be restarted within a minute. With 0, its end is the end of everything."""

    name: str
    command: Sequence[str]
    restarts: int = 0
    process: Process | None = None
    died: deque[float] = field(default_factory=deque)
    restart_at: float = 0.0


class Supervisor:
    """Runs children until one of them ends for good or a signal comes. Use it in the main thread, as a context manager."""

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.environment = dict(environment)
        self.say = say
        self.children: list[Child] = []
        self.stopping = False
        self._before: dict[int, object] = {}
        self._told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        """A signal puts a byte into it, so that it can be waited for without looking again and again."""

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._stop)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._told[1], warn_on_full_buffer=False)
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping = True
        self._end_all()
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        for each in self._told:
            os.close(each)

    def start(self, child: Child) -> None:
        child.process = self._spawn(child.command)
        self.children.append(child)

    def run_to_end(self, command: Sequence[str]) -> int:
        """Run one process to its end, and return its exit code. A signal ends it early."""
        single = Child(name="", command=command)
        self.start(single)
        assert single.process
        while single.process.poll() is None and not self.stopping:
            time.sleep(PAUSE / 4)
        if self.stopping:
            self._end_all()
        self.children.remove(single)
        return single.process.wait()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> int | None:
        """Watch the children until ``ready`` returns true. Returns ``None`` then, or an exit code if everything has to end."""
        deadline = time.monotonic() + seconds
        while not self.stopping:
            code = self._check_children()
            if code is not None or ready():
                return code
            if time.monotonic() > deadline:
                self.say(f"The server did not answer within {seconds:.0f} seconds: ending.")
                return 1
            time.sleep(PAUSE)
        return 0

    def watch(self) -> int:
        """Watch the children until a signal comes, or one ends that may not be restarted.

        Returns the exit code: 0 after a signal, else the child's, or 1 if the child ended with 0.
        """
        while not self.stopping:
            code = self._check_children()
            if code is not None:
                return code
            self._rest()
        return 0

    # -- pieces

    def _rest(self) -> None:
        """Until a child ends, a signal comes, or a child is to be started again."""
        due = [child.restart_at - time.monotonic() for child in self.children if child.process is None]
        if select.select([self._told[0]], [], [], max(0.0, min([CALM, *due])))[0]:
            os.read(self._told[0], 4096)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _spawn(self, command: Sequence[str]) -> Process:
        parent = os.getpid()
        if forking.SUPPORTED:
            return forking.fork(command, self.environment, lambda: self._leave_to(parent))
        return subprocess.Popen(command, env=self.environment, preexec_fn=lambda: bind_to(parent))  # noqa: PLW1509

    def _leave_to(self, parent: int) -> None:
        """In a forked child: nothing here is its own."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in self._told:
            os.close(number)
        bind_to(parent)

    def _check_children(self) -> int | None:
        for child in self.children:
            code = self._check(child)
            if code is not None:
                return code
        return None

    def _check(self, child: Child) -> int | None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                child.process = self._spawn(child.command)
            return None
        code = child.process.poll()
        if code is None or self.stopping:
            return None
        while child.died and now - child.died[0] > 60:
            child.died.popleft()
        child.died.append(now)
        if len(child.died) > child.restarts:
            self.say(f"{child.name} ended unexpectedly ({_describe(code)}): ending everything.")
            return _as_exit_code(code)
        pause = 2 ** (len(child.died) - 1)
        self.say(f"{child.name} ended unexpectedly ({_describe(code)}): starting it again in {pause} s.")
        child.process, child.restart_at = None, now + pause
        return None

    def _end_all(self) -> None:
        """Ask each child to end, and kill those that do not within ``PATIENCE`` seconds in all."""
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process the signal when its parent ends. Does nothing except on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def bind_to(parent: int) -> None:
    """Runs in the child before its program: ignore Ctrl-C, which the parent handles, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the kernel was told
        os._exit(1)


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _as_exit_code(code: int) -> int:
    return 128 - code if code < 0 else code or 1
