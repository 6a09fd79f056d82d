"""A process that is forked is what an interpreter with its command line would be."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.running.processes import forking

pytestmark = pytest.mark.skipif(not forking.SUPPORTED, reason="forks on Linux only")
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


def forks(code: str) -> "subprocess.CompletedProcess[str]":
    """Run this in a process of its own, which forks: threads of the test runner would not survive it."""
    told = f"import os, sys\nfrom dashboard.running.processes.forking import Forked, fork\n{code}"
    return subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize(
    ("work", "code"),
    [("int('1')", 0), ("sys.exit(3)", 3), ("sys.exit('a reason')", 1), ("int('x')", 1), ("os.kill(os.getpid(), 9)", -9)],
)
def test_it_ends_with_the_code_of_what_it_ran(work: str, code: int) -> None:
    ran = forks(f"print(Forked(lambda: {work}).wait())\nprint('the parent goes on')")
    assert ran.stdout.splitlines() == [str(code), "the parent goes on"]
    assert ("a reason" in ran.stderr) == ("a reason" in work)


def test_a_command_gets_its_arguments_its_environment_and_its_own_name(tmp_path: Path) -> None:
    script = "import os, sys; print(sys.argv, os.environ.get('MARK'), open('/proc/self/cmdline').read().rstrip(chr(0)))"
    (path := tmp_path / "shown.py").write_text(script)
    ran = forks(f"fork([sys.executable, {str(path)!r}, 'run', 'it'], {{'MARK': 'here'}}, lambda: None).wait()")
    assert ran.stdout == f"{[str(path), 'run', 'it']} here {sys.executable} {path} run it\n"


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_it_can_be_ended(end: str) -> None:
    wait = "import time; time.sleep(60)"
    ran = forks(f"one = Forked(lambda: exec({wait!r}))\nprint(one.poll())\none.{end}()\nprint(one.wait(20))")
    number = signal.SIGTERM if end == "terminate" else signal.SIGKILL
    assert ran.stdout.splitlines() == ["None", str(-number)]


def test_what_the_parent_leaves_at_its_end_is_not_done_by_the_child() -> None:
    code = "try:\n    Forked(lambda: print('child')).wait()\nfinally:\n    print('left by', os.getpid())"
    lines = forks(code).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["child", "left"]
    assert len(lines) == len(set(lines))


def test_a_signal_that_comes_while_it_begins_ends_it() -> None:
    code = """
import signal, time
signal.signal(signal.SIGTERM, lambda number, frame: None)
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
print(Forked(lambda: time.sleep(60)).wait(20))
os.kill(os.getpid(), signal.SIGTERM)
print('the parent goes on')
"""
    assert forks(code).stdout.splitlines() == [str(-signal.SIGTERM), "the parent goes on"]


def test_no_fork_comes_while_a_line_of_the_log_is_written() -> None:
    code = """
import threading, time
from dashboard.running import json_lines
writing, begun = [], threading.Event()
class Slow:
    def write(self, line):
        writing.append(line)
        begun.set()
        time.sleep(0.3)
        writing.clear()
reads, writes = os.pipe()
threading.Thread(target=json_lines._pass_on, args=(reads, Slow()), daemon=True).start()
os.write(writes, b'something\\n')
begun.wait()
print(Forked(lambda: sys.exit(len(writing))).wait())
"""
    assert forks(code).stdout == "0\n"
