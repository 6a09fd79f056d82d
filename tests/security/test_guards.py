"""Each test of a class of failures fails once its guard is taken out: in a copy of the project, one change at a time."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.desk_template import ROOT
from tests.security.guards import GUARDS, Guard

CLASSES = (
    *("A filter that is code", "Endpoint set by the user", "Broker credentials in the browser", "Shipped secrets"),
    *("Open bootstrap", "No login", "Button hidden, endpoint open", "State change by GET", "Cross-site websocket"),
    *("Stored XSS from broker data", "Metadata spoofing", "Cookies, framing", "Big things", "Wrong counts"),
    *("Replay by accident", "Tail that lies", "Personal data"),
)
LEFT_OUT = (".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "__pycache__", "var")
FAILED = 1
"""pytest's status if a test failed. That it found no test, or could not import one, is another."""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return to


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_a_test_named_after_it_and_a_guard(name: str) -> None:
    guards = [guard for guard in GUARDS if guard.failure.partition(":")[0] == name]
    assert guards
    words = re.sub(r"[^a-z]+", "_", name.lower())
    for guard in guards:
        file, test = guard.test.split("::")
        assert set(words.split("_")) <= {*test.split("_"), "tail", "set"}, test
        defined = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        assert test in {node.name for node in defined if isinstance(node, ast.FunctionDef)}


def test_every_guard_is_still_where_it_is_said_to_be() -> None:
    """Otherwise it could not be taken out, which make soak alone would tell."""
    changes = [change for guard in GUARDS for change in guard.changes]
    assert [file for file, there, _ in changes if (ROOT / file).read_text(encoding="utf-8").count(there) != 1] == []


@pytest.mark.soak
@pytest.mark.parametrize("guard", GUARDS, ids=[guard.failure for guard in GUARDS])
def test_each_of_them_fails_without_its_guard(copied: Path, guard: Guard) -> None:
    kept = {file: (copied / file).read_text(encoding="utf-8") for file, _, _ in guard.changes}
    try:
        for file, there, without in guard.changes:
            text = (copied / file).read_text(encoding="utf-8")
            assert text.count(there) == 1, f"{file} has changed: say in guards.py what the guard is now"
            (copied / file).write_text(text.replace(there, without), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", guard.test]
        environment = {**os.environ, "PYTHONPATH": str(copied), "CI": ""}
        done = subprocess.run(command, cwd=copied, env=environment, capture_output=True, text=True, check=False)
    finally:
        for file, text in kept.items():
            (copied / file).write_text(text, encoding="utf-8")
    assert done.returncode == FAILED, done.stdout[-3000:] + done.stderr[-1000:]
