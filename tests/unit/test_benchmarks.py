"""Which benchmarks ``make bench`` runs: those that measure something, and no module that only helps them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import tail_side
from benchmarks.beside import figures, slower
from eventstore.tail import topic_tail
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


@pytest.mark.slow
def test_each_benchmark_is_imported_without_the_settings_of_django() -> None:
    programs = [path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()]
    assert "tail" in programs
    lines = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module('benchmarks.' + name)"
    outside = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-c", lines, *programs], cwd=ROOT, env=outside, check=True)


def test_sides_of_the_tail_do_not_load_each_other() -> None:
    assert tail_side.LINGERING_SECONDS > topic_tail.LINGER_SECONDS


def test_slower_is_more_time_or_less_a_second() -> None:
    middle = {("a_ms", "before"): 2.0, ("a_ms", "now"): 3.0, ("a_per_second", "before"): 3.0, ("a_per_second", "now"): 2.0}
    assert (slower("a_ms", middle), slower("a_per_second", middle)) == (1.5, 1.5)


def other(tree: Path, program: str) -> None:
    (tree / "benchmarks").mkdir()
    (tree / "benchmarks" / "other.py").write_text(program)


def test_times_and_rates_of_another_build_are_taken_where_they_are_not_empty(tmp_path: Path) -> None:
    other(tmp_path, """print('{"a_ms": 1, "b_ms": null, "bare_ms": 2, "c_per_second": 3.5, "d": 4}')""")
    assert dict(figures("other", tmp_path)) == {"a_ms": 1, "c_per_second": 3.5}


def test_a_benchmark_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    other(tmp_path, "import sys\nfor number in range(100): print(number, file=sys.stderr)\nsys.exit('no broker')")
    with pytest.raises(SystemExit, match=r"other ended with status 1 in .*\n81\n(.*\n)*99\nno broker$"):
        list(figures("other", tmp_path))
