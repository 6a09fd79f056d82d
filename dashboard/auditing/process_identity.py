"""Which process wrote something, and whether that very process still lives."""

import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """``start`` tells a process from a later one with the same number: kernel ticks since boot, and the boot's id.

    Empty where the system has no ``/proc``; then a number that is in use again counts as alive.
    """

    host: str
    pid: int
    start: str


def this_process() -> Process:
    return _process(os.getpid())


@lru_cache(maxsize=4)
def _process(pid: int) -> Process:
    return Process(host=platform.node(), pid=pid, start=_start_of(pid))


def alive(process: Process) -> bool:
    """Whether it runs on this host now. Ask only about processes of this host."""
    start = _start_of(process.pid)
    if start or process.start:
        return start == process.start
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_of(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the command's name comes before and may hold anything
    state, ticks = fields[0], fields[19]
    return "" if state in "ZX" else f"{ticks}@{boot}"
