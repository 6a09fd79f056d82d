"""Several processes as one: started together, watched, and ended together, with nobody left behind.

Children stay in the parent's process group, leave Ctrl-C to the parent (which ends them in order), and on Linux are killed by
the kernel when the parent is gone, however it went.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

PATIENCE = 6.0
"""Seconds that children get to end by themselves before they are killed."""
PAUSE = 0.2
PR_SET_PDEATHSIG = 1


@dataclass(kw_only=True, slots=True)
class Child:
    """One process. ``restarts`` is how often within a minute it may come back after it died; 0: its death ends everything."""

    name: str
    command: Sequence[str]
    restarts: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    died: deque[float] = field(default_factory=deque)
    again_at: float = 0.0


class Supervisor:
    """Runs children until one of them ends or a signal comes. Use it from the main thread, as a context."""

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.environment = dict(environment)
        self.say = say
        self.children: list[Child] = []
        self.stopping = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping = True
        self._end_all()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def start(self, child: Child) -> None:
        child.process = self._spawn(child.command)
        self.children.append(child)

    def run_to_end(self, command: Sequence[str]) -> int:
        """One process alone, to its end: its exit code. A signal ends it early."""
        alone = Child(name="", command=command)
        self.start(alone)
        assert alone.process
        while alone.process.poll() is None and not self.stopping:
            time.sleep(PAUSE / 4)
        if self.stopping:
            self._end_all()
        self.children.remove(alone)
        return alone.process.wait()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> int | None:
        """Watch until ``ready``: ``None``. An exit code where everything has to end instead."""
        deadline = time.monotonic() + seconds
        while not self.stopping:
            code = self._look_after_children()
            if code is not None or ready():
                return code
            if time.monotonic() > deadline:
                self.say(f"The server did not answer within {seconds:.0f} seconds: ending.")
                return 1
            time.sleep(PAUSE)
        return 0

    def watch(self) -> int:
        """Until a signal (0) or the death of a child that may not come back (its exit code, 1 for a clean end)."""
        while not self.stopping:
            code = self._look_after_children()
            if code is not None:
                return code
            time.sleep(PAUSE)
        return 0

    # -- pieces

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        parent = os.getpid()
        return subprocess.Popen(command, env=self.environment, preexec_fn=lambda: _bind_to(parent))  # noqa: PLW1509

    def _look_after_children(self) -> int | None:
        for child in self.children:
            code = self._look_after(child)
            if code is not None:
                return code
        return None

    def _look_after(self, child: Child) -> int | None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.again_at:
                child.process = self._spawn(child.command)
            return None
        code = child.process.poll()
        if code is None or self.stopping:
            return None
        while child.died and now - child.died[0] > 60:
            child.died.popleft()
        child.died.append(now)
        if len(child.died) > child.restarts:
            self.say(f"{child.name} ended unexpectedly ({_in_words(code)}): ending everything.")
            return _as_exit_code(code)
        pause = 2 ** (len(child.died) - 1)
        self.say(f"{child.name} ended unexpectedly ({_in_words(code)}): starting it again in {pause} s.")
        child.process, child.again_at = None, now + pause
        return None

    def _end_all(self) -> None:
        """Ask each to end, and kill who does not: PATIENCE seconds in all, whatever happens meanwhile."""
        living = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in living:
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in living:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process the signal when its parent ends. Linux only; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _bind_to(parent: int) -> None:
    """In the child, before its program: Ctrl-C is the parent's business, and without the parent there is none of us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _as_exit_code(code: int) -> int:
    return 128 - code if code < 0 else code or 1
