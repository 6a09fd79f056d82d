"""Identifies the process that wrote something, and tells whether it is still running.

A process number means something only within one boot of one host and one space of process numbers (PID namespace): two
containers on one machine may have the same host name and each a process 7. Where any of the three differs, a process that
cannot be seen from here may well be running.
"""

import os
import platform
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """``start`` tells a process from a later one with the same number: kernel ticks since boot, ``@``, and the boot's id.

    ``namespace`` names its space of process numbers, as the kernel does (``pid:[4026531836]``). Both are empty where the
    system has no ``/proc``; then a number that is in use again counts as running.
    """

    host: str
    pid: int
    start: str
    namespace: str = ""

    @property
    def ticks(self) -> str:
        return self.start.partition("@")[0]

    @property
    def boot(self) -> str:
        return self.start.partition("@")[2]


class Fate(StrEnum):
    """What can be said from here about a process."""

    RUNNING = "running"
    ENDED = "ended"
    OTHER_BOOT = "of another boot"
    """A host of this name, started another time: this one before a restart, or another host of the same name."""
    OUT_OF_SIGHT = "out of sight"
    """On another host, in another PID namespace, or hidden: it may be running."""


def this_process() -> Process:
    return _process(os.getpid())


def fate(process: Process) -> Fate:
    """What has become of this process, as far as it can be seen from here."""
    here = this_process()
    if process.host != here.host:
        return Fate.OUT_OF_SIGHT
    if process.boot != here.boot:
        return Fate.OTHER_BOOT
    if process.namespace != here.namespace:
        return Fate.OUT_OF_SIGHT
    if not here.start:
        return _fate_by_signal(process.pid)
    ticks = _ticks_of(process.pid)
    if ticks:
        return Fate.RUNNING if ticks == process.ticks else Fate.ENDED
    hidden = not _ticks_of(1)  # where other people's processes are hidden, the first one is
    return Fate.OUT_OF_SIGHT if hidden else Fate.ENDED


@lru_cache(maxsize=4)
def _process(pid: int) -> Process:
    """The process of this number, which is the calling one; its number is the key since a fork has another."""
    ticks = _ticks_of(pid)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return Process(host=platform.node(), pid=pid, start="")
    return Process(host=platform.node(), pid=pid, start=f"{ticks}@{boot}" if ticks else "", namespace=namespace)


def _ticks_of(pid: int) -> str:
    """When the process of this number started, in the kernel's ticks; empty where there is none, or no ``/proc``."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the command's name comes before and may hold anything
    return "" if fields[0] in "ZX" else fields[19]


def _fate_by_signal(pid: int) -> Fate:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return Fate.ENDED
    except PermissionError:
        return Fate.RUNNING
    return Fate.RUNNING
