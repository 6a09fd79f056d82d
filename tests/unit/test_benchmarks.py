"""Which benchmarks ``make bench`` runs: those that measure something, and no module that only helps them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.desk_process import ROOT

MAKE = shutil.which("make") or "make"


def bench(folder: Path, name: str) -> tuple[int, str]:
    """``make bench`` with a stand-in for Python that says what it is to run, and nothing to install."""
    python = folder / "python"
    python.write_text('#!/bin/sh\necho running "$@"\n')
    python.chmod(0o755)
    makefile = folder / "Makefile"
    makefile.write_text((ROOT / "Makefile").read_text().replace("bench: install-dev", "bench:"))
    command = [MAKE, "--no-print-directory", "-f", str(makefile), "bench", f"BIN={folder}", f"NAME={name}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


@pytest.mark.parametrize(
    "name", ["beside", "import", "index", "masking", "pages", "redrive", "replay", "subscriptions", "tail"]
)
def test_a_benchmark_is_run(tmp_path: Path, name: str) -> None:
    assert bench(tmp_path, name) == (0, f"running -m benchmarks.{name}\n")


@pytest.mark.parametrize("name", ["running", "masking_side", "material", "tail_publishing", "__init__", "nothing", ""])
def test_what_is_none_is_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    code, said = bench(tmp_path, name)
    assert code != 0
    assert "running -m" not in said
    assert "import" in said
