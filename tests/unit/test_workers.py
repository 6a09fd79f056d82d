"""Workers run the tests of a run together, and it looks as if one process had run them all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]

CONFTEST = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def whole_run(worker_id):
    yield
    with open("ended", "a") as file:
        file.write(worker_id + "\\n")
"""
ONE = """
import pytest, warnings

def test_has_a_folder_of_its_worker(tmp_path, worker_id):
    assert tmp_path.parent.name == worker_id

def test_fails():
    print("said by a test")
    assert 1 + 1 == 3

@pytest.mark.skip(reason="for a reason")
def test_is_left_out(): ...

def test_warns():
    warnings.warn("something is old", DeprecationWarning)
"""
OTHER = """
def test_goes_well_first(): ...
def test_goes_well(): ...
"""
ENDING = """
import os

def test_before(): ...
def test_ends_its_process(): os._exit(3)
def test_behind(): ...
"""


def ran(folder: Path, *arguments: str, **files: str) -> str:
    for name, text in {"conftest": CONFTEST, **files}.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.workers", "--workers", "2", "-rs", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout


def summary(output: str) -> str:
    return re.sub(r" in .*|=", "", output.splitlines()[-1]).strip()


def test_what_each_test_gave_is_shown_as_usual_and_each_worker_tears_down_what_it_has(tmp_path: Path) -> None:
    output = ran(tmp_path, test_one=ONE, test_other=OTHER)
    assert summary(output) == "1 failed, 4 passed, 1 skipped, 1 warning"
    assert "assert (1 + 1) == 3" in output
    assert "said by a test" in output
    assert "for a reason" in output
    assert "something is old" in output
    assert "[100%]" in output
    assert sorted((tmp_path / "ended").read_text().split()) == ["worker-0", "worker-1"]


def test_a_test_that_ends_its_process_has_failed_and_another_worker_does_the_rest(tmp_path: Path) -> None:
    output = ran(tmp_path, test_ending=ENDING, test_other=OTHER)
    assert summary(output) == "1 failed, 4 passed"
    assert "test_ends_its_process" in output
    assert re.search(r"worker-\d ended in the middle of this test", output)


def test_after_the_first_failure_the_run_ends_if_it_is_told_to(tmp_path: Path) -> None:
    output = ran(tmp_path, "-x", test_one=ONE.replace("(tmp_path, worker_id)", "(tmp_path, worker_id, nothing)"))
    assert summary(output).endswith("1 error")
    assert "stopping after 1 failures" in output
