"""mypy, which begins with what it knew at the end of its last run in any clone of this user: ``python -m scripts.type_check``.

It looks at the contents of each module and of what that imports, and checks what has changed. A fresh clone without that takes
it a minute of a processor, and six seconds with.
"""

import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from scripts.pulsar_distribution import cache_folder, locked

OWN = Path(".mypy_cache")
KEPT = "mypy"


def main() -> int:
    with suppress(OSError, RuntimeError):  # a home that is full, cannot be written, or is not there
        take(cache_folder() / KEPT, OWN)
    status = subprocess.run([sys.executable, "-m", "mypy"], check=False).returncode
    if status == 0:
        with suppress(OSError, RuntimeError):
            keep(OWN, cache_folder() / KEPT)
    return status


def take(kept: Path, own: Path) -> None:
    """Make a clone's cache a copy of the kept one, where it has none."""
    if own.exists() or not kept.is_dir():
        return
    with locked(kept.with_suffix(".lock")), tempfile.TemporaryDirectory(prefix=f"{own.name}-", dir=own.parent) as unfinished:
        shutil.copytree(kept, Path(unfinished) / own.name).rename(own)


def keep(own: Path, kept: Path) -> None:
    """Make the kept cache a copy of a clone's, unless it is newer."""
    if kept.is_dir() and newest(kept) >= newest(own):
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    with locked(kept.with_suffix(".lock")), tempfile.TemporaryDirectory(prefix=f"{kept.name}-", dir=kept.parent) as unfinished:
        whole = Path(shutil.copytree(own, Path(unfinished) / "new"))
        if kept.is_dir():
            kept.rename(Path(unfinished) / "old")
        whole.rename(kept)


def newest(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0.0)


if __name__ == "__main__":
    sys.exit(main())
