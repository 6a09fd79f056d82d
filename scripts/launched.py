"""Servers that end with whoever has started them, however that ends."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# The parent holds the other end of the shell's stdin: however the parent ends, the server ends too.
LAUNCHER = 'exec 3<&0; (read -r _ <&3; kill -{signal} $$) & exec 3<&-; exec "$@" </dev/null'


def launched(name: str, command: Sequence[str], log: Path, *, ended_by: str = "TERM", **more: Any) -> subprocess.Popen[bytes]:
    """Start it in a process group of its own, with its output at the end of ``log``. Call ``clear_up`` once it has ended.

    ``ended_by``: the signal that it gets once its parent is gone. ``more`` is given to ``subprocess.Popen``.
    """
    with log.open("ab") as out:
        return subprocess.Popen(
            ["sh", "-c", LAUNCHER.format(signal=ended_by), name, *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **more,
        )


def clear_up(process: subprocess.Popen[bytes]) -> None:
    """End what is left of its group, such as the launcher's shell that waits for the parent."""
    with suppress(ProcessLookupError):  # all of it has ended, as it should
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin:
        process.stdin.close()
