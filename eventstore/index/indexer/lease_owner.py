"""What an indexer calls itself in a lease, and whether the one of that name still lives."""

import os
import platform
from functools import lru_cache
from pathlib import Path
from uuid import uuid4


def new_owner() -> str:
    """A name that no other indexer has. It says where its process runs, so that its death is noticed at once there."""
    return " ".join([_here(), str(os.getpid()), _start_of(os.getpid()), uuid4().hex[:12]])


def is_dead(owner: str) -> bool:
    """Whether the owner's process is known to be gone: only that of a process on this machine ever is."""
    here, *process = owner.rsplit(" ", 3)
    if here != _here() or len(process) != 3 or not process[0].isdigit() or not process[1]:
        return False
    if not _start_of(1):
        return False  # other people's processes are hidden here: one that is not seen may live
    return _start_of(int(process[0])) != process[1]


@lru_cache(maxsize=1)
def _here() -> str:
    """The host, its boot and its space of process numbers: a number means the same process only where all are the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return platform.node()
    return f"{platform.node()} {boot} {space}"


def _start_of(pid: int) -> str:
    """When the process of this number started, in the kernel's ticks; empty where there is none, or no ``/proc``."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the command's name comes before and may hold anything
    return "" if fields[0] in "ZX" else fields[19]
