"""Whether the process that wrote something is still there."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from eventstore.model.process_identity import Fate, Process, fate, this_process


def test_a_process_runs_until_it_ends() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        process = replace(this_process(), pid=child.pid, start=f"{stat[19]}@{this_process().boot}")
        assert fate(process) is Fate.RUNNING
    finally:
        child.kill()
        child.wait()
    assert fate(process) is Fate.ENDED
    assert fate(this_process()) is Fate.RUNNING


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    mine = this_process()
    assert fate(replace(mine, start=f"1@{mine.boot}")) is Fate.ENDED


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"namespace": "pid:[1]"}, {"namespace": ""}])
def test_what_cannot_be_seen_from_here_is_never_said_to_have_ended(change: dict[str, str]) -> None:
    assert fate(replace(this_process(), pid=4_194_305, **change)) is Fate.OUT_OF_SIGHT


def test_of_another_boot_nothing_runs_here() -> None:
    assert fate(replace(this_process(), start="1@another-boot")) is Fate.OTHER_BOOT


def test_a_real_process_of_another_pid_namespace_is_out_of_sight() -> None:
    unshared = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*unshared, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a PID namespace")
    script = (
        "from eventstore.model import this_process as p; p = p(); print([p.host, p.pid, p.start, p.namespace], flush=True)"
    )
    command = [*unshared, sys.executable, "-c", f"{script}; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        host, pid, start, namespace = json.loads(child.stdout.readline().replace("'", '"'))
        process = Process(host=host, pid=pid, start=start, namespace=namespace)
        assert (host, process.boot) == (this_process().host, this_process().boot)
        assert namespace != this_process().namespace
        assert fate(process) is Fate.OUT_OF_SIGHT, "it runs, although the number is another process here, or none"
        child.communicate("\n")
