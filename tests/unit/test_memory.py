"""How the web server's process keeps memory: what a frame took is given back once the frame is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MEASURE = """
def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGESIZE")

before = resident()
frames, kept = [], []
for _ in range(300):
    frames.append(b"x" * 100_000)
    kept.append(bytes(1_000))  # lies between two frames, and stays
full = resident()
frames.clear()
print(full - before, resident() - before)
"""


def grown(beginning: str, folder: Path) -> tuple[int, int]:
    """By how much a process that begins so grows with 30 MB of frames, and what of it is left once they are gone."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "EVENTDESK_DATA": str(folder),
        "EVENTDESK_SECRET_KEY": "only-for-this-test-" + "x" * 40,
        "EVENTDESK_HOSTS": "127.0.0.1",
        "EVENTDESK_TLS": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import os\n{beginning}\n{MEASURE}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    full, left = done.stdout.split()
    return int(full), int(left)


pytestmark = pytest.mark.skipif(sys.platform != "linux" or not os.confstr("CS_GNU_LIBC_VERSION"), reason="asks glibc")


def test_what_daphne_serves_gives_back_the_memory_of_frames_that_are_gone(tmp_path: Path) -> None:
    full, left = grown("import dashboard.asgi", tmp_path)
    assert full > 25_000_000
    assert left < 5_000_000


def test_the_c_library_takes_what_it_is_told(tmp_path: Path) -> None:
    _, left = grown("from dashboard.memory import give_back_freed_memory\nassert give_back_freed_memory() is True", tmp_path)
    assert left < 5_000_000
