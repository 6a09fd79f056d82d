"""Each benchmark runs to its end at a small scale. What it then says of speed is no matter here."""

import json
import os
import subprocess
import sys

import pytest

from tests.desk_process import ROOT

SMALL = {
    "import": {"EVENTS": "1000"},
    "index": {"EVENTS": "5000", "FEED": "10000"},
    "pages": {"EVENTS": "20000"},
    "redrive": {"EVENTS": "2000"},
    "replay": {"EVENTS": "2000", "COPIES": "2000"},
    "tail": {"EVENTS": "100", "SECONDS": "5", "VIEWERS": "5", "MANY": "20"},
}
"""Benchmark → the environment that makes it small."""


@pytest.mark.soak
@pytest.mark.broker
@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs_to_its_end_and_reports(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | SMALL[name], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert figures["versions"]["pulsar-client"]
