"""How many processes an indexer has room for, where nobody says."""

import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
ENOUGH_MEMORY = 400_000_000
"""Bytes of a control group's limit from which on there is room for a second process of 70 to 160 MB."""


def default_processes() -> int:
    """Return 2 where this process may use two processors, so that one reads while the other writes, and has the memory."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if found >= 2 and all(_has_room(folder) for folder in _own_groups()) else 1


def _own_groups() -> list[Path]:
    """Return this process's control group (version 2) and those around it, as far as they can be seen."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = next((line.partition("::")[2].strip("/") for line in lines if line.startswith("0::")), "")
    folder = GROUPS / own
    return [folder, *(one for one in folder.parents if one.is_relative_to(GROUPS))]


def _has_room(folder: Path) -> bool:
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    most = _read(folder / "memory.max")
    processors = int(quota) / int(period) if quota.isdigit() and period.isdigit() else 2
    return processors >= 2 and (not most.isdigit() or int(most) >= ENOUGH_MEMORY)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
